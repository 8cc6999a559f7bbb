(
    select {columns}
    from catalog.{name}
    where (select catalog.require_present({name_literal}))
) as stored
