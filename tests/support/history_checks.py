"""Every document that there ever was: by the fold in Python, and as the history tables hold it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg

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
    """Each document there ever was, by the fold in Python."""
    streams: dict[int, list[Recorded[Any]]] = {}
    for event in log:
        streams.setdefault(event.stream_id, []).append(event)
    return [kept for stream in sorted(streams) for kept in _kept_of(projection, streams[stream])]


def _kept_of(projection: AnyProjection, stream: list[Recorded[Any]]) -> Iterable[Kept]:
    """An event that is ignored replaces nothing: the version of a document is the last at which it was so."""
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
    """(stream, since, the fields): where they are other than just before, or there was nothing just before."""
    found, before = [], (0, None, [None])
    for stream, _, valid_from, valid_to, document in kept:
        values = [msgspec.json.decode(document)[field] for field in fields]
        if before != (stream, valid_from, values):
            found.append((stream, valid_from, *values))
        before = (stream, valid_to, values)
    return found


def assert_words(log: psycopg.Connection, projection: AnyProjection, texts: list[tuple[Any, ...]]) -> None:
    """The words of all texts that a stream ever had, though they came one after the other."""
    ever: dict[int, list[str]] = {}
    for stream, _, *changed in texts:
        ever.setdefault(stream, []).extend(changed)
    words = "select %s::integer, catalog.tokens_of(%s)"
    expected = [log.execute(words, (stream, " ".join(all_texts))).fetchone() for stream, all_texts in ever.items()]
    rows = log.execute(f"select id, words from catalog.{projection.name}_words order by 1".encode())
    assert rows.fetchall() == sorted(expected, key=lambda row: row[0] if row else 0)
