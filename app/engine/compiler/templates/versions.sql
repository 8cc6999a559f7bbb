select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        {document} over so_far as document,
        {bounds}
    from (
        select stream_id, version, recorded_at, type, data,
            max(version) over whole as last_version
        from {log}
        where {where}
        window whole as (
            partition by stream_id order by version rows between unbounded preceding and unbounded following
        )
        offset 0
    ) as event
    where type in ({types})
    window so_far as (partition by stream_id order by version rows unbounded preceding)
) as version
where {alive}
