with added (key, document) as materialized (
{added}
), gone as (
    delete from {table} as stored
    where not exists (select from added where added.key = stored.key)
)
insert into {table} as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document
