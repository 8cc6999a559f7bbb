"""Live projection: fold a document from its stream's events at the time of the query."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.engine.projection.projection import Projection
from app.engine.store.event_store import LAST_INSTANT, LAST_VERSION, decode_recorded, read_stream

JSON_NULL = b"null"
"""In the place of a document that does not exist."""


class Document(Struct, frozen=True):
    """A document with its place in time."""

    version: int
    """The version of its stream; events that the projection ignores count too."""
    valid_from: datetime
    """When the last event folded into it was recorded."""
    json: bytes
    """The document, as stored."""


async def fold_stream(
    connection: AsyncConnection,
    projection: type[Projection[Any, Any]],
    stream_id: int,
    until: datetime | None = None,
    version: int = LAST_VERSION,
) -> Document | None:
    """Fold one stream's document as of an instant and a version; None if there is none.

    Postgres folds it by the compiled rules. A projection without rules is folded in Python.
    """
    bound = until or LAST_INSTANT
    if projection.compiles():
        query = sql.SQL("select version, valid_from, document from {}(%s::integer, %s, %s::integer)").format(
            sql.Identifier("catalog", f"fold_{projection.name}")
        )
        cursor = await connection.execute(query, (stream_id, bound, version), prepare=True)
        row = await cursor.fetchone()
        return Document(*row) if row else None
    history = await read_stream(connection, stream_id, bound, version)
    instance = projection()
    folded = instance.fold(decode_recorded(stream_id, projection.registry, stored) for stored in history)
    if folded is None:
        return None
    return Document(history[-1].version, history[-1].recorded_at, instance.canonical_json(folded))
