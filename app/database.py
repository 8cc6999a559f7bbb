"""Connections to Postgres, and the schema in it: pooled, bounded in time, JSON as bytes, the database's faults as ours.

Messages on the wire: taking a connection from the pool costs none while its socket is quiet.
"""

import asyncio
import logging
import select
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from math import ceil
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from app.bulkhead import ENDS_WITHIN_SECONDS, Bulkheads, Costly
from app.errors import TooExpensive, Unavailable
from app.pooled import WAIT_INTERVAL_SECONDS, PooledConnection, Unconfirmed, hang_up
from app.settings import Settings

logger = logging.getLogger("catalog")

T = TypeVar("T")

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    PoolTimeout,
    TooManyRequests,
)
ENDED_BY_THE_SERVER_SECONDS = 1.0
"""So much longer than the server's limit is ours, for a commit that it does not limit."""
RECONNECT_SECONDS = 1.0
"""After so long without success the pool stops doubling its pauses; the next request makes it try at once."""

ANSWERS_WITHIN_SECONDS = 60.0
"""The background gives a statement up that takes longer, and the connection with it."""
ANSWERS_AT_LAST_WITHIN_SECONDS = 3600.0
"""The same for those statements of a rebuild that fold or index."""

SESSION = """
select set_config('timezone', 'UTC', false),
    set_config('jit', 'off', false),
    set_config('statement_timeout', %s, false),
    set_config('lock_timeout', %s, false),
    set_config('idle_in_transaction_session_timeout', %s, false)
"""


class Database:
    """A pool of connections. Use `async with database.connection() as connection`."""

    def __init__(
        self,
        conninfo: str,
        settings: Settings,
        cursor_factory: type[AsyncCursor[Any]] = AsyncCursor,
        answers_within_seconds: float | None = None,
    ) -> None:
        """A statement is given up after `answers_within_seconds`, or else soon after the server should have."""
        self._settings = settings
        self._answers_within_seconds = (
            answers_within_seconds or settings.catalog_statement_timeout_seconds + ENDED_BY_THE_SERVER_SECONDS
        )
        self.pool = AsyncConnectionPool(
            conninfo,
            connection_class=PooledConnection,
            min_size=1,
            max_size=settings.catalog_pool_size,
            timeout=settings.catalog_pool_timeout_seconds,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={
                "autocommit": True,
                "application_name": "catalog",
                "client_encoding": "utf8",
                "cursor_factory": cursor_factory,
            },
            configure=self._configure,
            open=False,
        )
        self.bulkheads = Bulkheads(settings.catalog_pool_size, settings.catalog_pool_timeout_seconds)

    async def __aenter__(self) -> "Database":
        await self.pool.open(wait=True, timeout=self._settings.catalog_pool_timeout_seconds)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def connection(
        self, wait_seconds: float | None = None, answers_within_seconds: float | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit. Raises Unavailable when the database is away, busy, or too slow."""
        try:
            connection = await self._living_connection(wait_seconds or self._settings.catalog_pool_timeout_seconds)
            connection.answers_within_seconds = answers_within_seconds or self._answers_within_seconds
            try:
                async with connection:
                    yield connection
            finally:
                await self._give_back(connection)
        except UNAVAILABLE as error:
            raise Unavailable(_why_unavailable(error)) from error

    @asynccontextmanager
    async def costly(self, read: Costly, wait_seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection for a costly read, of which only some are under way at a time. Raises Unavailable when too many
        wait, and TooExpensive for one whose parameters make it take too long."""
        seconds = min(ENDS_WITHIN_SECONDS, self._answers_within_seconds) if read.parameter else None
        try:
            async with (
                self.bulkheads.costly.entered(read.what, wait_seconds),
                self.connection(wait_seconds, seconds) as connection,
            ):
                yield connection
        except Unavailable as error:
            if read.parameter and isinstance(error.__cause__, errors.QueryCanceled):
                raise TooExpensive(
                    read.parameter, f"This was stopped after {seconds:g} seconds. {read.instead}"
                ) from error
            raise

    async def _living_connection(self, wait_seconds: float) -> PooledConnection:
        """A connection from the pool that is not dead; its own check waits 1, 2, 4 … seconds after each that is."""
        deadline = time.monotonic() + wait_seconds
        while True:
            connection = await self.pool.getconn(max(0.0, deadline - time.monotonic()))
            try:
                await check_connection(connection)
            except UNAVAILABLE:
                await self._give_back(connection)
            except BaseException:
                await self._give_back(connection)
                raise
            else:
                return connection

    async def _give_back(self, connection: PooledConnection) -> None:
        """To its end, though we are called off: half-way the pool has neither the connection nor who waits for it."""
        await asyncio.shield(self.pool.putconn(connection))

    async def _configure(self, connection: PooledConnection) -> None:
        read_json_as_bytes(connection)
        connection.watch(self._answers_within_seconds)
        limits = (
            _milliseconds(self._settings.catalog_statement_timeout_seconds),
            _milliseconds(self._settings.catalog_lock_timeout_seconds),
            _milliseconds(self._settings.catalog_statement_timeout_seconds),
        )
        await connection.execute(SESSION, limits)

    def __repr__(self) -> str:
        return f"<Database {self.pool.name} {self.pool.get_stats()}>"


class WatchedConnection(AsyncConnection):
    """For the background: hangs up on a database that does not answer, which otherwise may never be noticed.

    Something between may acknowledge every packet and pass on none; then neither TCP nor the driver gives up.
    """

    _taking_its_time = False

    @classmethod
    async def opened(cls, conninfo: str) -> "WatchedConnection":
        """A connection in autocommit."""
        return await cls.connect(conninfo, autocommit=True, connect_timeout=ceil(ANSWERS_WITHIN_SECONDS))

    @contextmanager
    def taking_its_time(self) -> Iterator[None]:
        """Around statements that may take many minutes: to fold, to index."""
        self._taking_its_time = True
        try:
            yield
        finally:
            self._taking_its_time = False

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109, psycopg's signature
    ) -> T:
        """Every statement waits here."""
        seconds = ANSWERS_AT_LAST_WITHIN_SECONDS if self._taking_its_time else ANSWERS_WITHIN_SECONDS
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
    set_json_loads(_as_bytes, connection)


def _as_bytes(stored: str | bytes) -> bytes:
    """JSON leaves as it is stored, neither decoded nor encoded on the way."""
    return stored.encode() if isinstance(stored, str) else bytes(stored)


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _why_unavailable(error: Exception) -> str:
    match error:
        case errors.LockNotAvailable():
            return "Another command on the same item takes too long; nothing was changed. Try again."
        case errors.ReadOnlySqlTransaction():
            return "The database takes no changes just now; nothing was changed. Try again."
        case errors.QueryCanceled():
            return "The database took too long; nothing was changed. Try again."
        case Unconfirmed():
            return "No second server has confirmed the command; whether it stays is unknown. Read, then try again."
        case PoolTimeout() | TooManyRequests():
            return "The database is away, or too many requests wait for it; nothing was changed. Try again."
        case _:
            return "The database went away; whether a command was carried out is unknown. Read, then try again."


def as_service(conninfo: str) -> str:
    """The same database, with no more rights than a service needs: those of the role catalog_service."""
    return make_conninfo(conninfo, options="-c role=catalog_service")


async def check_connection(connection: AsyncConnection) -> None:
    """Tell whether an idle connection still lives: a quiet socket does, one with something to read is asked."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)
