"""What operators ask of the log and of its projections: each question a query, each answer a struct.

Connections of `operator_connection`, that is in autocommit and with JSON as it is stored.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct
from psycopg import AsyncConnection, IsolationLevel, sql

from app.engine.background.projection_status import MARK_AND_HEAD, LogStatus, read_log_status
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.postgres.session_settings import connect, connect_async
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyReadModel, AnyRollup, projections_among, rollups_among
from app.engine.store.event_store import decode_recorded, read_stream
from app.engine.store.live_fold import fold_stream
from app.engine.store.log_reader import NEWEST_POSITION
from app.errors import NotFound

OPERATOR = "catalog operator"
FOLLOW_SECONDS = 0.1
PAGE_EVENTS = 1_000
NO_DOCUMENT = b"null"


class LoggedEvent(Struct, frozen=True):
    """One event with all of its envelope."""

    position: int
    event_id: UUID
    stream_id: int
    version: int
    type: str
    recorded_at: str
    """RFC 3339, UTC, six digits."""
    metadata: Raw
    data: Raw


class LoggedEventFilter(Struct, frozen=True, kw_only=True):
    """Which events; None is any."""

    type: str | None = None
    item: int | None = None


class StopReason(Struct, frozen=True):
    """Why a projection stopped."""

    error: str
    event: LoggedEvent | None
    """None if it stopped where there are only gaps."""


class DocumentComparison(Struct, frozen=True, kw_only=True):
    """A stored document beside what the log says; `null` where there is none."""

    projection: str
    stored: Raw
    folded_in_python: Raw
    folded_in_postgres: Raw
    error: str | None
    """Why one of the two could not fold it."""
    equal: bool


class Membership(Struct, frozen=True, kw_only=True):
    """What an item counts as in a rollup; all None if it does not, or not yet."""

    rollup: str
    key: str | None
    counted_as: Raw | None
    document: Raw | None
    """The rollup's document that it counts in."""


class ItemInspection(Struct, frozen=True, kw_only=True):
    """Everything about one item, in one snapshot."""

    id: int
    documents: list[DocumentComparison]
    events: list[LoggedEvent]
    rollups: list[Membership]


def operator_connection(conninfo: str) -> psycopg.Connection:
    connection = connect(conninfo, autocommit=True, application_name=OPERATOR)
    read_json_as_bytes(connection)
    return connection


LOGGED_EVENTS = """
select position, event_id, stream_id, version, type, catalog.rfc3339(recorded_at), metadata, data
from catalog.events
where {}
order by position
limit %(limit)s
"""


def settled_events(
    connection: psycopg.Connection, event_filter: LoggedEventFilter, after: int, upto: int
) -> Iterator[LoggedEvent]:
    """The events behind `after`, up to `upto`, in order: in batches, so that a slow reader keeps no snapshot open."""
    query = sql.SQL(LOGGED_EVENTS).format(_conditions(event_filter))
    given = {"upto": upto, "limit": PAGE_EVENTS, **msgspec.structs.asdict(event_filter)}
    while rows := connection.execute(query, {**given, "after": after}).fetchall():
        for row in rows:
            yield _logged_event(row)
        after = rows[-1][0]


def position_before_last(
    connection: psycopg.Connection, event_filter: LoggedEventFilter, after: int, upto: int, count: int
) -> int:
    """The position behind which just the last `count` of the events behind `after`, up to `upto`, are."""
    query = sql.SQL(POSITION_OF_NTH_LAST).format(_conditions(event_filter))
    given = {"after": after, "upto": upto, "skipped": count - 1, **msgspec.structs.asdict(event_filter)}
    row = connection.execute(query, given).fetchone()
    return row[0] - 1 if row else after


POSITION_OF_NTH_LAST = """
select position
from catalog.events
where {}
order by position desc
offset %(skipped)s
limit 1
"""


def _conditions(event_filter: LoggedEventFilter) -> sql.Composed:
    conditions = ["position > %(after)s", "position <= %(upto)s"]
    conditions += ["type = %(type)s"] if event_filter.type is not None else []
    conditions += ["stream_id = %(item)s"] if event_filter.item is not None else []
    return sql.SQL(" and ").join(map(sql.SQL, conditions))


