    insert into catalog.{table} (id, words)
    select id, catalog.tokens_of({text})
    from (
        {documents}
        offset 0
    ) as new
    where {has_text};
