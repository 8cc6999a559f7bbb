"""A command that carries a key is carried out once: what it led to is kept in the transaction of its events.

So a reply that was lost between the commit and its client can be asked for again. What is kept is where the events came
to lie; the document is folded as of then. A refused command has done nothing, and is not kept.
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
    """The same command is just being carried out: what it led to is known by now."""


class IdempotencyKey(Struct, frozen=True):
    """What makes two requests the same command."""

    user_id: str
    """Keys are each user's own."""
    key: str
    request: str
    """SHA-256 of the whole request, in hexadecimal."""


class StoredOutcome(Struct, frozen=True, kw_only=True):
    """What is kept of a command on one stream."""

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
    """What the command led to, if it was carried out. Raises KeyReused if its key was another request's."""
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
    """Before anything is acknowledged that others have committed: a commit of our own, behind theirs.

    Theirs may be without the synchronous replica, where their wait for it was cut short; ours waits for both.
    """
    mark_maybe_committed()
    await connection.execute(FORCE_SYNCHRONOUS_COMMIT, prepare=True)


async def store_outcome(connection: AsyncConnection, idempotency_key: IdempotencyKey, outcome: Struct) -> None:
    """To be called in the transaction of the events, if there are any.

    Raises ConcurrentDuplicate if another one was first.
    """
    try:
        with committing(connection):
            await connection.execute(STORE_OUTCOME, (as_jsonb(idempotency_key), as_jsonb(outcome)))
    except psycopg.DatabaseError as error:
        raise as_concurrent_duplicate(error) from None


def as_concurrent_duplicate(error: psycopg.DatabaseError) -> Exception:
    return ConcurrentDuplicate() if error.sqlstate == CONCURRENT_DUPLICATE else error


async def delete_expired(connection: AsyncConnection) -> None:
    """Forget what was kept for long enough."""
    while await (await connection.execute(DELETE_EXPIRED)).fetchone() != (0,):
        pass
