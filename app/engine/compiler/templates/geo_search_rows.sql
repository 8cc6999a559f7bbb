select id, valid_from as since, {point} as place
    from (
        select id, valid_from, {columns},
            {moved}
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, {taken}
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new
