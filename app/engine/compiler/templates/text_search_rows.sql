select id, catalog.tokens_of({text}) as words
    from (
        select id, {taken}
        from versions
        offset 0
    ) as version
    group by id
