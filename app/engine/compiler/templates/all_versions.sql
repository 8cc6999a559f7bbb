(
    select {columns}, null::timestamptz as valid_to
    from catalog.{name}
    where valid_from <= {instant}
    union all
    select {columns}, case when valid_to <= {instant} then valid_to end
    from catalog.{name}_history
    where valid_from <= {instant}
) as stored
