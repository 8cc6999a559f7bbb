"""Track whether a request's changes may have been committed: such a transaction is in doubt.

A failed request whose transaction is in doubt must not be answered as if nothing had changed. The code that commits
marks the statement here. The HTTP layer asks when a request has failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
from psycopg import AsyncConnection

from app.engine.postgres.connections import ReplicationUnconfirmed


class CommitDoubt:
    """Whether one request has committed something, or may have."""

    __slots__ = ("may_be_committed",)

    def __init__(self) -> None:
        self.may_be_committed = False


COMMIT_DOUBT: ContextVar[CommitDoubt | None] = ContextVar("doubt", default=None)
"""None outside of requests. A request and the tasks it starts share one object."""


@contextmanager
def committing(connection: AsyncConnection) -> Iterator[None]:
    """Mark the request in doubt within the context, which runs the statement that commits.

    If the server answers with an error and the connection stays open, the statement is undone and the doubt ends.
    """
    doubt = COMMIT_DOUBT.get() or CommitDoubt()
    before, doubt.may_be_committed = doubt.may_be_committed, True
    try:
        yield
    except psycopg.Error as error:
        if not _is_unknown(error) and not connection.closed:
            doubt.may_be_committed = before
        raise


def _is_unknown(error: psycopg.Error) -> bool:
    """Whether the error leaves the outcome unknown. A pooler that loses the server answers in its place with SQLSTATE
    08…, and may keep the connection open."""
    return error.sqlstate is None or error.sqlstate.startswith("08") or isinstance(error, ReplicationUnconfirmed)


def mark_maybe_committed() -> None:
    """Mark the request in doubt from here on: it commits next, or an earlier request with the same key has
    committed."""
    if doubt := COMMIT_DOUBT.get():
        doubt.may_be_committed = True


def nothing_is_committed() -> bool:
    """Whether this is a request that cannot have committed anything so far."""
    doubt = COMMIT_DOUBT.get()
    return doubt is not None and not doubt.may_be_committed


def commit_is_in_doubt() -> bool:
    """Whether this is a request that may have committed something."""
    doubt = COMMIT_DOUBT.get()
    return doubt is not None and doubt.may_be_committed
