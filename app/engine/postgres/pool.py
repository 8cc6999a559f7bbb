"""Pooled connections to Postgres: bounded in time, JSON as bytes, and the database's failures raised as Unavailable.

Messages on the wire: taking a connection from the pool sends none while its socket is quiet.
"""

import asyncio
import logging
import select
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, Protocol, TypeVar

import psycopg
from msgspec import Struct, structs
from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.pq import PipelineStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from app.engine.postgres.bulkheads import COSTLY_READ_SECONDS, Bulkheads, CostlyRead
from app.engine.postgres.connections import (
    PooledConnection,
    PooledCursor,
    ReplicationUnconfirmed,
    hang_up,
    read_json_as_bytes,
)
from app.engine.postgres.session_settings import TRANSACTION, connection_options, set_statement
from app.engine.postgres.unavailability import is_unavailable
from app.errors import TooExpensive, Unavailable

logger = logging.getLogger("catalog")

T = TypeVar("T")

SERVER_CANCELS_WITHIN_SECONDS = 1.0
"""How much longer our limit is than the server's `statement_timeout`, which does not limit a commit."""
RECONNECT_SECONDS = 1.0
"""After this time without success the pool stops doubling its pauses. The next request makes it try at once."""


class PoolSettings(Struct, frozen=True, kw_only=True):
    """The size of a pool and the time limits of its users."""

    size: int = 4
    """The maximum number of connections."""
    timeout_seconds: float = 5.0
    """How long a request waits for a connection."""
    statement_timeout_seconds: float = 8.0
    lock_timeout_seconds: float = 4.0
    pooler: Literal["session", "transaction"] = "session"
    """transaction: a pooler stands before the server, and no session lasts longer than a transaction."""


