select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select {found}
    from (
        select {read}
        from catalog.log
        where {where}
        offset 0
    ) as event{group}
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from {start} as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select {values}
) as document
where stream.started_at is not null{alive}
