"""Append to the log in plain synchronous SQL, and read it as the engine does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import psycopg
from msgspec import Struct
from psycopg.types.json import Jsonb, set_json_loads

from app.engine.events.event import EventRegistry, Recorded
from app.engine.store.event_store import LAST_INSTANT, LAST_VERSION, READ_STREAM, StoredEvent, decode_recorded

E = TypeVar("E", bound=Struct)

METADATA = Jsonb({"user_id": "tester"})


def json_as_bytes(connection: psycopg.Connection) -> None:
    """Read JSON as the service does: as stored."""
    set_json_loads(lambda stored: stored.encode() if isinstance(stored, str) else bytes(stored), connection)
    connection.execute("set timezone to 'UTC'")


def append(
    connection: psycopg.Connection, stream_id: int | None, events: Sequence[Any], expected: int | None = None
) -> tuple[int, int, int, datetime, dict[str, Any]]:
    """stream_id, version, position and recorded_at of the newest event, and the inline documents by name.

    Events are structs, or objects with a type for what an older release appended.
    """
    encoded = Jsonb(EventRegistry.encode(events), dumps=lambda given: given)
    row = connection.execute(
        "select stream_id, version, position, recorded_at, documents from catalog.append_to_stream(%s, %s, %s, %s)",
        (stream_id, expected, encoded, METADATA),
    ).fetchone()
    assert row is not None
    documents = msgspec.json.decode(row[4], type=dict[str, msgspec.Raw]) if isinstance(row[4], bytes) else row[4]
    return row[0], row[1], row[2], row[3], documents


def history(connection: psycopg.Connection, stream_id: int, tags: EventRegistry[E]) -> list[Recorded[E]]:
    """The whole stream, decoded."""
    rows = connection.execute(READ_STREAM, (stream_id, LAST_INSTANT, LAST_VERSION)).fetchall()
    return [decode_recorded(stream_id, tags, StoredEvent(*row)) for row in rows]


def error_of(
    connection: psycopg.Connection, statement: str, parameters: tuple[Any, ...] = ()
) -> tuple[str | None, str]:
    """The SQLSTATE and the message that `statement` is refused with."""
    try:
        connection.execute(statement, parameters)
    except psycopg.Error as error:
        return error.sqlstate, error.diag.message_primary or ""
    raise AssertionError(f"not refused: {statement}")
