"""Finds the documents that differ between two instants, page by page; each page reads a bounded number of rows.

If few events were recorded between the instants, only the streams of these events are compared. Otherwise all streams
are compared in the order of their ids, so that a page need not collect all of the events first.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.engine.projection.projection import AnyProjection

EVENTS_MAX = 10_000
"""With more events between the instants, all streams are compared in order."""
STREAMS_MAX = 10_000
"""One page compares no more streams."""


class DocumentChange(Struct, frozen=True):
    """A document that differs between two instants; None stands for no document."""

    id: int
    valid_from: datetime | None
    """When the event that led to the later document was recorded."""
    before: bytes | None
    after: bytes | None


class ChangesPage(Struct, frozen=True):
    changes: list[DocumentChange]
    upto: int | None
    """The next page begins after this id; None if this is the last page."""


class Interval(Struct, frozen=True):
    """Two instants; `until` is not before `since`."""

    since: datetime
    until: datetime


HAS_MANY_EVENTS = """
select count(*) > %(most)s
from (
    select
    from catalog.events
    where recorded_at > %(since)s
        and recorded_at <= %(until)s
    limit %(most)s + 1
) as event
"""
LAST_STREAM_OF_PAGE = """
select max(stream_id), count(*) = %(most)s
from (
    select stream_id
    from catalog.streams
    where stream_id > %(after)s
    order by stream_id
    limit %(most)s
) as walked
"""
FROM_ALL_STREAMS = """(
    select walked.stream_id as id, later.valid_from, earlier.document as before, later.document as after
    from (
        select stream_id
        from catalog.streams
        where stream_id > %(after)s and stream_id <= %(upto)s
        order by stream_id
        offset 0
    ) as walked
    left join lateral (
        select document
        from {as_of}(%(since)s) as stored
        where stored.id = walked.stream_id
        limit 1
    ) as earlier on true
    left join lateral (
        select valid_from, document
        from {as_of}(%(until)s) as stored
        where stored.id = walked.stream_id
        limit 1
    ) as later on true
    where earlier.document is distinct from later.document
)"""
FROM_EVENTS = "{changed_between}(%(since)s, %(until)s)"
CHANGED_DOCUMENTS = (
    "select id, valid_from, before, after from {source} as changed where {conditions} order by id limit %(limit)s"
)


async def changed_between(
    connection: AsyncConnection,
    projection: AnyProjection,
    interval: Interval,
    equal: Mapping[str, str],
    after_id: int,
    limit: int,
) -> ChangesPage:
    """At most `limit` documents that differ between two instants, in the order of their ids, after `after_id`.

    A document counts if its fields equal these texts at either instant. A page may have fewer documents and still not
    be the last: one page compares at most STREAMS_MAX streams.
    """
    given: dict[str, Any] = {"since": interval.since, "until": interval.until, "after": after_id, "limit": limit + 1}
    source, upto, more = FROM_EVENTS, None, False
    if (await _fetch_row(connection, HAS_MANY_EVENTS, {**given, "most": EVENTS_MAX}))[0]:
        source = FROM_ALL_STREAMS
        upto, more = await _fetch_row(connection, LAST_STREAM_OF_PAGE, {**given, "most": STREAMS_MAX})
    texts = {f"equal_{field}": value for field, value in equal.items()}
    query = sql.SQL(CHANGED_DOCUMENTS).format(
        source=sql.SQL(source).format(
            changed_between=sql.Identifier("catalog", f"{projection.name}_changed_between"),
            as_of=sql.Identifier("catalog", f"{projection.name}_as_of"),
        ),
        conditions=sql.SQL(" and ").join([sql.SQL("id > %(after)s"), *map(_equality_condition, equal)]),
    )
    cursor = await connection.execute(query, {**given, **texts, "upto": upto})
    found = [DocumentChange(*row) for row in await cursor.fetchall()]
    if len(found) > limit:
        return ChangesPage(found[:limit], found[limit - 1].id)
    return ChangesPage(found, upto if more else None)


async def _fetch_row(connection: AsyncConnection, query: str, given: dict[str, Any]) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode(), given)).fetchone()
    assert row is not None, "an aggregate has one row"
    return row


def _equality_condition(field: str) -> sql.Composed:
    return sql.SQL("{} in (before ->> {}, after ->> {})").format(
        sql.Placeholder(f"equal_{field}"), sql.Literal(field), sql.Literal(field)
    )
