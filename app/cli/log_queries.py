"""Queries about the log and its projections for operators, with a struct for each result.

They run on connections of `operator_connection`: in autocommit, with JSON as it is stored.
"""

import time
from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
from msgspec import Raw, Struct
from psycopg import AsyncConnection, sql

from app.engine.background.independent_fold import DECODE_ERRORS, canonical_or_stored
from app.engine.background.projection_status import MARK_AND_HEAD, LogStatus, read_log_status
from app.engine.background.verify import begin_snapshot
from app.engine.events.timestamps import rfc3339
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.postgres.session_settings import connect, connect_async
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyReadModel, AnyRollup, projections_among, rollups_among
from app.engine.store.event_store import StoredEvent, decode_recorded, read_stream
from app.engine.store.live_fold import JSON_NULL, fold_stream
from app.engine.store.log_reader import (
    ALL_EVENTS,
    NEWEST_POSITION,
    EventFilter,
    LogPage,
    settled_page,
    settled_query,
)
from app.errors import NotFound

OPERATOR = "catalog operator"
FOLLOW_SECONDS = 0.1
PAGE_EVENTS = 1_000


class LoggedEvent(Struct, frozen=True):
    """One event with its whole envelope."""

    position: int
    event_id: UUID
    stream_id: int
    version: int
    type: str
    recorded_at: str
    """RFC 3339, UTC, six digits."""
    metadata: Raw
    data: Raw


class StopReason(Struct, frozen=True):
    """Why a projection stopped."""

    error: str
    event: LoggedEvent | None
    """None if it stopped at a position that holds no event."""


class DocumentComparison(Struct, frozen=True, kw_only=True):
    """A stored document and the folds of its events; `null` for a document that does not exist."""

    projection: str
    stored: Raw
    folded_in_python: Raw
    folded_in_postgres: Raw
    error: str | None
    """Why one of the folds failed."""
    equal: bool


class Membership(Struct, frozen=True, kw_only=True):
    """What an item contributes to a rollup. All fields are None if it contributes nothing, or nothing yet."""

    rollup: str
    key: str | None
    counted_as: Raw | None
    document: Raw | None
    """The rollup's document with that key."""


class ItemInspection(Struct, frozen=True, kw_only=True):
    """Everything about one item, read in one snapshot."""

    id: int
    documents: list[DocumentComparison]
    events: list[LoggedEvent]
    rollups: list[Membership]


def operator_connection(conninfo: str) -> psycopg.Connection:
    connection = connect(conninfo, autocommit=True, application_name=OPERATOR)
    read_json_as_bytes(connection)
    return connection


def settled_events(
    connection: psycopg.Connection, event_filter: EventFilter, after: int, upto: int
) -> Iterator[LoggedEvent]:
    """The events after `after` and up to `upto`, in order. Read in pages: a slow reader keeps no snapshot open."""
    more = True
    while more and after < upto:
        page = _settled_page(connection, event_filter, after, min(PAGE_EVENTS, upto - after))
        yield from (_logged_event(event, event.stream_id) for event in page.events if event.position <= upto)
        after, more = page.upto, page.more


def position_before_last(
    connection: psycopg.Connection, event_filter: EventFilter, after: int, upto: int, count: int
) -> int:
    """The position after which exactly the last `count` events up to `upto` follow; at least `after`."""
    before = upto + 1
    while True:
        page = _settled_page(connection, event_filter, after, min(PAGE_EVENTS, count), before)
        if len(page.events) >= count:
            return page.events[count - 1].position - 1
        if not page.more:
            return after
        count, before = count - len(page.events), page.upto


def _settled_page(
    connection: psycopg.Connection, event_filter: EventFilter, after: int, limit: int, before: int | None = None
) -> LogPage:
    """As `read_settled`, without asyncio."""
    query, given = settled_query(after, limit, event_filter, before)
    rows = connection.execute(query, given).fetchall()
    return settled_page(rows, after, limit, event_filter, before)


def _logged_event(event: StoredEvent, stream_id: int) -> LoggedEvent:
    return LoggedEvent(
        event.position,
        event.event_id,
        stream_id,
        event.version,
        event.type,
        rfc3339(event.recorded_at),
        Raw(event.metadata),
        Raw(event.data),
    )


