"""Every stored document against a fold of the log that shares nothing with what wrote it.

Documents are written by SQL, so the fold is Python's. Documents and events are read in one snapshot, so that it is
right about documents that are being written: an inline one is of its newest event, a rollup's of its checkpoint.
What stands beside the documents is compared as well: their place in time, those they have replaced, and what each
stream counts as in a rollup. What searches find them by is compared with what Postgres itself makes of the log.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import groupby, zip_longest
from typing import Any, Literal, get_type_hints

import msgspec
from msgspec import Raw, Struct
from psycopg import AsyncConnection, AsyncRawCursor, IsolationLevel, sql

from app.engine.compiler.document_fills import mismatched_search_rows
from app.engine.compiler.document_tables import history_table, projection_tables
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.postgres.session_settings import VERIFY, connect_async
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyReadModel, AnyRollup, Rollup, Totals
from app.engine.projection.rules import name_of
from app.engine.store.event_store import StoredEvent, decode_recorded

VERIFY_SLICE_STREAMS = 500

READ_EVENTS = """
select stream_id, position, event_id, version, recorded_at, metadata, type, data
from catalog.events
where stream_id between %s and %s and position <= %s and position <> all (%s::bigint[])
order by stream_id, version
"""
AFTER_LAST_POSITION = 2**63 - 1

MismatchKind = Literal["document", "row", "past", "search", "member"]
"""A document; the version and the instant beside an inline one; a document that it replaced; what searches find it by;
what a stream counts as, and for which key."""


class Mismatch(Struct, frozen=True, kw_only=True):
    """A document, or what stands beside it, that is not what the log says; `null` where there is none."""

    id: int | str
    """The stream, or the key of a rollup's document."""
    of: MismatchKind
    stored: Raw
    folded: Raw


class UnreadableEvent(Struct, frozen=True):
    """What a stream is folded to if one of its events has another shape than its type; it is a difference."""

    unreadable: str


class VerifyResult(Struct, frozen=True, kw_only=True):
    projection: str
    checked: int
    """How many documents were compared, missing ones included."""
    differing: list[Mismatch]


OnVerifyProgress = Callable[[int, int], None]
"""Hears of how many streams have been compared, of how many."""


async def verify(
    conninfo: str, read_model: AnyReadModel, on_progress: OnVerifyProgress = lambda *_: None
) -> VerifyResult:
    """Compare every document of a read model with an independent fold; readers and writers are not disturbed."""
    async with await connect_async(conninfo, VERIFY, autocommit=False) as connection:
        read_json_as_bytes(connection)
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        await _lock_out_rebuild(connection, read_model)
        compare = _compare_rollup if issubclass(read_model, Rollup) else _compare_documents
        each_stream = "member" if read_model.is_async() else "document"
        (all_streams,) = await (await connection.execute("select count(*) from catalog.streams")).fetchone() or (0,)
        checked, streams, differing = 0, 0, []
        async for key, what, stored, folded in compare(connection, read_model):  # type: ignore[arg-type]
            checked += what == "document"
            if what == each_stream:
                streams += 1
                if streams % VERIFY_SLICE_STREAMS == 0:
                    on_progress(min(streams, all_streams), all_streams)
            if stored != folded:
                differing.append(Mismatch(id=key, of=what, stored=Raw(stored), folded=Raw(folded)))
        return VerifyResult(projection=read_model.name, checked=checked, differing=differing)


ComparedRows = AsyncIterator[tuple[Any, MismatchKind, bytes, bytes]]
"""Of all that is compared its key, what it is, as it is stored and as it is folded, both as canonical JSON."""

JSON_NULL = b"null"


class PastDocument(Struct, frozen=True):
    """A document that another has replaced, as canonical JSON."""

    version: int
    """The last at which it was so."""
    valid_from: str
    valid_to: str
    document: Raw


class FoldedStream(Struct, frozen=True):
    """What a stream is folded to."""

    version: int
    """That of its last event."""
    valid_from: datetime
    """When the last event that the rules use was recorded."""
    document: Any
    """Or Unreadable."""
    past: list[PastDocument]
    """The documents before it; none if the projection keeps none, or if it is Unreadable."""


async def _lock_out_rebuild(connection: AsyncConnection, read_model: AnyReadModel) -> None:
    """Keep a rebuild from swapping the table, before the snapshot is taken: in a newer table it would see nothing."""
    table = sql.Identifier("catalog", read_model.name)
    await connection.execute(sql.SQL("lock table {} in access share mode").format(table))


