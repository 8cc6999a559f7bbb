"""Whether what a request asked for may have been committed: from then on no failure of it may be told as if nothing had
happened. Databases call such a transaction in doubt.

Who commits says so here, around the statement; the edge of the service asks when a request has failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
from psycopg import AsyncConnection

from app.engine.postgres.connections import ReplicationUnconfirmed


class CommitDoubt:
    """What one request has committed, or may have."""

    __slots__ = ("may_be_committed",)

    def __init__(self) -> None:
        self.may_be_committed = False


COMMIT_DOUBT: ContextVar[CommitDoubt | None] = ContextVar("doubt", default=None)
"""None outside of requests. One object for a request and the tasks it starts."""


@contextmanager
def committing(connection: AsyncConnection) -> Iterator[None]:
    """Around the statement that commits. An error that the server answered, and went on serving, has undone it."""
    doubt = COMMIT_DOUBT.get() or CommitDoubt()
    before, doubt.may_be_committed = doubt.may_be_committed, True
    try:
        yield
    except psycopg.Error as error:
        if not _is_unknown(error) and not connection.closed:
            doubt.may_be_committed = before
        raise


def _is_unknown(error: psycopg.Error) -> bool:
    """A pooler that loses the server answers in its place, with a connection exception, and may go on serving."""
    return error.sqlstate is None or error.sqlstate.startswith("08") or isinstance(error, ReplicationUnconfirmed)


def mark_maybe_committed() -> None:
    """From here on: a transaction is about to end, or an earlier request with the same key has done it all."""
    if doubt := COMMIT_DOUBT.get():
        doubt.may_be_committed = True


def nothing_is_committed() -> bool:
    """Whether a request is under way of which nothing can have been committed so far."""
    doubt = COMMIT_DOUBT.get()
    return doubt is not None and not doubt.may_be_committed


def commit_is_in_doubt() -> bool:
    """Whether something may be committed for the request under way."""
    doubt = COMMIT_DOUBT.get()
    return doubt is not None and doubt.may_be_committed
