"""Whether what a request asked for may have been committed: from then on no failure of it may be told as if nothing had
happened. Databases call such a transaction in doubt.

Who commits says so here, around the statement; the edge of the service asks when a request has failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
from psycopg import AsyncConnection

from app.engine.postgres.connections import Unconfirmed


class Doubt:
    """What one request has committed, or may have."""

    __slots__ = ("is_there",)

    def __init__(self) -> None:
        self.is_there = False


DOUBT: ContextVar[Doubt | None] = ContextVar("doubt", default=None)
"""None outside of requests. One object for a request and the tasks it starts."""


@contextmanager
def committing(connection: AsyncConnection) -> Iterator[None]:
    """Around the statement that commits. An error that the server answered, and went on serving, has undone it."""
    doubt = DOUBT.get() or Doubt()
    before, doubt.is_there = doubt.is_there, True
    try:
        yield
    except psycopg.Error as error:
        if not _is_unknown(error) and not connection.closed:
            doubt.is_there = before
        raise


def _is_unknown(error: psycopg.Error) -> bool:
    """A pooler that loses the server answers in its place, with a connection exception, and may go on serving."""
    return error.sqlstate is None or error.sqlstate.startswith("08") or isinstance(error, Unconfirmed)


def may_be_committed() -> None:
    """From here on: a transaction is about to end, or an earlier request with the same key has done it all."""
    if doubt := DOUBT.get():
        doubt.is_there = True


def nothing_is_committed() -> bool:
    """Whether a request is under way of which nothing can have been committed so far."""
    doubt = DOUBT.get()
    return doubt is not None and not doubt.is_there


def is_in_doubt() -> bool:
    """Whether something may be committed for the request under way."""
    doubt = DOUBT.get()
    return doubt is not None and doubt.is_there
