    if v_before is not null then
        insert into catalog.{table} (id, version, valid_from, valid_to, document)
        values (p_stream_id, v_version, v_valid_from, p_recorded_at, v_before);
    end if;
