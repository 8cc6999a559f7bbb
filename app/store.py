"""The event store: appending to a stream, reading one, reading the settled log, counting it; each one statement.

Thin over the SQL: `append_to_stream` and `lock_stream` in schema.sql do the work.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from app.errors import Conflict, VersionConflict
from app.events import E, Metadata, Recorded, TagTable, metadata_from
from app.in_doubt import committing
from app.once import Once, as_json, as_key_taken

VERSION_CONFLICT = "SW001"

APPEND = """
select stream_id, version, position, recorded_at, documents
from catalog.append_to_stream(%s::integer, %s::integer, %s, %s)
"""

APPEND_ONCE = """
select stream_id, version, position, recorded_at, documents
from catalog.append_once(%s, %s::integer, %s::integer, %s, %s)
"""


class Appended(Struct, frozen=True, kw_only=True):
    """Where the newest event of an append came to lie."""

    stream_id: int
    version: int
    position: int
    recorded_at: datetime
    documents: dict[str, msgspec.Raw]
    """The inline documents after it, as JSON, by projection."""


async def append_to_stream(
    connection: AsyncConnection,
    stream_id: int | None,
    expected_version: int | None,
    events: tuple[Struct, ...],
    metadata: Metadata,
    once: Once | None = None,
) -> Appended:
    """Append `events` to a stream, or to a new one for None; any version will do without an expected one.

    Raises VersionConflict with `expected_version` and `current_version` if the stream is at another version, and
    KeyTaken if it is to be `once` and another one was first.
    """
    parameters = (stream_id, expected_version, _json(TagTable.encode(events)), _json(msgspec.json.encode(metadata)))
    try:
        with committing(connection):
            if once is None:
                cursor = await connection.execute(APPEND, parameters, prepare=True)
            else:
                cursor = await connection.execute(APPEND_ONCE, (as_json(once), *parameters), prepare=True)
    except psycopg.DatabaseError as error:
        if error.sqlstate == VERSION_CONFLICT:
            facts = msgspec.json.decode(error.diag.message_detail or "{}")
            raise version_conflict(VersionConflict, facts["expected_version"], facts["current_version"]) from None
        raise as_key_taken(error) from None
    row = await cursor.fetchone()
    assert row is not None, "append_to_stream answers with one row"
    return Appended(
        stream_id=row[0],
        version=row[1],
        position=row[2],
        recorded_at=row[3],
        documents=msgspec.json.decode(row[4], type=dict[str, msgspec.Raw]),
    )


def version_conflict(kind: type[VersionConflict], expected: int, current: int) -> VersionConflict:
    """A conflict of the given kind, with both versions in its sentence and its facts."""
    return kind(
        f"Version {expected} was expected, but the item is at version {current}.",
        expected_version=expected,
        current_version=current,
    )


async def lock_stream(connection: AsyncConnection, stream_id: int) -> None:
    """Let nobody else append to the stream until this connection's transaction ends."""
    await connection.execute("select catalog.lock_stream(%s::integer)", (stream_id,))


READ_STREAM = """
select position, event_id, version, recorded_at, metadata, type, data
from catalog.events
where stream_id = %s and recorded_at <= %s and version <= %s
order by version
"""

LAST_VERSION = 2**31 - 1
LAST_INSTANT = "infinity"


class StoredEvent(Struct, frozen=True):
    """An event with its data still as stored."""

    position: int
    event_id: UUID
    version: int
    recorded_at: datetime
    metadata: bytes
    type: str
    data: bytes


async def read_stream(
    connection: AsyncConnection, stream_id: int, until: datetime | str = LAST_INSTANT, version: int = LAST_VERSION
) -> list[StoredEvent]:
    """The events of a stream up to an instant and a version, in order; none if there is no such stream."""
    cursor = await connection.execute(READ_STREAM, (stream_id, until, version), prepare=True)
    return [StoredEvent(*row) for row in await cursor.fetchall()]