async def _compare_documents(connection: AsyncConnection, projection: AnyProjection) -> ComparedRows:
    table = sql.Identifier("catalog", projection.name)
    query = sql.SQL(
        "select id, document, version, catalog.rfc3339(valid_from) from {} where id between %s and %s"
    ).format(table)
    instance = projection()
    names = [each.name for each in projection_tables(projection)]
    async for first, last in _slices(connection, [sql.Identifier("catalog", name) for name in names]):
        rows = await (await connection.execute(query, (first, last))).fetchall()
        stored: dict[int, tuple[Any, ...]] = {row[0]: row[1:] for row in rows}
        folds = await _fold_slice(connection, projection, first, last, AFTER_LAST_POSITION, [], projection.temporal)
        for stream in sorted(stored.keys() | folds.keys()):
            row, fold = stored.get(stream), folds.get(stream)
            document = _canonical_or_stored(instance, fold.document) if fold else JSON_NULL
            yield stream, "document", _canonical_or_stored(instance, row[0]) if row else JSON_NULL, document
            if row and fold:
                yield stream, "row", _validity_key(*row[1:]), _validity_key(fold.version, _rfc3339(fold.valid_from))
        if projection.temporal:
            async for compared in _compare_past(connection, projection, first, last, folds):
                yield compared
        for differing in mismatched_search_rows(projection):
            cursor = await AsyncRawCursor(connection).execute(differing.encode(), (first, last))
            for stream, found, rightful in await cursor.fetchall():
                yield stream, "search", found or JSON_NULL, rightful or JSON_NULL


async def _compare_past(
    connection: AsyncConnection, projection: AnyProjection, first: int, last: int, folds: dict[int, FoldedStream]
) -> ComparedRows:
    """Each replaced document, stored and folded, by its stream and the bounds of its validity."""
    query = sql.SQL(
        "select id, version, catalog.rfc3339(valid_from), catalog.rfc3339(valid_to), document"
        " from {} where id between %s and %s"
    ).format(sql.Identifier("catalog", history_table(projection).name))
    instance = projection()
    stored = {
        (stream, valid_from, valid_to): msgspec.json.encode(
            PastDocument(version, valid_from, valid_to, Raw(_canonical_or_stored(instance, document)))
        )
        for stream, version, valid_from, valid_to, document in await (
            await connection.execute(query, (first, last))
        ).fetchall()
    }
    folded = {
        (stream, replaced.valid_from, replaced.valid_to): msgspec.json.encode(replaced)
        for stream, fold in folds.items()
        for replaced in fold.past
    }
    for key in sorted(stored.keys() | folded.keys()):
        yield key[0], "past", stored.get(key, JSON_NULL), folded.get(key, JSON_NULL)


def _validity_key(version: int, valid_from: str) -> bytes:
    """A document's place in time, of which its ETag is made and by which it is found as of an instant."""
    return msgspec.json.encode({"version": version, "valid_from": valid_from})


def _rfc3339(instant: datetime) -> str:
    """As catalog.rfc3339 has it."""
    return f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}"


async def _compare_rollup(connection: AsyncConnection, rollup: AnyRollup) -> ComparedRows:
    query = "select position, catalog.skipped_events(name) from catalog.projections where name = %s"
    position, skipped = await (await connection.execute(query, (rollup.name,))).fetchone() or (0, [])
    instance, totals, members = rollup(), Totals({}), _Members(rollup)
    async for first, last in _slices(connection, [members.table]):
        folds = await _fold_slice(connection, rollup.of, first, last, position, skipped)
        stored = await members.stored(connection, first, last)
        for stream in sorted(stored.keys() | folds.keys()):
            member = members.folded(folds[stream].document) if stream in folds else JSON_NULL
            yield stream, "member", stored.get(stream, JSON_NULL), member
        readable = (fold.document for fold in folds.values() if not isinstance(fold.document, UnreadableEvent))
        instance.accumulate(totals, readable)
    folded = {key: instance.canonical_json(document) for key, document in instance.documents(totals).items()}
    table = sql.SQL("select key, document from {}").format(sql.Identifier("catalog", rollup.name))
    documents = {
        key: _canonical_or_stored(instance, document) async for key, document in await connection.execute(table)
    }
    for key in sorted(documents.keys() | folded.keys()):
        yield key, "document", documents.get(key, JSON_NULL), folded.get(key, JSON_NULL)


