"""Compares every stored document with a fold of the log that shares nothing with the code that wrote it.

SQL writes the documents, so the fold runs in Python. Documents and events are read in one snapshot, so concurrent
appends cause no mismatch. An inline document is compared with all events, a rollup with those up to its checkpoint.
What is stored beside the documents is compared too: version and instant, replaced documents, and what each stream
contributes to a rollup. The search index is compared with what Postgres computes from the log.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Literal, get_type_hints

import msgspec
from msgspec import Raw, Struct
from psycopg import AsyncConnection, AsyncRawCursor, IsolationLevel, sql

from app.engine.background.independent_fold import (
    DECODE_ERRORS,
    FoldedStream,
    PastDocument,
    UnreadableEvent,
    canonical_or_stored,
    fold_slice,
)
from app.engine.background.progress import OnProgress
from app.engine.compiler.document_fills import mismatched_search_rows
from app.engine.compiler.document_tables import history_table, projection_tables
from app.engine.events.timestamps import rfc3339
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.postgres.session_settings import VERIFY, connect_async
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyReadModel, AnyRollup, Rollup, Totals
from app.engine.projection.rules import name_of
from app.engine.store.live_fold import JSON_NULL
from app.engine.store.log_reader import AFTER_LAST_POSITION

VERIFY_SLICE_STREAMS = 500

MismatchKind = Literal["document", "row", "past", "search", "member"]
"""document: a document; row: the version and the instant beside an inline document; past: a replaced document;
search: the search index of a document; member: what a stream contributes to a rollup, and to which key."""


class Mismatch(Struct, frozen=True, kw_only=True):
    """A document, or what is stored beside it, that differs from the fold of the log; `null` if there is none."""

    id: int | str
    """The id of the stream, or the key of a rollup's document."""
    of: MismatchKind
    stored: Raw
    folded: Raw


class VerifyResult(Struct, frozen=True, kw_only=True):
    projection: str
    checked: int
    """How many documents were compared, including missing ones."""
    differing: list[Mismatch]


class StreamsCompared(Struct, frozen=True):
    """How far a verification is."""

    streams: int
    of: int


async def verify(
    conninfo: str, read_model: AnyReadModel, on_progress: OnProgress[StreamsCompared] = lambda _: None
) -> VerifyResult:
    """Compare every document of a read model with an independent fold. Readers and writers do not wait for it."""
    async with await connect_async(conninfo, VERIFY, autocommit=False) as connection:
        read_json_as_bytes(connection)
        await begin_snapshot(connection, [read_model])
        compare = _compare_rollup if issubclass(read_model, Rollup) else _compare_documents
        kind_per_stream = "member" if read_model.is_async() else "document"
        (all_streams,) = await (await connection.execute("select count(*) from catalog.streams")).fetchone() or (0,)
        checked, streams, differing = 0, 0, []
        async for key, kind, stored, folded in compare(connection, read_model):  # type: ignore[arg-type]
            checked += kind == "document"
            if kind == kind_per_stream:
                streams += 1
                if streams % VERIFY_SLICE_STREAMS == 0:
                    on_progress(StreamsCompared(min(streams, all_streams), all_streams))
            if stored != folded:
                differing.append(Mismatch(id=key, of=kind, stored=Raw(stored), folded=Raw(folded)))
        return VerifyResult(projection=read_model.name, checked=checked, differing=differing)


ComparedRows = AsyncIterator[tuple[Any, MismatchKind, bytes, bytes]]
"""Rows of key, kind, stored JSON and folded JSON, both canonical."""


