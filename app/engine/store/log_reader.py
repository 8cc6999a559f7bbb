"""Read the log up to the high-water mark: pages, filters and counts over time."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.engine.store.event_store import StoredEvent
from app.errors import Conflict

READ_SETTLED = """
select settled.position, entry.*
from catalog.settled
left join lateral (
    select position, event_id, version, recorded_at, metadata, type, data, stream_id
    from catalog.events
    where events.position > %(after)s
        and events.position < %(before)s
        and events.position <= settled.position
        {in_time}
    order by events.position {order}
    limit %(limit)s
) as entry on true
"""


READ_FILTERED = """
select settled.position, found.position, entry.*
from catalog.settled
left join lateral (
    select position, place
    from (
        select position, type, metadata, row_number() over (order by position {order}) as place
        from {source} as events
        where events.position > %(after)s
            and events.position < %(before)s
            and events.position <= settled.position
            {in_time}
        order by events.position {order}
        limit %(passed)s + 1
    ) as events
    where place > %(passed)s or ({conditions})
    order by position {order}
    limit %(limit)s
) as found on true
left join lateral (
    select position, event_id, version, recorded_at, metadata, type, data, stream_id
    from catalog.events
    where events.position = found.position and found.place <= %(passed)s
) as entry on true
order by found.position {order}
"""
"""Scans a bounded number of events. If the scan ends early, the last row has a position and no event."""
SCANNED_EVENTS_MAX = 200_000
"""How many events one page scans for those that match."""
EVENTS_OF_STREAM = "(select * from catalog.events where stream_id = %(stream_id)s::integer offset 0)"
"""`offset 0` makes the planner use the index log_by_stream; otherwise it may scan the log for the stream's events."""


class LogEntry(StoredEvent, frozen=True):
    """A stored event with its stream."""

    stream_id: int


