create or replace function catalog.{name}_changed_between(p_from timestamptz, p_until timestamptz)
returns table (id integer, valid_from timestamptz, before jsonb, after jsonb)
language sql stable parallel safe as $$
{changed}
$$;
{comment}
