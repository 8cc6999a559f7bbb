(
    select key, document
    from catalog.{name}
    where {instant} = 'infinity'
    union all
{aggregated}
) as stored (key, document)
