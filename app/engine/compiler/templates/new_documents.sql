select stream_id as id,
            catalog.evolve_{name}(null, stream_id, 1, p_recorded_at, type, data) as document
        from pg_temp.new_streams
        where type in ({types})
