"""Every stored document against a fold of the log that shares nothing with what wrote it.

Documents are written by SQL, so the fold is Python's. Documents and events are read in one snapshot, so that it is
right about documents that are being written: an inline one is of its newest event, a rollup's of its checkpoint.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Raw, Struct
from psycopg import AsyncConnection, IsolationLevel, sql

from app.database import read_json_as_bytes
from app.fold_sql import AnyProjection
from app.generations import AnyReadModel
from app.rollup import Rollup, Totals
from app.rollup_sql import AnyRollup
from app.store import StoredEvent, recorded

SLICE_STREAMS = 500

EVENTS = """
select stream_id, position, event_id, version, recorded_at, metadata, type, data
from catalog.events
where stream_id between %s and %s and position <= %s and position <> all (%s::bigint[])
order by stream_id, version
"""
EVERYTHING = 2**63 - 1


class Difference(Struct, frozen=True, kw_only=True):
    """A document that is not what the log says; `null` where there is none."""

    id: int | str
    """The stream, or the key of a rollup's document."""
    stored: Raw
    folded: Raw


class Unreadable(Struct, frozen=True):
    """What a stream is folded to if one of its events has another shape than its type; it is a difference."""

    unreadable: str


class Verified(Struct, frozen=True, kw_only=True):
    projection: str
    checked: int
    """How many documents were compared, missing ones included."""
    differing: list[Difference]


async def verify(conninfo: str, read_model: AnyReadModel) -> Verified:
    """Compare every document of a read model with an independent fold; readers and writers are not disturbed."""
    async with await AsyncConnection.connect(conninfo) as connection:
        read_json_as_bytes(connection)
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        await connection.execute("set timezone to 'UTC'; set client_connection_check_interval = '1s'")
        await _keep(connection, read_model)
        compare = _compare_rollup if issubclass(read_model, Rollup) else _compare_documents
        checked, differing = 0, []
        async for key, stored, folded in compare(connection, read_model):  # type: ignore[arg-type]
            checked += 1
            if stored != folded:
                differing.append(Difference(id=key, stored=Raw(stored), folded=Raw(folded)))
        return Verified(projection=read_model.name, checked=checked, differing=differing)


Compared = AsyncIterator[tuple[Any, bytes, bytes]]
"""Of each document its key, as it is stored and as it is folded, both as canonical JSON."""


async def _keep(connection: AsyncConnection, read_model: AnyReadModel) -> None:
    """Keep a rebuild from swapping the table, before the snapshot is taken: in a newer table it would see nothing."""
    table = sql.Identifier("catalog", read_model.name)
    await connection.execute(sql.SQL("lock table {} in access share mode").format(table))


async def _compare_documents(connection: AsyncConnection, projection: AnyProjection) -> Compared:
    table = sql.Identifier("catalog", projection.name)
    query = sql.SQL("select id, document from {} where id between %s and %s").format(table)
    instance = projection()
    async for first, last in _slices(connection, table):
        stored: dict[int, bytes] = dict(await (await connection.execute(query, (first, last))).fetchall())
        folded: dict[int, Any] = dict(await _fold_slice(connection, projection, first, last, EVERYTHING, []))
        for stream in sorted(stored.keys() | folded.keys()):
            yield stream, _canonical(instance, stored.get(stream)), _canonical(instance, folded.get(stream))


async def _compare_rollup(connection: AsyncConnection, rollup: AnyRollup) -> Compared:
    query = "select position, catalog.skipped_events(name) from catalog.projections where name = %s"
    position, skipped = await (await connection.execute(query, (rollup.name,))).fetchone() or (0, [])
    instance, totals = rollup(), Totals({})
    members = sql.Identifier("catalog", f"{rollup.name}_members")
    async for first, last in _slices(connection, members):
        folds = await _fold_slice(connection, rollup.of, first, last, position, skipped)
        instance.add_up(totals, (document for _, document in folds if not isinstance(document, Unreadable)))
    folded = {key: instance.canonical_json(document) for key, document in instance.documents(totals).items()}
    table = sql.SQL("select key, document from {}").format(sql.Identifier("catalog", rollup.name))
    stored = {key: _canonical(instance, document) async for key, document in await connection.execute(table)}
    for key in sorted(stored.keys() | folded.keys()):
        yield key, stored.get(key, b"null"), folded.get(key, b"null")


def _canonical(instance: Any, document: Any) -> bytes:
    """One byte string per meaning; a stored document of another shape means only itself."""
    if isinstance(document, Unreadable):
        return msgspec.json.encode(document)
    try:
        return bytes(instance.canonical_json(document))
    except msgspec.ValidationError:
        return bytes(document)


SLICE = """
select max(id)
from (
    (select stream_id from catalog.streams where stream_id > %(after)s order by 1 limit %(streams)s)
    union
    (select id from {} where id > %(after)s order by 1 limit %(streams)s)
    order by 1
    limit %(streams)s
) as slice (id)
"""


async def _slices(connection: AsyncConnection, table: sql.Identifier) -> AsyncIterator[tuple[int, int]]:
    """Ranges of ids that together hold every stream and every row of a table, a document without a stream too."""
    query, after = sql.SQL(SLICE).format(table), -(2**31)
    while True:
        given = {"after": after, "streams": SLICE_STREAMS}
        (last,) = await (await connection.execute(query, given)).fetchone() or (None,)
        if last is None:
            return
        yield after + 1, last
        after = last


async def _fold_slice(
    connection: AsyncConnection, projection: AnyProjection, first: int, last: int, position: int, skipped: list[int]
) -> list[tuple[int, Any]]:
    """The documents of some streams, folded in Python, or Unreadable; none of streams that have none."""
    rows = await (await connection.execute(EVENTS, (first, last, position, skipped))).fetchall()
    instance = projection()
    return [(stream, document) for stream, document in _folds(instance, rows) if document is not None]


def _folds(instance: Any, rows: list[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
    for stream, events in groupby(rows, key=lambda row: row[0]):
        known = (event for event in (StoredEvent(*row[1:]) for row in events) if event.type in instance.tags.types)
        try:
            folded = instance.fold(recorded(stream, instance.tags, event) for event in known)
        except msgspec.ValidationError as error:
            folded = Unreadable(str(error))
        yield stream, folded
