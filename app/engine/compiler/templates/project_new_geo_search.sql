, {name}_placed as (
        insert into catalog.{name}_places (id, since, place)
        select id, p_recorded_at, {point}
        from new
        where {has_place}
    )
