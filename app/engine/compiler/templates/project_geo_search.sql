    if v_after is not null and {after} is distinct from {before} then
        insert into catalog.{table} (id, since, place)
        values (p_stream_id, p_recorded_at, {point});
    end if;
