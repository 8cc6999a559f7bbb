"""The connections of a pool: no statement of a request waits for ever, and no unconfirmed commit is a success.

With a synchronous replica a commit waits until that one has it, and while it is lost for ever: `statement_timeout` has
ended by then. Cancelled, it is there all the same: the server warns and reports success, and a fail-over may lose it.
So we cancel what takes too long, and raise Unconfirmed where the server warned: the outcome is unknown.

Behind a pooler in transaction mode there is no session: each statement may be another server connection's. There every
transaction brings its settings with it, in the same round trip.

Messages on the wire, where settings are brought: begin, set_config, the statement and commit in one pipeline, one Sync.
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
"""A server that does not answer to that either is hung up on."""
WAIT_INTERVAL_SECONDS = 0.1
"""How often psycopg looks up while it waits, so that Ctrl-C is noticed; its own default."""
SYNC_REPLICATION_FUNCTION = "SyncRepWaitForLSN"
"""Where in Postgres the warning is from: its text is in the server's language, its code that of any warning."""


class ReplicationUnconfirmed(psycopg.OperationalError):
    """A commit that is on the server, and perhaps not on the synchronous replica."""


class PooledConnection(AsyncConnection):
    answers_within_seconds = 3600.0
    """After so long a statement is cancelled. To be longer than its `statement_timeout`, which is the better end."""

    may_cancel = True
    """Not through a pooler in transaction mode: PgBouncer up to 1.21 may end when it is asked to cancel, for all of its
    clients. What would be cancelled is hung up on; the server notices as its client_connection_check_interval says."""

    transaction_settings = b""
    """The query that sets what the session does not: for each transaction, within it. Empty: the session has it all."""

    _unconfirmed = False
    _alarm: asyncio.TimerHandle | None = None
    _cancelling: asyncio.Task[None] | None = None

    async def configure(self, answers_within_seconds: float) -> None:
        """Once, as it comes into the pool. Asks the server nothing."""
        self.answers_within_seconds = answers_within_seconds
        self.add_notice_handler(self._on_notice)
        self.adapters.register_loader("timestamptz", UtcTimestampLoader)
        await self.set_isolation_level(IsolationLevel.READ_COMMITTED)

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """As psycopg's, with the settings that it is to bring."""
        is_outermost = self.pgconn.transaction_status == TransactionStatus.IDLE
        async with super().transaction(savepoint_name, force_rollback) as transaction:
            if self.transaction_settings and is_outermost:
                await AsyncCursor(self).execute(self.transaction_settings)
            yield transaction

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109, psycopg's signature
    ) -> T:
        """Every statement waits here, until the server is ready for the next: its commit is in it."""
        self._alarm = asyncio.get_running_loop().call_later(self.answers_within_seconds, self._on_timeout)
        try:
            result = await super().wait(gen, interval, timeout)
        except asyncio.CancelledError:
            self._unconfirmed = False  # nobody waits for this commit any more; the next statement is somebody else's
            raise
        finally:
            self._alarm.cancel()
        if self._unconfirmed:
            self._unconfirmed = False
            raise ReplicationUnconfirmed("the commit is not confirmed by the synchronous replica")
        return result

    async def cancel_safe(self, *, timeout: float = CANCELLED_WITHIN_SECONDS) -> None:  # noqa: ASYNC109, psycopg's
        """Also what psycopg does when whoever waits is called off."""
        if self.may_cancel:
            await super().cancel_safe(timeout=timeout)
        else:
            hang_up(self)

    def _on_notice(self, notice: Diagnostic) -> None:
        self._unconfirmed |= notice.source_function == SYNC_REPLICATION_FUNCTION

    def _on_timeout(self) -> None:
        logger.warning("a statement has not ended for %s seconds: cancelling it", self.answers_within_seconds)
        self._alarm = asyncio.get_running_loop().call_later(CANCELLED_WITHIN_SECONDS, self._hang_up)
        self._cancelling = asyncio.create_task(self._try_to_cancel())

    async def _try_to_cancel(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self.cancel_safe(timeout=CANCELLED_WITHIN_SECONDS)

    def _hang_up(self) -> None:
        logger.warning("the database does not answer: hanging up")
        hang_up(self)


BEGIN, COMMIT = b"begin isolation level read committed", b"commit"


class PooledCursor(AsyncCursor[Any]):
    """A cursor whose statements bring the settings of their connection along, where it has any to bring."""

    async def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> "PooledCursor":
        connection = self.connection
        assert isinstance(connection, PooledConnection), "a cursor of a pool"
        if not connection.transaction_settings or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return await super().execute(query, params, prepare=prepare, binary=binary)
        beside = AsyncCursor(connection)
        try:
            async with connection.pipeline():
                await beside.execute(BEGIN, prepare=False)
                await beside.execute(connection.transaction_settings, prepare=False)
                await super().execute(query, params, prepare=prepare, binary=binary)
                await beside.execute(COMMIT, prepare=False)
        finally:
            if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                await connection.rollback()
        return self


class UtcTimestampLoader(Loader):
    """An instant, in UTC whatever the session's time zone was when psycopg looked; its text says its offset."""

    def load(self, data: Buffer) -> datetime:
        """Raises DataError for what Python has no datetime for."""
        text = bytes(data).decode()
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise psycopg.DataError(f"not an instant between the years 1 and 9999: {text}") from error


def hang_up(connection: AsyncConnection) -> None:
    """Whoever waits sees the connection end; the server is not asked."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as connected:
        connected.shutdown(socket.SHUT_RDWR)


ANSWER_SECONDS = 60.0
"""The background gives a statement up that takes longer, and the connection with it."""
SLOW_ANSWER_SECONDS = 3600.0
"""The same for those statements of a rebuild that fold or index."""


class WatchedConnection(AsyncConnection):
    """For the background: hangs up on a database that does not answer, which otherwise may never be noticed.

    Something between may acknowledge every packet and pass on none; then neither TCP nor the driver gives up.
    """

    _allows_slow_statements = False

    @classmethod
    async def open(cls, conninfo: str, settings: Mapping[str, str] | None = None) -> "WatchedConnection":
        """A connection in autocommit, with `settings` over those that every session has."""
        return await connect_async(conninfo, settings, kind=cls, connect_timeout=ceil(ANSWER_SECONDS))

    @contextmanager
    def allow_slow_statements(self) -> Iterator[None]:
        """Around statements that may take many minutes: to fold, to index."""
        self._allows_slow_statements = True
        try:
            yield
        finally:
            self._allows_slow_statements = False

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109, psycopg's signature
    ) -> T:
        """Every statement waits here."""
        seconds = SLOW_ANSWER_SECONDS if self._allows_slow_statements else ANSWER_SECONDS
        alarm = asyncio.get_running_loop().call_later(seconds, self._hang_up, seconds)
        try:
            return await super().wait(gen, interval, timeout)
        finally:
            alarm.cancel()

    def _hang_up(self, seconds: float) -> None:
        """Cancelling would wait for the server once more."""
        logger.warning("the database has not answered for %s seconds: hanging up", seconds)
        hang_up(self)


def read_json_as_bytes(connection: AsyncConnection | psycopg.Connection) -> None:
    """Let the connection answer with JSON as it is stored."""
    set_json_loads(_json_bytes, connection)


def _json_bytes(stored: str | bytes) -> bytes:
    """JSON leaves as it is stored, neither decoded nor encoded on the way."""
    return stored.encode() if isinstance(stored, str) else bytes(stored)


def as_service_role(conninfo: str) -> str:
    """The same database, with no more rights than a service needs: those of the role catalog_service."""
    return make_conninfo(conninfo, options="-c role=catalog_service")
