"""Idempotency: a command with a key is carried out once, since its outcome is stored in its events' transaction.

A client that lost the reply sends the command again and gets the stored outcome. The outcome holds the version and the
position of the last event; the document is folded as of that version. Refused commands are not stored.
"""

from typing import TypeVar

import msgspec
import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.engine.postgres.in_doubt import committing, mark_maybe_committed
from app.errors import InvalidInput

A = TypeVar("A", bound=Struct)

CONCURRENT_DUPLICATE = "SW007"


class KeyReused(InvalidInput):
    """The key belongs to another request"""


class ConcurrentDuplicate(Exception):
    """Another request with the same key was committed first, so its outcome can be read now."""


class IdempotencyKey(Struct, frozen=True):
    """The values that make two requests the same command."""

    user_id: str
    """Each user has keys of their own."""
    key: str
    request: str
    """SHA-256 of the whole request, in hexadecimal."""


class StoredOutcome(Struct, frozen=True, kw_only=True):
    """The stored outcome of a command on one stream."""

    stream_id: int
    version: int
    position: int | None
    """None if nothing was recorded."""


FIND_OUTCOME = "select request, answer from catalog.idempotency_keys where user_id = %s and key = %s"
STORE_OUTCOME = "select catalog.store_idempotent_outcome(%s, %s)"
FORCE_SYNCHRONOUS_COMMIT = "select pg_logical_emit_message(true, 'catalog', 'confirm')"
DELETE_EXPIRED = "select catalog.expire_idempotency_keys(10000)"


def as_jsonb(struct: Struct) -> Jsonb:
    return Jsonb(struct, dumps=msgspec.json.encode)


async def find_outcome(connection: AsyncConnection, idempotency_key: IdempotencyKey, outcome_type: type[A]) -> A | None:
    """Return the command's outcome, or None if it was not carried out. Raises KeyReused for another request's key."""
    row = await (
        await connection.execute(FIND_OUTCOME, (idempotency_key.user_id, idempotency_key.key), prepare=True)
    ).fetchone()
    if row is None:
        return None
    request, outcome = row
    if request != idempotency_key.request:
        raise KeyReused("This Idempotency-Key was sent with another request; take a new key for each command.")
    await force_synchronous_commit(connection)
    return msgspec.json.decode(outcome, type=outcome_type)


async def force_synchronous_commit(connection: AsyncConnection) -> None:
    """Commit synchronously before a result that another session committed is acknowledged.

    That session's wait for the synchronous replica may have been cut short. Our commit comes later in the log, so it
    cannot be replicated before the other one.
    """
    mark_maybe_committed()
    await connection.execute(FORCE_SYNCHRONOUS_COMMIT, prepare=True)


async def store_outcome(connection: AsyncConnection, idempotency_key: IdempotencyKey, outcome: Struct) -> None:
    """Store the outcome of a command. Call it in the transaction of the command's events, if there are any.

    Raises ConcurrentDuplicate if another request with the same key was committed first.
    """
    try:
        with committing(connection):
            await connection.execute(STORE_OUTCOME, (as_jsonb(idempotency_key), as_jsonb(outcome)))
    except psycopg.DatabaseError as error:
        raise as_concurrent_duplicate(error) from None


def as_concurrent_duplicate(error: psycopg.DatabaseError) -> Exception:
    """ConcurrentDuplicate if the database reports that, else the error itself."""
    return ConcurrentDuplicate() if error.sqlstate == CONCURRENT_DUPLICATE else error


async def delete_expired(connection: AsyncConnection) -> None:
    """Delete the outcomes that are older than 72 hours."""
    while await (await connection.execute(DELETE_EXPIRED)).fetchone() != (0,):
        pass
