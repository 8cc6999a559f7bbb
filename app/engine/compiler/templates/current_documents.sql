(
    select {columns}
    from catalog.{name}
    where valid_from <= {instant}
    union all
    select {columns}
    from catalog.{name}_history
    where valid_from <= {instant}
        and valid_to > {instant}
        and {in_the_past}
) as stored