READ_INSTANTS = "select recorded_at from catalog.events where stream_id = %s order by version"


async def read_instants(connection: AsyncConnection, stream_id: int) -> list[datetime]:
    """When each event of a stream was recorded, in order; none if there is no such stream."""
    cursor = await connection.execute(READ_INSTANTS, (stream_id,), prepare=True)
    return [recorded_at for (recorded_at,) in await cursor.fetchall()]


READ_SURROUNDINGS = """
with chosen as materialized (
    select streams.stream_id, streams.version as last,
        coalesce((
            select version
            from catalog.events
            where stream_id = %(stream_id)s::integer and recorded_at <= %(until)s and version <= %(version)s
            order by version desc
            limit 1
        ), 1) as version
    from catalog.streams
    where stream_id = %(stream_id)s::integer
)
select chosen.version, chosen.last, near.version, (
    select recorded_at
    from catalog.events
    where events.stream_id = chosen.stream_id and events.version = near.version
)
from chosen
cross join unnest(array[1, chosen.version - 1, chosen.version, chosen.version + 1, chosen.last]) as near (version)
where near.version between 1 and chosen.last
order by near.version
"""


class Surroundings(Struct, frozen=True):
    """One version of a stream, and those around it."""

    version: int
    last: int
    """The newest version of the stream."""
    recorded_at: dict[int, datetime]
    """When the first, the previous, this, the next and the last version were recorded; in order, those there are."""


async def read_surroundings(
    connection: AsyncConnection, stream_id: int, until: datetime | None = None, version: int = LAST_VERSION
) -> Surroundings | None:
    """What is around the last version up to an instant and a version, or around the first if all came later; None if
    there is no such stream."""
    given = {"stream_id": stream_id, "until": until or LAST_INSTANT, "version": version}
    rows = await (await connection.execute(READ_SURROUNDINGS, given, prepare=True)).fetchall()
    return Surroundings(rows[0][0], rows[0][1], {row[2]: row[3] for row in rows}) if rows else None


SETTLED = """
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


FILTERED = """
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
"""Passes a bounded number of events; where it ends there is a position without an event."""
MOST_PASSED = 200_000
"""So many events one page looks at for those that are sought."""
OF_ONE_STREAM = "(select * from catalog.events where stream_id = %(stream_id)s::integer offset 0)"
"""By the index of streams, whatever the planner thinks of meeting the stream's events on the way."""


class LogEntry(StoredEvent, frozen=True):
    """An event as the log holds it, with its stream."""

    stream_id: int


class Page(Struct, frozen=True):
    """Some settled events in the order of the log."""

    events: list[LogEntry]
    upto: int
    """Nothing that was asked for is missing up to this position; the next page begins after it."""
    more: bool
    """Whether more is settled already."""


class Sought(Struct, frozen=True, kw_only=True):
    """Which events of the log are asked for; None is any."""

    type: str | None = None
    stream_id: int | None = None
    user_id: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    """Recorded then or later."""
    until: datetime | None = None
    """Recorded before that."""

    @property
    def filters(self) -> bool:
        """Whether events between those that are sought have to be passed."""
        return any(each is not None for each in (self.type, self.stream_id, self.user_id, self.correlation_id))


EVERY_EVENT = Sought()
CONDITIONS = {
    "type": sql.SQL("events.type = %(type)s"),
    "user_id": sql.SQL("events.metadata ->> 'user_id' = %(user_id)s"),
    "correlation_id": sql.SQL("events.metadata ->> 'correlation_id' = %(correlation_id)s"),
}
IN_TIME = {
    "since": sql.SQL("and events.recorded_at >= %(since)s"),
    "until": sql.SQL("and events.recorded_at < %(until)s"),
}
BEHIND_ALL = 2**63 - 1


