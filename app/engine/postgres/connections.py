"""Connections on which no statement waits without end, and no unconfirmed commit is reported as a success.

With synchronous replication a COMMIT waits for the replica. If the replica is lost, the COMMIT waits without end, since
`statement_timeout` no longer applies. Cancelling the wait does not undo the commit: the server reports success with a
warning, and a fail-over may lose the commit. So a statement that takes too long is cancelled, and the warning becomes
ReplicationUnconfirmed: the outcome is unknown.

Behind a pooler in transaction mode there is no session: each statement may run on another server connection. So every
transaction brings its settings along, in the same round trip.

Messages on the wire, with settings: begin, set_config, the statement and commit in one pipeline, one Sync.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from math import ceil
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, AsyncTransaction, IsolationLevel
from psycopg.abc import Buffer, Params, PQGen
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.errors import Diagnostic
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads

from app.engine.postgres.session_settings import connect_async

logger = logging.getLogger("catalog")

T = TypeVar("T")

CANCELLED_WITHIN_SECONDS = 2.0
"""If the server does not answer the cancel request in this time, the connection is closed."""
WAIT_INTERVAL_SECONDS = 0.1
"""How often psycopg interrupts a wait, so that Ctrl-C is noticed; psycopg's own default."""
SYNC_REPLICATION_FUNCTION = "SyncRepWaitForLSN"
"""The Postgres function that raises the warning. The warning's text is in the server's language, and every warning has
the same SQLSTATE."""


ANSWER_SECONDS = 60.0
"""How long a statement of the background may take; then its connection is closed."""
SLOW_ANSWER_SECONDS = 3600.0
"""The same for the statements of a rebuild that fold or index."""


class ReplicationUnconfirmed(psycopg.OperationalError):
    """A commit is on the server, and perhaps not on the synchronous replica."""


class TimeLimitedConnection(AsyncConnection):
    """A connection that ends every statement that takes too long."""

    _unconfirmed = False
    _alarm: asyncio.TimerHandle | None = None

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109, psycopg's signature
    ) -> T:
        """Every statement waits here until the server is ready for the next one, so also for its commit."""
        self._alarm = asyncio.get_running_loop().call_later(self._limit_seconds(), self._on_timeout)
        try:
            result = await super().wait(gen, interval, timeout)
        except asyncio.CancelledError:
            self._unconfirmed = False  # nobody waits for this commit any more; the next statement is another request's
            raise
        finally:
            self._alarm.cancel()
        if self._unconfirmed:
            self._unconfirmed = False
            raise ReplicationUnconfirmed("the commit is not confirmed by the synchronous replica")
        return result

    def _limit_seconds(self) -> float:
        """After so many seconds without an answer `_on_timeout` is called."""
        raise NotImplementedError

    def _on_timeout(self) -> None:
        raise NotImplementedError