async def begin_snapshot(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> None:
    """Begin a read-only transaction that sees one state of these read models, on a connection without autocommit.

    The lock comes first: a rebuild could otherwise swap in a newer table, which an older snapshot sees as empty.
    """
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    served = sql.SQL(", ").join(sql.Identifier("catalog", each.name) for each in read_models)
    await connection.execute(sql.SQL("lock table {} in access share mode").format(served))


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
        folds = await fold_slice(connection, projection, first, last, AFTER_LAST_POSITION, [], projection.temporal)
        for stream in sorted(stored.keys() | folds.keys()):
            row, fold = stored.get(stream), folds.get(stream)
            document = canonical_or_stored(instance, fold.document) if fold else JSON_NULL
            yield stream, "document", canonical_or_stored(instance, row[0]) if row else JSON_NULL, document
            if row and fold:
                yield stream, "row", _validity_key(*row[1:]), _validity_key(fold.version, rfc3339(fold.valid_from))
        if projection.temporal:
            async for compared in _compare_past(connection, projection, first, last, folds):
                yield compared
        for query_of_mismatches in mismatched_search_rows(projection):
            cursor = await AsyncRawCursor(connection).execute(query_of_mismatches.encode(), (first, last))
            for stream, found, expected in await cursor.fetchall():
                yield stream, "search", found or JSON_NULL, expected or JSON_NULL


async def _compare_past(
    connection: AsyncConnection, projection: AnyProjection, first: int, last: int, folds: dict[int, FoldedStream]
) -> ComparedRows:
    """Compare the replaced documents of some streams, by stream and bounds of validity."""
    query = sql.SQL(
        "select id, version, catalog.rfc3339(valid_from), catalog.rfc3339(valid_to), document"
        " from {} where id between %s and %s"
    ).format(sql.Identifier("catalog", history_table(projection).name))
    instance = projection()
    stored = {
        (stream, valid_from, valid_to): msgspec.json.encode(
            PastDocument(version, valid_from, valid_to, Raw(canonical_or_stored(instance, document)))
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
    """A document's version and instant: its ETag is made of them, and as of an instant it is found by them."""
    return msgspec.json.encode({"version": version, "valid_from": valid_from})


async def _compare_rollup(connection: AsyncConnection, rollup: AnyRollup) -> ComparedRows:
    query = "select position, catalog.skipped_events(name) from catalog.projections where name = %s"
    position, skipped = await (await connection.execute(query, (rollup.name,))).fetchone() or (0, [])
    instance, totals, members = rollup(), Totals({}), _Members(rollup)
    async for first, last in _slices(connection, [members.table]):
        folds = await fold_slice(connection, rollup.of, first, last, position, skipped)
        stored = await members.stored(connection, first, last)
        for stream in sorted(stored.keys() | folds.keys()):
            member = members.folded(folds[stream].document) if stream in folds else JSON_NULL
            yield stream, "member", stored.get(stream, JSON_NULL), member
        readable = (fold.document for fold in folds.values() if not isinstance(fold.document, UnreadableEvent))
        instance.accumulate(totals, readable)
    folded = {key: instance.canonical_json(document) for key, document in instance.documents(totals).items()}
    table = sql.SQL("select key, document from {}").format(sql.Identifier("catalog", rollup.name))
    documents = {
        key: canonical_or_stored(instance, document) async for key, document in await connection.execute(table)
    }
    for key in sorted(documents.keys() | folded.keys()):
        yield key, "document", documents.get(key, JSON_NULL), folded.get(key, JSON_NULL)


class _Members:
    """What each stream contributes to a rollup: a key, and the fields of its document that are aggregated."""

    def __init__(self, rollup: AnyRollup) -> None:
        self.table = sql.Identifier("catalog", f"{rollup.name}_members")
        self._by = name_of(rollup.by)
        self._fields = sorted({name_of(aggregate.of) for aggregate in rollup.rules if aggregate.of is not None})
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
        """A stored part of another shape stays as it is."""
        with suppress(*DECODE_ERRORS):
            part = msgspec.json.encode(msgspec.json.decode(part, type=self._part), order="sorted")
        return msgspec.json.encode({"key": key, "part": Raw(part)})


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
    """Ranges of ids that together cover every stream and every row of the tables, including rows without a stream."""
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