def settled_query(after: int, limit: int, sought: Sought, before: int | None) -> tuple[sql.Composed, dict[str, object]]:
    """The query of `read_settled` for one row more than a page has, and its parameters."""
    wanted = {name: value for name, value in msgspec.structs.asdict(sought).items() if value is not None}
    query = sql.SQL(FILTERED if sought.filters else SETTLED).format(
        source=sql.SQL("catalog.events" if sought.stream_id is None else OF_ONE_STREAM),
        in_time=sql.SQL(" ").join(IN_TIME[name] for name in wanted if name in IN_TIME),
        conditions=sql.SQL(" and ").join(
            [CONDITIONS[name] for name in wanted if name in CONDITIONS] or [sql.SQL("true")]
        ),
        order=sql.SQL("asc" if before is None else "desc"),
    )
    bounds = {"before": BEHIND_ALL if before is None else before, "limit": limit + 1, "passed": MOST_PASSED}
    return query, {"after": after, **bounds, **wanted}


async def read_settled(
    connection: AsyncConnection, after: int, limit: int, sought: Sought = EVERY_EVENT, before: int | None = None
) -> Page:
    """At most `limit` of the settled events that are sought, in order behind a position; or, the newest first, those
    before one. Fewer, and `more`, where too many others are between them.

    The mark and the events are of one snapshot, so that nothing up to `upto` can come later.
    """
    query, given = settled_query(after, limit, sought, before)
    rows = await (await connection.execute(query, given)).fetchall()
    if not sought.filters:
        rows = [(row[0], *row[1:2], *row[1:]) for row in rows]
    found = [LogEntry(*row[2:]) for row in rows if row[2] is not None]
    if len(found) > limit:
        return Page(found[:limit], found[limit - 1].position, more=True)
    settled, last, reached, *_ = rows[-1]
    if last is not None and reached is None:
        return Page(found, last - 1 if before is None else last + 1, more=True)
    return Page(found, max(after, settled), more=False)


DENSITY = """
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
    """When the first event of all was recorded; None for a log without events."""
    row = await (await connection.execute(FIRST_INSTANT)).fetchone()
    return row[0] if row else None


async def read_density(
    connection: AsyncConnection, since: datetime, until: datetime, buckets: int
) -> tuple[float, list[int]]:
    """How many seconds a bucket has, and how many events were recorded in each of so many between two instants."""
    bucket_seconds = max((until - since).total_seconds() / buckets, 1e-6)
    given = {"since": since, "until": until, "buckets": buckets, "bucket_seconds": bucket_seconds}
    counts = [0] * buckets
    for bucket, count in await (await connection.execute(DENSITY, given)).fetchall():
        counts[bucket] = count
    return bucket_seconds, counts


async def read_mark(connection: AsyncConnection) -> int:
    """Every position up to this one is settled."""
    row = await (await connection.execute("select position from catalog.settled")).fetchone()
    assert row is not None, "the mark is always there"
    return int(row[0])


NEWEST_POSITION = "select case when is_called then last_value else 0 end from catalog.events_position_seq"


async def check_handed_out(connection: AsyncConnection, position: int) -> None:
    """Raises AheadOfLog for a position that no event ever had, as a reader of another, lost log may bring it.

    The sequence knows at any moment; the mark would do injustice to who read behind it a moment ago.
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


def recorded(stream_id: int, tags: TagTable[E], stored: StoredEvent) -> Recorded[E]:
    """The stored event, decoded. Raises KeyError for a tag that `tags` does not know."""
    return Recorded(
        position=stored.position,
        event_id=stored.event_id,
        stream_id=stream_id,
        version=stored.version,
        recorded_at=stored.recorded_at,
        metadata=metadata_from(stored.metadata),
        event=tags.decode(stored.type, stored.data),
    )


def _json(encoded: bytes) -> Jsonb:
    """Bytes that are JSON already, on their way into a jsonb parameter."""
    return Jsonb(encoded, dumps=_as_it_is)


def _as_it_is(encoded: bytes) -> bytes:
    return encoded