def follow_events(connection: psycopg.Connection, event_filter: EventFilter, after: int) -> Iterator[LoggedEvent]:
    """Every settled event after `after`, and then each one when it is settled, without end."""
    while True:
        upto, _ = mark_and_head(connection)
        yield from settled_events(connection, event_filter, after, upto)
        after = max(after, upto)
        time.sleep(FOLLOW_SECONDS)


def mark_and_head(connection: psycopg.Connection) -> tuple[int, int]:
    """The high-water mark, and the newest committed position."""
    row = connection.execute(MARK_AND_HEAD).fetchone()
    assert row is not None, "the mark always exists"
    return row[0], row[2]


def newest_position(connection: psycopg.Connection) -> int:
    """The newest position that the sequence has assigned."""
    row = connection.execute(NEWEST_POSITION).fetchone()
    assert row is not None, "a sequence has one row"
    return int(row[0])


async def read_projection_statuses(conninfo: str, read_models: Sequence[AnyReadModel]) -> LogStatus:
    async with await connect_async(conninfo, application_name=OPERATOR) as connection:
        read_json_as_bytes(connection)
        return await read_log_status(connection, read_models)


def stop_reason(connection: psycopg.Connection, name: str) -> StopReason | None:
    """None for a projection that is not stopped."""
    query = "select error, error_position from catalog.projections where name = %s and state = 'stopped'"
    row = connection.execute(query, (name,)).fetchone()
    if row is None:
        return None
    error, position = row
    found = [] if position is None else settled_events(connection, ALL_EVENTS, position - 1, position)
    return StopReason(error, next(iter(found), None))


async def inspect_item(conninfo: str, read_models: Sequence[AnyReadModel], item: int) -> ItemInspection:
    """Raises NotFound if the item never had an event."""
    async with await connect_async(conninfo, autocommit=False, application_name=OPERATOR) as connection:
        read_json_as_bytes(connection)
        await begin_snapshot(connection, read_models)
        events = await read_stream(connection, item)
        if not events:
            raise NotFound(f"There is no item {item}.")
        return ItemInspection(
            id=item,
            documents=[await _compare_document(connection, each, item) for each in projections_among(read_models)],
            events=[_logged_event(event, item) for event in events],
            rollups=[await _membership(connection, each, item) for each in rollups_among(read_models)],
        )


async def _compare_document(connection: AsyncConnection, projection: AnyProjection, item: int) -> DocumentComparison:
    query = sql.SQL("select document from {} where id = %s").format(sql.Identifier("catalog", projection.name))
    row = await (await connection.execute(query, (item,))).fetchone()
    folded, refused = await _fold_in_postgres(connection, projection, item)
    python, error = await _fold_in_python(connection, projection, item)
    error = error or refused
    stored = canonical_or_stored(projection(), row[0] if row else JSON_NULL)
    return DocumentComparison(
        projection=projection.name,
        stored=Raw(stored),
        folded_in_python=Raw(python),
        folded_in_postgres=Raw(folded),
        error=error,
        equal=error is None and stored == python == folded,
    )


async def _fold_in_postgres(
    connection: AsyncConnection, projection: AnyProjection, item: int
) -> tuple[bytes, str | None]:
    """The document; or null, and why an event cannot be folded."""
    try:
        async with connection.transaction():
            folded = await fold_stream(connection, projection, item)
    except psycopg.DataError as error:
        return JSON_NULL, f"Postgres: {error.diag.message_primary}"
    return canonical_or_stored(projection(), folded.json if folded else JSON_NULL), None


async def _fold_in_python(
    connection: AsyncConnection, projection: AnyProjection, item: int
) -> tuple[bytes, str | None]:
    """The document; or null, and why an event cannot be read."""
    instance = projection()
    known = [event for event in await read_stream(connection, item) if event.type in projection.registry.types]
    try:
        return instance.canonical_json(
            instance.fold(decode_recorded(item, projection.registry, event) for event in known)
        ), None
    except DECODE_ERRORS as error:
        return JSON_NULL, str(error)


async def _membership(connection: AsyncConnection, rollup: AnyRollup, item: int) -> Membership:
    query = sql.SQL("select key, part, document from {} left join {} using (key) where id = %s").format(
        sql.Identifier("catalog", f"{rollup.name}_members"), sql.Identifier("catalog", rollup.name)
    )
    row = await (await connection.execute(query, (item,))).fetchone()
    key, part, document = row or (None, None, None)
    return Membership(
        rollup=rollup.name,
        key=key,
        counted_as=Raw(part) if part else None,
        document=Raw(document) if document else None,
    )
