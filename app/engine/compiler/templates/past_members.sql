(
    select id, {columns}
    from catalog.{projection}
    where valid_from <= {instant}
        and {in_the_past}
    union all
    select id, {columns}
    from catalog.{projection}_history
    where valid_from <= {instant}
        and valid_to > {instant}
        and {in_the_past}
) as member (id, key, part)
