"""A streaming replica: whether it can be read from just now, and how far behind it may be.

The lag is measured against our clock and the primary's log: what the primary had written at an instant is noted, and
once the replica has replayed that it is as of then. So the lag does not grow while the primary has nothing to do, and
does while the replica follows nobody. A server that is no replica any more was promoted, and may go its own way.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.engine.postgres.bulkheads import BulkheadFull, Costly
from app.engine.postgres.connections import PooledCursor
from app.engine.postgres.pool import Database
from app.errors import SetupError, Unavailable
from app.settings import Settings

logger = logging.getLogger("catalog")

FREE_WITHIN_SECONDS = 0.25
"""So long a request waits for a connection; the primary is there too."""
ANSWERS_WITHIN_SECONDS = 2.0
CONNECTS_WITHIN_SECONDS = 2
LOOK_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.02
NOTES_AT_MOST = 4096

WRITTEN = "select (pg_current_wal_lsn() - '0/0')::bigint"
REPLAYED = "select pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint"

ITS_OWN = (errors.QueryCanceled, errors.SerializationFailure, BulkheadFull)
"""What ends a statement and says nothing of the server; the second is a conflict with what is to be replayed."""


class Replica:
    """`async with` it, and `await run()` meanwhile. It need not be there: then it does not serve."""

    def __init__(
        self,
        conninfo: str,
        settings: Settings,
        primary: Database,
        cursor_factory: type[AsyncCursor[Any]] = PooledCursor,
    ) -> None:
        """Raises SetupError for what is no conninfo; without repeating it, for it may hold a password."""
        try:
            given = {"connect_timeout": CONNECTS_WITHIN_SECONDS, **conninfo_to_dict(conninfo)}
        except psycopg.ProgrammingError:
            raise SetupError("DATABASE_REPLICA_URL is neither a libpq URL nor a conninfo") from None
        self.database = Database(make_conninfo("", **given), settings, cursor_factory, ANSWERS_WITHIN_SECONDS)
        self._primary = primary
        self._lag_limit = settings.catalog_replica_lag_seconds
        self._pause = min(LOOK_SECONDS, self._lag_limit / 4)
        self._written: deque[tuple[float, int]] = deque(maxlen=NOTES_AT_MOST)
        """By our clock, how far the primary's log had been written, as far as the replica has not replayed it."""
        self._as_of = float("-inf")
        self._answers = False
        self._told: str | None = None

    async def __aenter__(self) -> "Replica":
        await self.database.pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.pool.close()

    @property
    def lag_seconds(self) -> float:
        """Everything that was committed so long ago can be read from it; infinite while nothing is known."""
        return time.monotonic() - self._as_of

    @property
    def state(self) -> Literal["ok", "behind", "away"]:
        if not self._answers:
            return "away"
        return "ok" if self.lag_seconds <= self._lag_limit else "behind"

    @property
    def serves(self) -> bool:
        """Whether it can be read from."""
        return self.state == "ok"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Raises Unavailable; whoever it fails is the last to try until it was looked at again."""
        async with self._noticing(self.database.connection(FREE_WITHIN_SECONDS)) as connection:
            yield connection

    @asynccontextmanager
    async def costly(self, read: Costly) -> AsyncIterator[AsyncConnection]:
        """The same for a costly read."""
        async with self._noticing(self.database.costly(read, FREE_WITHIN_SECONDS)) as connection:
            yield connection

    @asynccontextmanager
    async def _noticing(self, taken: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        try:
            async with taken as connection:
                yield connection
        except Unavailable as error:
            if not isinstance(error.__cause__, ITS_OWN):
                self._answers = False
            raise

    async def run(self) -> None:
        """Look again and again, whatever goes wrong: only cancelling ends it."""
        while True:
            try:
                await self._look()
            except Unavailable:
                self._answers = False
            except Exception:
                self._answers = False
                logger.exception("looking after the replica failed")
            self._tell()
            await asyncio.sleep(self._pause)

    async def _look(self) -> None:
        """One look at the primary, and some at the replica: it may be just about to replay that."""
        with suppress(Unavailable):
            await self._note_what_is_written()
        looks = int(self._pause / LOOK_AGAIN_SECONDS)
        for _ in range(looks):
            if not await self._replays() or not self._written:
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _note_what_is_written(self) -> None:
        async with self._primary.connection(self._lag_limit / 4) as connection:
            at = time.monotonic()
            row = await (await connection.execute(WRITTEN)).fetchone()
        assert row is not None, "a function has a value"
        self._written.append((at, row[0]))

    async def _replays(self) -> bool:
        """Whether it follows, with what it has replayed taken down."""
        async with self.database.connection(self._pause) as connection:
            row = await (await connection.execute(REPLAYED)).fetchone()
        assert row is not None, "functions have values"
        follows, replayed = row
        if follows:
            while self._written and replayed is not None and self._written[0][1] <= replayed:
                self._as_of, _ = self._written.popleft()
        elif self._answers:
            await self.database.pool.drain()  # its address may lead to another replica by now
        self._answers = bool(follows)
        return self._answers

    def _tell(self) -> None:
        if self.state != self._told:
            told = "is read from" if self.serves else f"is {self.state}: reads go to the primary"
            logger.log(logging.INFO if self.serves else logging.WARNING, "the replica %s", told)
            self._told = self.state
