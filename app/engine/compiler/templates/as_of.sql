create or replace function catalog.{name}_as_of(p_until timestamptz)
returns table ({types})
language sql stable parallel safe as $$
select {names}
from catalog.{name}
where valid_from <= p_until
union all
select {names}
from catalog.{name}_history
where valid_from <= p_until
    and valid_to > p_until
$$;
{comment}
