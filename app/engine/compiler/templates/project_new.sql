create or replace function catalog.project_new_{name}(p_recorded_at timestamptz) returns void
language plpgsql volatile as $$
begin
    with new as materialized (
        {documents}
    ){places}
    insert into catalog.{name} (id, version, valid_from, document)
    select id, 1, p_recorded_at, document
    from new
    where document is not null;
end
$$;
{comment}