class _Members:
    """What each stream counts as in a rollup: its key, and the fields of its document that are added up."""

    def __init__(self, rollup: AnyRollup) -> None:
        self.table = sql.Identifier("catalog", f"{rollup.name}_members")
        self._by = name_of(rollup.by)
        self._fields = sorted({name_of(tally.of) for tally in rollup.rules if tally.of is not None})
        hints = get_type_hints(rollup.of.document, include_extras=True)
        self._part = msgspec.defstruct(
            "Part", [(name, hints[name]) for name in self._fields], forbid_unknown_fields=True, kw_only=True
        )

    async def stored(self, connection: AsyncConnection, first: int, last: int) -> dict[int, bytes]:
        query = sql.SQL("select id, key, part from {} where id between %s and %s").format(self.table)
        rows = await (await connection.execute(query, (first, last))).fetchall()
        return {stream: self._canonical(key, part) for stream, key, part in rows}

    def folded(self, document: Any) -> bytes:
        if isinstance(document, UnreadableEvent):
            return msgspec.json.encode(document)
        part = {name: getattr(document, name) for name in self._fields}
        return self._canonical(getattr(document, self._by), msgspec.json.encode(part))

    def _canonical(self, key: str, part: bytes) -> bytes:
        """A stored part of another shape means only itself."""
        with suppress(*DECODE_ERRORS):
            part = msgspec.json.encode(msgspec.json.decode(part, type=self._part), order="sorted")
        return msgspec.json.encode({"key": key, "part": Raw(part)})


DECODE_ERRORS = (msgspec.DecodeError, RecursionError)
"""Of what Python does not read: another shape, but also numbers and depths that only Postgres holds."""


def _canonical_or_stored(instance: Any, document: Any) -> bytes:
    """One byte string per meaning; a stored document of another shape means only itself."""
    if isinstance(document, UnreadableEvent):
        return msgspec.json.encode(document)
    try:
        return bytes(instance.canonical_json(document))
    except DECODE_ERRORS:
        return bytes(document)


NEXT_SLICE = """
select max(id)
from (
    {}
    order by 1
    limit %(streams)s
) as slice (id)
"""
NEXT_IDS = "(select distinct {} from {} where {} > %(after)s order by 1 limit %(streams)s)"


async def _slices(connection: AsyncConnection, tables: list[sql.Identifier]) -> AsyncIterator[tuple[int, int]]:
    """Ranges of ids that together hold every stream and every row of some tables, those without a stream too."""
    id, stream = sql.Identifier("id"), sql.Identifier("stream_id")
    sources = [(stream, sql.Identifier("catalog", "streams")), *((id, table) for table in tables)]
    branches = [sql.SQL(NEXT_IDS).format(key, table, key) for key, table in sources]
    query, after = sql.SQL(NEXT_SLICE).format(sql.SQL(" union ").join(branches)), -(2**31)
    while True:
        given = {"after": after, "streams": VERIFY_SLICE_STREAMS}
        (last,) = await (await connection.execute(query, given)).fetchone() or (None,)
        if last is None:
            return
        yield after + 1, last
        after = last


async def _fold_slice(
    connection: AsyncConnection,
    projection: AnyProjection,
    first: int,
    last: int,
    position: int,
    skipped: list[int],
    with_past: bool = False,
) -> dict[int, FoldedStream]:
    """Some streams, folded in Python; without those that have no document, nor had one."""
    rows = await (await connection.execute(READ_EVENTS, (first, last, position, skipped))).fetchall()
    folds = _folds(projection(), rows, with_past)
    return {stream: folded for stream, folded in folds if folded.document is not None or folded.past}


def _folds(instance: Any, rows: list[tuple[Any, ...]], with_past: bool) -> Iterator[tuple[int, FoldedStream]]:
    for stream, its_rows in groupby(rows, key=lambda row: row[0]):
        events = [StoredEvent(*row[1:]) for row in its_rows]
        used = [event for event in events if instance.registry.types.get(event.type) in instance.by_event]
        try:
            document, past = _fold(instance, stream, used, with_past)
        except DECODE_ERRORS as error:
            document, past = UnreadableEvent(str(error)), []
        yield stream, FoldedStream(events[-1].version, (used or events)[-1].recorded_at, document, past)


def _fold(instance: Any, stream: int, used: list[StoredEvent], with_past: bool) -> tuple[Any, list[PastDocument]]:
    """The document after all events, and those it has replaced on the way, if they are wanted."""
    document, past = None, []
    for event, following in zip_longest(used, used[1:]):
        document = instance.evolve(document, decode_recorded(stream, instance.registry, event))
        if with_past and document is not None and following is not None:
            replaced = PastDocument(
                following.version - 1,
                _rfc3339(event.recorded_at),
                _rfc3339(following.recorded_at),
                Raw(instance.canonical_json(document)),
            )
            past.append(replaced)
    return document, past
