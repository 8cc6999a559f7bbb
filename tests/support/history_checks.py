"""All documents a stream ever had: folded in Python, and as stored with their history."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg

from app.engine.background.rebuild import rebuild
from app.engine.compiler.document_tables import projection_tables
from app.engine.events.event import Recorded
from app.engine.projection.projection import AnyProjection

Kept = tuple[int, int, Any, Any, bytes]
"""Stream, version, valid_from, valid_to (None for the current one), and the document as canonical JSON."""
STORED = """
select id, version, valid_from, null::timestamptz as valid_to, document from catalog.{0}
union all
select id, version, valid_from, valid_to, document from catalog.{0}_history
order by id, valid_from, valid_to
"""


def folded_documents(projection: AnyProjection, log: Iterable[Recorded[Any]]) -> list[Kept]:
    """All documents, folded in Python."""
    streams: dict[int, list[Recorded[Any]]] = {}
    for event in log:
        streams.setdefault(event.stream_id, []).append(event)
    return [kept for stream in sorted(streams) for kept in _kept_of(projection, streams[stream])]


def _kept_of(projection: AnyProjection, stream: list[Recorded[Any]]) -> Iterable[Kept]:
    """An ignored event replaces no document; it only raises the version of the current one."""
    fold, document, since = projection(), None, None
    for event in stream:
        if type(event.event) in projection.by_event:
            if document is not None:
                yield event.stream_id, event.version - 1, since, event.recorded_at, fold.canonical_json(document)
            document, since = fold.evolve(document, event), event.recorded_at
    if document is not None:
        yield stream[-1].stream_id, stream[-1].version, since, None, fold.canonical_json(document)


def stored_documents(log: psycopg.Connection, projection: AnyProjection) -> list[Kept]:
    """The same, as stored: the current documents and their history."""
    rows = log.execute(STORED.format(projection.name).encode()).fetchall()
    return [(*row[:4], projection().canonical_json(row[4])) for row in rows]


def changed_values(kept: Iterable[Kept], *fields: str) -> list[tuple[Any, ...]]:
    """(stream, since, the fields) wherever the fields changed, or a document began."""
    found, before = [], (0, None, [None])
    for stream, _, valid_from, valid_to, document in kept:
        values = [msgspec.json.decode(document)[field] for field in fields]
        if before != (stream, valid_from, values):
            found.append((stream, valid_from, *values))
        before = (stream, valid_to, values)
    return found


def assert_words(log: psycopg.Connection, projection: AnyProjection, texts: list[tuple[Any, ...]]) -> None:
    """The stored words of each stream are those of all texts it ever had."""
    ever: dict[int, list[str]] = {}
    for stream, _, *changed in texts:
        ever.setdefault(stream, []).extend(changed)
    words = "select %s::integer, catalog.tokens_of(%s)"
    expected = [log.execute(words, (stream, " ".join(all_texts))).fetchone() for stream, all_texts in ever.items()]
    rows = log.execute(f"select id, words from catalog.{projection.name}_words order by 1".encode())
    assert rows.fetchall() == sorted(expected, key=lambda row: row[0] if row else 0)


def all_rows(log: psycopg.Connection, projection: AnyProjection) -> dict[str, list[Any]]:
    """Every row of every table, as text."""
    found = {}
    for table in projection_tables(projection):
        query = f"select t::text from catalog.{table.name} as t order by {', '.join(table.key)}"
        found[table.name] = log.execute(query.encode()).fetchall()
    return found


def assert_rebuild_changes_nothing(log: psycopg.Connection, projection: AnyProjection) -> None:
    """Check a rebuild of all documents, and of each single document."""
    before = all_rows(log, projection)
    asyncio.run(rebuild(log.info.dsn, projection))
    assert all_rows(log, projection) == before
    assert_refolds_change_nothing(log, projection)


def assert_refolds_change_nothing(log: psycopg.Connection, projection: AnyProjection) -> None:
    """Check a rebuild of each single document."""
    before = all_rows(log, projection)
    query = "select stream_id, (catalog.rebuild_document(%s, stream_id)).changed from catalog.streams"
    assert [id for id, changed in log.execute(query, (projection.name,)).fetchall() if changed] == []
    assert all_rows(log, projection) == before
