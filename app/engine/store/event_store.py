"""The event store: append to a stream and read a stream, each with one statement.

The functions append_to_stream, append_idempotent and lock_stream in schema.sql do the work.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.engine.events.event import E, EventRegistry, Metadata, Recorded, decode_metadata
from app.engine.postgres.in_doubt import committing
from app.engine.store.idempotency import IdempotencyKey, as_concurrent_duplicate, as_jsonb
from app.errors import VersionConflict

VERSION_CONFLICT = "SW001"

APPEND_TO_STREAM = """
select stream_id, version, position, recorded_at, documents
from catalog.append_to_stream(%s::integer, %s::integer, %s, %s)
"""

APPEND_IDEMPOTENT = """
select stream_id, version, position, recorded_at, documents
from catalog.append_idempotent(%s, %s::integer, %s::integer, %s, %s)
"""


class Appended(Struct, frozen=True, kw_only=True):
    """The place of the newest event of an append."""

    stream_id: int
    version: int
    position: int
    recorded_at: datetime
    documents: dict[str, msgspec.Raw]
    """The inline documents after the append, as JSON, by projection."""


async def append_to_stream(
    connection: AsyncConnection,
    stream_id: int | None,
    expected_version: int | None,
    events: tuple[Struct, ...],
    metadata: Metadata,
    idempotency_key: IdempotencyKey | None = None,
) -> Appended:
    """Append `events` to a stream, or to a new one if `stream_id` is None.

    If `expected_version` is None the version is not checked. Raises VersionConflict with `expected_version` and
    `current_version` if the stream is at another version, and ConcurrentDuplicate if another request with the same
    `idempotency_key` was committed first.
    """
    parameters = (
        stream_id,
        expected_version,
        _json(EventRegistry.encode(events)),
        _json(msgspec.json.encode(metadata)),
    )
    try:
        with committing(connection):
            if idempotency_key is None:
                cursor = await connection.execute(APPEND_TO_STREAM, parameters, prepare=True)
            else:
                cursor = await connection.execute(
                    APPEND_IDEMPOTENT, (as_jsonb(idempotency_key), *parameters), prepare=True
                )
    except psycopg.DatabaseError as error:
        if error.sqlstate == VERSION_CONFLICT:
            facts = msgspec.json.decode(error.diag.message_detail or "{}")
            raise version_conflict(VersionConflict, facts["expected_version"], facts["current_version"]) from None
        raise as_concurrent_duplicate(error) from None
    row = await cursor.fetchone()
    assert row is not None, "append_to_stream returns one row"
    return Appended(
        stream_id=row[0],
        version=row[1],
        position=row[2],
        recorded_at=row[3],
        documents=msgspec.json.decode(row[4], type=dict[str, msgspec.Raw]),
    )


def version_conflict(kind: type[VersionConflict], expected: int, current: int) -> VersionConflict:
    """A conflict of the given class, with both versions in its detail and its facts."""
    return kind(
        f"Version {expected} was expected, but the current version is {current}.",
        expected_version=expected,
        current_version=current,
    )


async def lock_stream(connection: AsyncConnection, stream_id: int) -> None:
    """Keep other sessions from appending to the stream until this connection's transaction ends."""
    await connection.execute("select catalog.lock_stream(%s::integer)", (stream_id,))


READ_STREAM = """
select position, event_id, version, recorded_at, metadata, type, data
from catalog.events
where stream_id = %s and recorded_at <= %s and version <= %s
order by version
"""

LAST_VERSION = 2**31 - 1
LAST_INSTANT = "infinity"


class StoredEvent(Struct, frozen=True):
    """An event whose data and metadata are JSON as stored."""

    position: int
    event_id: UUID
    version: int
    recorded_at: datetime
    metadata: bytes
    type: str
    data: bytes


async def read_stream(
    connection: AsyncConnection, stream_id: int, until: datetime | str = LAST_INSTANT, version: int = LAST_VERSION
) -> list[StoredEvent]:
    """Return a stream's events up to an instant and a version, in order; an empty list if there is no such stream."""
    cursor = await connection.execute(READ_STREAM, (stream_id, until, version), prepare=True)
    return [StoredEvent(*row) for row in await cursor.fetchall()]


READ_INSTANTS = "select recorded_at from catalog.events where stream_id = %s order by version"


async def read_instants(connection: AsyncConnection, stream_id: int) -> list[datetime]:
    """Return when each event of a stream was recorded, in order; an empty list if there is no such stream."""
    cursor = await connection.execute(READ_INSTANTS, (stream_id,), prepare=True)
    return [recorded_at for (recorded_at,) in await cursor.fetchall()]


READ_ADJACENT_VERSIONS = """
with chosen as materialized (
    select streams.stream_id, streams.version as last,
        coalesce((
            select version
            from catalog.events
            where stream_id = %(stream_id)s::integer and recorded_at <= %(until)s and version <= %(version)s
            order by version desc
            limit 1
        ), 1) as version
    from catalog.streams
    where stream_id = %(stream_id)s::integer
)
select chosen.version, chosen.last, near.version, (
    select recorded_at
    from catalog.events
    where events.stream_id = chosen.stream_id and events.version = near.version
)
from chosen
cross join unnest(array[1, chosen.version - 1, chosen.version, chosen.version + 1, chosen.last]) as near (version)
where near.version between 1 and chosen.last
order by near.version
"""


class AdjacentVersions(Struct, frozen=True):
    """One version of a stream, and the versions around it."""

    version: int
    last: int
    """The newest version of the stream."""
    recorded_at: dict[int, datetime]
    """When the first, previous, this, next and last version were recorded, in order; missing ones are left out."""


async def read_adjacent_versions(
    connection: AsyncConnection, stream_id: int, until: datetime | None = None, version: int = LAST_VERSION
) -> AdjacentVersions | None:
    """Find the last version up to an instant and a version, or the first version if all came later, and its neighbours.

    Returns None if there is no such stream.
    """
    given = {"stream_id": stream_id, "until": until or LAST_INSTANT, "version": version}
    rows = await (await connection.execute(READ_ADJACENT_VERSIONS, given, prepare=True)).fetchall()
    return AdjacentVersions(rows[0][0], rows[0][1], {row[2]: row[3] for row in rows}) if rows else None


def decode_recorded(stream_id: int, tags: EventRegistry[E], stored: StoredEvent) -> Recorded[E]:
    """Decode a stored event. Raises KeyError for a type that `tags` does not know."""
    return Recorded(
        position=stored.position,
        event_id=stored.event_id,
        stream_id=stream_id,
        version=stored.version,
        recorded_at=stored.recorded_at,
        metadata=decode_metadata(stored.metadata),
        event=tags.decode(stored.type, stored.data),
    )


def _json(encoded: bytes) -> Jsonb:
    """A jsonb parameter of bytes that are JSON already."""
    return Jsonb(encoded, dumps=_unchanged)


def _unchanged(encoded: bytes) -> bytes:
    return encoded