class Database:
    """A pool of connections. Use `async with database.connection() as connection`."""

    def __init__(
        self,
        conninfo: str,
        settings: PoolSettings,
        cursor_factory: type[AsyncCursor[Any]] = PooledCursor,
        answers_within_seconds: float | None = None,
        least_connections: int = 1,
    ) -> None:
        """A statement is cancelled after `answers_within_seconds`; by default soon after the server's own time limit.

        If `settings.pooler` is transaction, nothing relies on a session, so no statement is prepared.
        """
        self._settings = settings
        self._has_sessions = settings.pooler == "session"
        self._answers_within_seconds = (
            answers_within_seconds or settings.statement_timeout_seconds + SERVER_CANCELS_WITHIN_SECONDS
        )
        self.pool = AsyncConnectionPool(
            conninfo,
            connection_class=PooledConnection,
            min_size=least_connections,
            max_size=settings.size,
            timeout=settings.timeout_seconds,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={
                "autocommit": True,
                "application_name": "catalog",
                "client_encoding": "utf8",
                "cursor_factory": cursor_factory,
                **({} if self._has_sessions else {"prepare_threshold": None}),
            },
            configure=self._configure,
            open=False,
        )
        self.bulkheads = Bulkheads(settings.size, settings.timeout_seconds)

    async def __aenter__(self) -> "Database":
        await self.pool.open(wait=True, timeout=self._settings.timeout_seconds)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def connection(
        self,
        wait_seconds: float | None = None,
        answers_within_seconds: float | None = None,
        statement_timeout_seconds: float | None = None,
    ) -> AsyncIterator[AsyncConnection]:
        """Take a connection in autocommit from the pool; `statement_timeout_seconds` limits each of its statements.

        Raises Unavailable if the database is away, busy or too slow. Other errors are our mistakes and pass unchanged.
        """
        try:
            connection = await self._live_connection(wait_seconds or self._settings.timeout_seconds)
        except psycopg.Error as error:
            raise _unavailable(error) from error
        connection.answers_within_seconds = answers_within_seconds or self._with_statement_timeout(
            statement_timeout_seconds
        )
        connection.transaction_settings = self._transaction_settings(statement_timeout_seconds)
        try:
            async with connection:
                yield connection
        except psycopg.Error as error:
            if not is_unavailable(error, connection):
                raise
            raise _unavailable(error) from error
        finally:
            await self._return_to_pool(connection)

    def _with_statement_timeout(self, statement_timeout_seconds: float | None) -> float:
        if statement_timeout_seconds is None:
            return self._answers_within_seconds
        return statement_timeout_seconds + SERVER_CANCELS_WITHIN_SECONDS

    def _transaction_settings(self, statement_timeout_seconds: float | None) -> bytes:
        """The query that each transaction begins with: all settings without sessions, else only its own time limit."""
        if not self._has_sessions:
            return set_statement({**TRANSACTION, **self._limits(statement_timeout_seconds)}, is_local=True).encode()
        if statement_timeout_seconds is None:
            return b""
        limit = _milliseconds(statement_timeout_seconds)
        return f"select pg_catalog.set_config('statement_timeout', '{limit}', true)".encode()

    def _limits(self, statement_timeout_seconds: float | None = None) -> dict[str, str]:
        timeout = _milliseconds(statement_timeout_seconds or self._settings.statement_timeout_seconds)
        return {
            "statement_timeout": timeout,
            "lock_timeout": _milliseconds(self._settings.lock_timeout_seconds),
            "idle_in_transaction_session_timeout": timeout,
        }

    @asynccontextmanager
    async def costly(self, read: CostlyRead, wait_seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        """Take a connection for a costly read; only a limited number of them run at a time.

        Raises Unavailable if too many wait, and TooExpensive if the read's parameters make it take too long.
        """
        seconds = self._time_limit_of(read)
        try:
            async with (
                self.bulkheads.costly.enter(read.what, wait_seconds),
                self.connection(wait_seconds, statement_timeout_seconds=seconds) as connection,
            ):
                yield connection
        except Unavailable as error:
            if read.parameter and isinstance(error.__cause__, errors.QueryCanceled):
                raise TooExpensive(
                    read.parameter, f"This was stopped after {seconds:g} seconds. {read.instead}"
                ) from error
            raise

    def _time_limit_of(self, read: CostlyRead) -> float | None:
        """Seconds, at most what the operator allows to any statement; None if the read has no limit of its own."""
        limits = (self._settings.statement_timeout_seconds, self._answers_within_seconds)
        return min(COSTLY_READ_SECONDS, *limits) if read.parameter else None

    async def _live_connection(self, wait_seconds: float) -> PooledConnection:
        """Take a live connection from the pool. The pool's own check would wait 1, 2, 4 … seconds after each dead
        one."""
        deadline = time.monotonic() + wait_seconds
        while True:
            connection = await self.pool.getconn(max(0.0, deadline - time.monotonic()))
            try:
                await check_connection(connection)
            except BaseException as error:
                away = isinstance(error, psycopg.Error) and is_unavailable(error, connection)
                await self._return_to_pool(connection)
                if not away:
                    raise
            else:
                return connection

    async def _return_to_pool(self, connection: PooledConnection) -> None:
        """Return a connection, even if this task is cancelled meanwhile; otherwise the pool would lose the connection.

        A connection that was cancelled within a pipeline may still be in pipeline mode, which the pool does not notice:
        it is closed.
        """
        connection.transaction_settings = b""
        if connection.pgconn.pipeline_status != PipelineStatus.OFF:
            hang_up(connection)
            connection.pgconn.finish()
        await asyncio.shield(self.pool.putconn(connection))

    async def _configure(self, connection: PooledConnection) -> None:
        read_json_as_bytes(connection)
        await connection.configure(self._answers_within_seconds)
        connection.may_cancel = self._has_sessions
        if self._has_sessions:
            await connection.execute(connection_options(self._limits()).encode())

    def __repr__(self) -> str:
        return f"<Database {self.pool.name} {self.pool.get_stats()}>"


def single_connection_database(
    conninfo: str, settings: PoolSettings, cursor_factory: type[AsyncCursor[Any]] = PooledCursor
) -> Database:
    """A database with sessions and one connection, which is opened on first use."""
    limited = structs.replace(settings, pooler="session", size=1)
    return Database(conninfo, limited, cursor_factory, least_connections=0)


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


UNCHANGED_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (errors.LockNotAvailable, "Another command on the same stream takes too long"),
    (errors.ReadOnlySqlTransaction, "The database takes no changes just now"),
    (errors.QueryCanceled, "The database took too long"),
    (errors.DeadlockDetected, "The command collided with another one"),
    (errors.SerializationFailure, "The command collided with another one"),
    (PoolClosed, "The service is stopping"),
    (PoolTimeout, "The database is away, or too many requests wait for it"),
    (TooManyRequests, "The database is away, or too many requests wait for it"),
)


def _unavailable(error: Exception) -> Unavailable:
    for kind, why in UNCHANGED_ERRORS:
        if isinstance(error, kind):
            return Unavailable(f"{why}; nothing was changed. Try again.")
    why = "The database went away; whether a command was carried out is unknown."
    if isinstance(error, ReplicationUnconfirmed):
        why = "No second server has confirmed the command; whether it stays is unknown."
    return Unavailable(f"{why} Read, then try again.", outcome_is_unknown=True)


async def check_connection(connection: AsyncConnection) -> None:
    """Raise if an idle connection is dead. A quiet socket is alive; one with something to read is tested by a query."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


class ConnectionSource(Protocol):
    """A source of connections: a server, or a router that chooses one."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Take a connection in autocommit. Raises Unavailable."""

    def costly(self, read: CostlyRead) -> AbstractAsyncContextManager[AsyncConnection]:
        """Take a connection for a costly read. Raises Unavailable and TooExpensive."""
