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

from app.engine.postgres.in_doubt import committing, may_be_committed
from app.errors import InvalidInput

A = TypeVar("A", bound=Struct)

KEY_TAKEN = "SW007"


class KeyReused(InvalidInput):
    """The key belongs to another request"""


class KeyTaken(Exception):
    """The same command is just being carried out: what it led to is known by now."""


class Once(Struct, frozen=True):
    """What makes two requests the same command."""

    user_id: str
    """Keys are each user's own."""
    key: str
    request: str
    """SHA-256 of the whole request, in hexadecimal."""


class Answer(Struct, frozen=True, kw_only=True):
    """What is kept of a command on one stream."""

    stream_id: int
    version: int
    position: int | None
    """None if nothing was recorded."""


RECALL = "select request, answer from catalog.idempotency_keys where user_id = %s and key = %s"
KEEP = "select catalog.keep_answer(%s, %s)"
CONFIRM = "select pg_logical_emit_message(true, 'catalog', 'confirm')"
SWEEP = "select catalog.sweep_answers(10000)"


def as_json(struct: Struct) -> Jsonb:
    return Jsonb(struct, dumps=msgspec.json.encode)


async def recall(connection: AsyncConnection, once: Once, kind: type[A]) -> A | None:
    """What the command led to, if it was carried out. Raises KeyReused if its key was another request's."""
    row = await (await connection.execute(RECALL, (once.user_id, once.key), prepare=True)).fetchone()
    if row is None:
        return None
    request, answer = row
    if request != once.request:
        raise KeyReused("This Idempotency-Key was sent with another request; take a new key for each command.")
    await confirm(connection)
    return msgspec.json.decode(answer, type=kind)


async def confirm(connection: AsyncConnection) -> None:
    """Before anything is acknowledged that others have committed: a commit of our own, behind theirs.

    Theirs may be without the synchronous replica, where their wait for it was cut short; ours waits for both.
    """
    may_be_committed()
    await connection.execute(CONFIRM, prepare=True)


async def keep(connection: AsyncConnection, once: Once, answer: Struct) -> None:
    """To be called in the transaction of the events, if there are any. Raises KeyTaken if another one was first."""
    try:
        with committing(connection):
            await connection.execute(KEEP, (as_json(once), as_json(answer)))
    except psycopg.DatabaseError as error:
        raise as_key_taken(error) from None


def as_key_taken(error: psycopg.DatabaseError) -> Exception:
    return KeyTaken() if error.sqlstate == KEY_TAKEN else error


async def sweep(connection: AsyncConnection) -> None:
    """Forget what was kept for long enough."""
    while await (await connection.execute(SWEEP)).fetchone() != (0,):
        pass