def _logged_event(row: Sequence[Any]) -> LoggedEvent:
    position, event_id, stream_id, version, type_, recorded_at, metadata, data = row
    return LoggedEvent(position, event_id, stream_id, version, type_, recorded_at, Raw(metadata), Raw(data))


def follow_events(connection: psycopg.Connection, event_filter: LoggedEventFilter, after: int) -> Iterator[LoggedEvent]:
    """Every settled event behind `after`, and then each one as it is settled, for ever."""
    while True:
        upto, _ = mark_and_head(connection)
        yield from settled_events(connection, event_filter, after, upto)
        after = max(after, upto)
        time.sleep(FOLLOW_SECONDS)


def mark_and_head(connection: psycopg.Connection) -> tuple[int, int]:
    """Up to where the log is settled, and the newest committed position."""
    row = connection.execute(MARK_AND_HEAD).fetchone()
    assert row is not None, "the mark is always there"
    return row[0], row[2]


def newest_position(connection: psycopg.Connection) -> int:
    """The newest position that was ever handed out."""
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
    found = [] if position is None else settled_events(connection, LoggedEventFilter(), position - 1, position)
    return StopReason(error, next(iter(found), None))


async def inspect_item(conninfo: str, read_models: Sequence[AnyReadModel], item: int) -> ItemInspection:
    """Raises NotFound if the item never had an event."""
    async with await connect_async(conninfo, autocommit=False, application_name=OPERATOR) as connection:
        read_json_as_bytes(connection)
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        # Before the snapshot is taken, which would see nothing in a table that a rebuild swaps in later.
        served = sql.SQL(", ").join(sql.Identifier("catalog", each.name) for each in read_models)
        await connection.execute(sql.SQL("lock table {} in access share mode").format(served))
        query = sql.SQL(LOGGED_EVENTS).format(sql.SQL("stream_id = %(item)s"))
        events = await (await connection.execute(query, {"item": item, "limit": None})).fetchall()
        if not events:
            raise NotFound(f"There is no item {item}.")
        return ItemInspection(
            id=item,
            documents=[await _compare_document(connection, each, item) for each in projections_among(read_models)],
            events=[_logged_event(row) for row in events],
            rollups=[await _membership(connection, each, item) for each in rollups_among(read_models)],
        )


async def _compare_document(connection: AsyncConnection, projection: AnyProjection, item: int) -> DocumentComparison:
    query = sql.SQL("select document from {} where id = %s").format(sql.Identifier("catalog", projection.name))
    row = await (await connection.execute(query, (item,))).fetchone()
    folded, refused = await _fold_in_postgres(connection, projection, item)
    python, error = await _fold_in_python(connection, projection, item)
    error = error or refused
    stored = _canonical_json(projection, row[0] if row else NO_DOCUMENT)
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
    """The document, and why there is none if an event cannot be folded."""
    try:
        async with connection.transaction():
            folded = await fold_stream(connection, projection, item)
    except psycopg.DataError as error:
        return NO_DOCUMENT, f"Postgres: {error.diag.message_primary}"
    return _canonical_json(projection, folded.json if folded else NO_DOCUMENT), None


async def _fold_in_python(
    connection: AsyncConnection, projection: AnyProjection, item: int
) -> tuple[bytes, str | None]:
    """The document, and why there is none if an event cannot be read."""
    instance = projection()
    known = [event for event in await read_stream(connection, item) if event.type in projection.registry.types]
    try:
        return instance.canonical_json(
            instance.fold(decode_recorded(item, projection.registry, event) for event in known)
        ), None
    except (msgspec.DecodeError, RecursionError) as error:
        return NO_DOCUMENT, str(error)


def _canonical_json(projection: AnyProjection, document: bytes) -> bytes:
    """One byte string per meaning; a document of another shape means only itself."""
    try:
        return projection().canonical_json(document)
    except (msgspec.DecodeError, RecursionError):
        return document


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
