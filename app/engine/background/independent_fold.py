"""Folds streams in Python from the log, independently of the SQL that writes documents."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, zip_longest
from typing import Any

import msgspec
from msgspec import Raw, Struct
from psycopg import AsyncConnection

from app.engine.events.timestamps import rfc3339
from app.engine.projection.projection import AnyProjection
from app.engine.store.event_store import StoredEvent, decode_recorded

DECODE_ERRORS = (msgspec.DecodeError, RecursionError)
"""What msgspec raises for a value of another shape, and for numbers and depths that only Postgres can hold."""


class UnreadableEvent(Struct, frozen=True):
    """Stands for the document of a stream with an event that does not fit its type; it differs from every document."""

    unreadable: str


class PastDocument(Struct, frozen=True):
    """A replaced document, as canonical JSON."""

    version: int
    """The last version at which it was the document."""
    valid_from: str
    valid_to: str
    document: Raw


class FoldedStream(Struct, frozen=True):
    """The result of folding one stream."""

    version: int
    """The version of the last event."""
    valid_from: datetime
    """When the last event that the rules use was recorded."""
    document: Any
    """The document, None, or an UnreadableEvent."""
    past: list[PastDocument]
    """The replaced documents; none if the projection keeps none, or if an event is unreadable."""


async def fold_slice(
    connection: AsyncConnection,
    projection: AnyProjection,
    first: int,
    last: int,
    position: int,
    skipped: list[int],
    with_past: bool = False,
) -> dict[int, FoldedStream]:
    """The streams from `first` to `last`, without those that never had a document."""
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
    """The document after all events, and the documents it replaced if `with_past`."""
    document, past = None, []
    for event, following in zip_longest(used, used[1:]):
        document = instance.evolve(document, decode_recorded(stream, instance.registry, event))
        if with_past and document is not None and following is not None:
            replaced = PastDocument(
                following.version - 1,
                rfc3339(event.recorded_at),
                rfc3339(following.recorded_at),
                Raw(instance.canonical_json(document)),
            )
            past.append(replaced)
    return document, past


def canonical_or_stored(instance: Any, document: Any) -> bytes:
    """The canonical JSON of a document: the same bytes for the same meaning. Any other shape stays as it is."""
    if isinstance(document, UnreadableEvent):
        return msgspec.json.encode(document)
    try:
        return bytes(instance.canonical_json(document))
    except DECODE_ERRORS:
        return bytes(document)


READ_EVENTS = """
select stream_id, position, event_id, version, recorded_at, metadata, type, data
from catalog.events
where stream_id between %s and %s and position <= %s and position <> all (%s::bigint[])
order by stream_id, version
"""