class PooledConnection(TimeLimitedConnection):
    """A connection for requests: cancels a statement that takes too long, and detects an unconfirmed commit."""

    answers_within_seconds = 3600.0
    """After this time a statement is cancelled. It must be longer than the session's `statement_timeout`, which is the
    better way to end a statement."""

    may_cancel = True
    """False behind a pooler in transaction mode: a cancel request may crash PgBouncer up to 1.21, for all its clients.
    Then the connection is closed instead; the server notices that after its client_connection_check_interval."""

    transaction_settings = b""
    """The query that each transaction begins with, to set what the session does not; empty if the session sets all."""

    _cancelling: asyncio.Task[None] | None = None

    async def configure(self, answers_within_seconds: float) -> None:
        """Prepare a new connection of the pool, without a round trip."""
        self.answers_within_seconds = answers_within_seconds
        self.add_notice_handler(self._on_notice)
        self.adapters.register_loader("timestamptz", UtcTimestampLoader)
        await self.set_isolation_level(IsolationLevel.READ_COMMITTED)

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """Begin a transaction as psycopg does, with `transaction_settings`."""
        is_outermost = self.pgconn.transaction_status == TransactionStatus.IDLE
        async with super().transaction(savepoint_name, force_rollback) as transaction:
            if self.transaction_settings and is_outermost:
                await AsyncCursor(self).execute(self.transaction_settings)
            yield transaction

    async def cancel_safe(self, *, timeout: float = CANCELLED_WITHIN_SECONDS) -> None:  # noqa: ASYNC109, psycopg's
        """Cancel the running statement. psycopg calls this as well when the waiting task is cancelled."""
        if self.may_cancel:
            await super().cancel_safe(timeout=timeout)
        else:
            hang_up(self)

    def _on_notice(self, notice: Diagnostic) -> None:
        self._unconfirmed |= notice.source_function == SYNC_REPLICATION_FUNCTION

    def _limit_seconds(self) -> float:
        return self.answers_within_seconds

    def _on_timeout(self) -> None:
        logger.warning("a statement has run for more than %s seconds: cancelling it", self.answers_within_seconds)
        self._alarm = asyncio.get_running_loop().call_later(CANCELLED_WITHIN_SECONDS, self._hang_up)
        self._cancelling = asyncio.create_task(self._try_to_cancel())

    async def _try_to_cancel(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self.cancel_safe(timeout=CANCELLED_WITHIN_SECONDS)

    def _hang_up(self) -> None:
        logger.warning("the database does not answer the cancel request: hanging up")
        hang_up(self)


BEGIN, COMMIT = b"begin isolation level read committed", b"commit"


class PooledCursor(AsyncCursor[Any]):
    """A cursor whose statements bring `transaction_settings` of their connection along, if there are any."""

    async def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> "PooledCursor":
        connection = self.connection
        assert isinstance(connection, PooledConnection), "the cursor belongs to a pooled connection"
        if not connection.transaction_settings or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return await super().execute(query, params, prepare=prepare, binary=binary)
        settings_cursor = AsyncCursor(connection)
        try:
            async with connection.pipeline():
                await settings_cursor.execute(BEGIN, prepare=False)
                await settings_cursor.execute(connection.transaction_settings, prepare=False)
                await super().execute(query, params, prepare=prepare, binary=binary)
                await settings_cursor.execute(COMMIT, prepare=False)
        finally:
            if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                await connection.rollback()
        return self


class UtcTimestampLoader(Loader):
    """Load an instant in UTC. Its text holds its offset, so the session's time zone does not matter."""

    def load(self, data: Buffer) -> datetime:
        """Raises DataError for an instant that Python's datetime cannot hold."""
        text = bytes(data).decode()
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise psycopg.DataError(f"not an instant between the years 1 and 9999: {text}") from error


def hang_up(connection: AsyncConnection) -> None:
    """Shut the connection's socket down, so that the waiting task fails at once; the server is not asked."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as connected:
        connected.shutdown(socket.SHUT_RDWR)


class WatchedConnection(TimeLimitedConnection):
    """A connection for the background: closes itself if the database does not answer, which otherwise may go unnoticed.

    A proxy or NAT may drop packets while still acknowledging them; then neither TCP nor the driver gives up.
    """

    _allows_slow_statements = False

    @classmethod
    async def open(cls, conninfo: str, settings: Mapping[str, str] | None = None) -> "WatchedConnection":
        """Open a connection in autocommit, with `settings` over those that every session has."""
        return await connect_async(conninfo, settings, kind=cls, connect_timeout=ceil(ANSWER_SECONDS))

    @contextmanager
    def allow_slow_statements(self) -> Iterator[None]:
        """Within the context statements may take many minutes, such as those that fold or index."""
        self._allows_slow_statements = True
        try:
            yield
        finally:
            self._allows_slow_statements = False

    def _limit_seconds(self) -> float:
        return SLOW_ANSWER_SECONDS if self._allows_slow_statements else ANSWER_SECONDS

    def _on_timeout(self) -> None:
        """Close the connection: cancelling the statement would wait for the server once more."""
        logger.warning("the database has not answered for %s seconds: hanging up", self._limit_seconds())
        hang_up(self)


def read_json_as_bytes(connection: AsyncConnection | psycopg.Connection) -> None:
    """Let the connection return JSON as bytes, as it is stored."""
    set_json_loads(_json_bytes, connection)


def _json_bytes(stored: str | bytes) -> bytes:
    """The stored JSON, neither decoded nor encoded on the way."""
    return stored.encode() if isinstance(stored, str) else bytes(stored)


def as_service_role(conninfo: str) -> str:
    """The same database with only the rights that a service needs: those of the role catalog_service."""
    return make_conninfo(conninfo, options="-c role=catalog_service")
