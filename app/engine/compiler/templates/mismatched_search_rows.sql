with versions as materialized (
{versions}
), rightful as (
    {rightful}
), stored as (
    select {columns}
    from catalog.{table}
    where id between $1 and $2
)
select coalesce(stored.id, rightful.id), to_jsonb(stored), to_jsonb(rightful)
from stored
full join rightful on {same_key}
where to_jsonb(stored) is distinct from to_jsonb(rightful)
