{name}_expected as (
    {query}
), {name}_deleted as (
    delete from catalog.{name}
    where id = p_stream_id
        and not exists (select from {name}_expected where {same_key})
    returning 1
), {name}_upserted as (
    insert into catalog.{name} as stored ({columns})
    select {columns} from {name}_expected
    on conflict ({key}) do update
    set {updates}
    where row({stored})::text is distinct from row({excluded})::text
    returning 1
)
