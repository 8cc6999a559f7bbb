create or replace function catalog.refold_{name}(p_stream_id integer) returns bigint
language sql volatile set extra_float_digits = 1 as $$
with versions as materialized (
{versions}
), {writes}
select count(*)
from (
    {counts}
) as changed
$$;
{comment}