class LogPage(Struct, frozen=True):
    """Some settled events in the order of the log."""

    events: list[LogEntry]
    upto: int
    """No matching event up to this position is missing; the next page begins after it."""
    more: bool
    """Whether the next page has settled events to scan already."""


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events of the log match; None matches any."""

    type: str | None = None
    stream_id: int | None = None
    user_id: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    """Recorded at this instant or later."""
    until: datetime | None = None
    """Recorded before this instant."""

    @property
    def skips_events(self) -> bool:
        """Whether a scan meets events that do not match."""
        return any(each is not None for each in (self.type, self.stream_id, self.user_id, self.correlation_id))


ALL_EVENTS = EventFilter()
FILTER_CONDITIONS = {
    "type": sql.SQL("events.type = %(type)s"),
    "user_id": sql.SQL("events.metadata ->> 'user_id' = %(user_id)s"),
    "correlation_id": sql.SQL("events.metadata ->> 'correlation_id' = %(correlation_id)s"),
}
TIME_CONDITIONS = {
    "since": sql.SQL("and events.recorded_at >= %(since)s"),
    "until": sql.SQL("and events.recorded_at < %(until)s"),
}
AFTER_LAST_POSITION = 2**63 - 1


def settled_query(
    after: int, limit: int, event_filter: EventFilter, before: int | None
) -> tuple[sql.Composed, dict[str, object]]:
    """The query of `read_settled` and its parameters. It asks for one row more than a page has."""
    wanted = {name: value for name, value in msgspec.structs.asdict(event_filter).items() if value is not None}
    query = sql.SQL(READ_FILTERED if event_filter.skips_events else READ_SETTLED).format(
        source=sql.SQL("catalog.events" if event_filter.stream_id is None else EVENTS_OF_STREAM),
        in_time=sql.SQL(" ").join(TIME_CONDITIONS[name] for name in wanted if name in TIME_CONDITIONS),
        conditions=sql.SQL(" and ").join(
            [FILTER_CONDITIONS[name] for name in wanted if name in FILTER_CONDITIONS] or [sql.SQL("true")]
        ),
        order=sql.SQL("asc" if before is None else "desc"),
    )
    bounds = {
        "before": AFTER_LAST_POSITION if before is None else before,
        "limit": limit + 1,
        "passed": SCANNED_EVENTS_MAX,
    }
    return query, {"after": after, **bounds, **wanted}


async def read_settled(
    connection: AsyncConnection,
    after: int,
    limit: int,
    event_filter: EventFilter = ALL_EVENTS,
    before: int | None = None,
) -> LogPage:
    """Return at most `limit` matching settled events after a position, in order; with `before`, newest first.

    A page has fewer events, and `more`, if the scan met SCANNED_EVENTS_MAX events. The mark and the events come from
    one snapshot, so no event up to `upto` can appear later.
    """
    query, given = settled_query(after, limit, event_filter, before)
    rows = await (await connection.execute(query, given)).fetchall()
    return settled_page(rows, after, limit, event_filter, before)


def settled_page(
    rows: list[tuple[Any, ...]], after: int, limit: int, event_filter: EventFilter, before: int | None
) -> LogPage:
    """The page of the rows that `settled_query`, with the same arguments, has returned."""
    if not event_filter.skips_events:
        rows = [(row[0], *row[1:2], *row[1:]) for row in rows]
    found = [LogEntry(*row[2:]) for row in rows if row[2] is not None]
    if len(found) > limit:
        return LogPage(found[:limit], found[limit - 1].position, more=True)
    settled, last, reached, *_ = rows[-1]
    if last is not None and reached is None:
        return LogPage(found, last - 1 if before is None else last + 1, more=True)
    return LogPage(found, max(after, settled), more=False)


COUNT_EVENTS_BY_BUCKET = """
select recorded_at_bucket, count(*)
from (
    select least(
        floor(date_part('epoch', recorded_at - %(since)s) / %(bucket_seconds)s)::integer,
        %(buckets)s::integer - 1
    ) as recorded_at_bucket
    from catalog.events
    where recorded_at >= %(since)s
        and recorded_at <= %(until)s
) as event
group by recorded_at_bucket
"""
FIRST_INSTANT = "select min(recorded_at) from catalog.events"


async def read_first_instant(connection: AsyncConnection) -> datetime | None:
    """Return when the first event of the log was recorded; None if the log has no events."""
    row = await (await connection.execute(FIRST_INSTANT)).fetchone()
    return row[0] if row else None


async def read_density(
    connection: AsyncConnection, since: datetime, until: datetime, buckets: int
) -> tuple[float, list[int]]:
    """Return the width of a bucket in seconds, and the number of events in each bucket between two instants."""
    bucket_seconds = max((until - since).total_seconds() / buckets, 1e-6)
    given = {"since": since, "until": until, "buckets": buckets, "bucket_seconds": bucket_seconds}
    counts = [0] * buckets
    for bucket, count in await (await connection.execute(COUNT_EVENTS_BY_BUCKET, given)).fetchall():
        counts[bucket] = count
    return bucket_seconds, counts


async def read_mark(connection: AsyncConnection) -> int:
    """Return the position of the high-water mark: every position up to it is settled."""
    row = await (await connection.execute("select position from catalog.settled")).fetchone()
    assert row is not None, "catalog.settled has one row"
    return int(row[0])


NEWEST_POSITION = "select case when is_called then last_value else 0 end from catalog.log_position_seq"


async def check_position_exists(connection: AsyncConnection, position: int) -> None:
    """Raises AheadOfLog for a position that no event ever had, such as one from another log that was lost.

    The position is compared with the sequence, not with the mark: a client may hold a position newer than the mark.
    """
    row = await (await connection.execute(NEWEST_POSITION)).fetchone()
    assert row is not None, "a sequence has one row"
    if position > row[0]:
        raise AheadOfLog(position, row[0])


class AheadOfLog(Conflict):
    """The log has not come that far"""

    def __init__(self, position: int, newest: int) -> None:
        super().__init__(
            f"No event has the position {position}: the newest one handed out is {newest}. "
            "If the database was restored, read again from a position up to that.",
            newest_position=newest,
        )
