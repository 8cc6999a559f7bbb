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

from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.engine.postgres.bulkheads import BulkheadFull, CostlyRead
from app.engine.postgres.connections import PooledCursor
from app.engine.postgres.pool import Database, PoolSettings
from app.errors import Unavailable

logger = logging.getLogger("catalog")

FREE_WITHIN_SECONDS = 0.25
"""So long a request waits for a connection; the primary is there too."""
REPLICA_ANSWERS_WITHIN_SECONDS = 2.0
CONNECTS_WITHIN_SECONDS = 2
REPLICA_CHECK_SECONDS = 1.0
REPLAY_POLL_SECONDS = 0.02
WRITTEN_NOTES_MAX = 4096

WRITTEN_LSN = "select (pg_current_wal_lsn() - '0/0')::bigint"
REPLAYED_LSN = "select pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint"

STATEMENT_ERRORS = (errors.QueryCanceled, errors.SerializationFailure, BulkheadFull)
"""What ends a statement and says nothing of the server; the second is a conflict with what is to be replayed."""


class Replica:
    """`async with` it, and `await run()` meanwhile. It need not be there: then it does not serve."""

    def __init__(
        self,
        conninfo: str,
        settings: PoolSettings,
        lag_limit_seconds: float,
        primary: Database,
        cursor_factory: type[AsyncCursor[Any]] = PooledCursor,
    ) -> None:
        """Raises psycopg.ProgrammingError for what is no conninfo."""
        given = {"connect_timeout": CONNECTS_WITHIN_SECONDS, **conninfo_to_dict(conninfo)}
        self.database = Database(make_conninfo("", **given), settings, cursor_factory, REPLICA_ANSWERS_WITHIN_SECONDS)
        self._primary = primary
        self._lag_limit = lag_limit_seconds
        self._pause = min(REPLICA_CHECK_SECONDS, self._lag_limit / 4)
        self._written: deque[tuple[float, int]] = deque(maxlen=WRITTEN_NOTES_MAX)
        """By our clock, how far the primary's log had been written, as far as the replica has not replayed it."""
        self._as_of = float("-inf")
        self._answers = False
        self._logged_state: str | None = None

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
        async with self._marking_failures(self.database.connection(FREE_WITHIN_SECONDS)) as connection:
            yield connection

    @asynccontextmanager
    async def costly(self, read: CostlyRead) -> AsyncIterator[AsyncConnection]:
        """The same for a costly read."""
        async with self._marking_failures(self.database.costly(read, FREE_WITHIN_SECONDS)) as connection:
            yield connection

    @asynccontextmanager
    async def _marking_failures(
        self, taken: AbstractAsyncContextManager[AsyncConnection]
    ) -> AsyncIterator[AsyncConnection]:
        try:
            async with taken as connection:
                yield connection
        except Unavailable as error:
            if not isinstance(error.__cause__, STATEMENT_ERRORS):
                self._answers = False
            raise

    async def run(self) -> None:
        """Look again and again, whatever goes wrong: only cancelling ends it."""
        while True:
            try:
                await self._check()
            except Unavailable:
                self._answers = False
            except Exception:
                self._answers = False
                logger.exception("looking after the replica failed")
            self._log_state()
            await asyncio.sleep(self._pause)

    async def _check(self) -> None:
        """One look at the primary, and some at the replica: it may be just about to replay that."""
        with suppress(Unavailable):
            await self._record_written_lsn()
        looks = int(self._pause / REPLAY_POLL_SECONDS)
        for _ in range(looks):
            if not await self._record_replayed_lsn() or not self._written:
                break
            await asyncio.sleep(REPLAY_POLL_SECONDS)

    async def _record_written_lsn(self) -> None:
        async with self._primary.connection(self._lag_limit / 4) as connection:
            at = time.monotonic()
            row = await (await connection.execute(WRITTEN_LSN)).fetchone()
        assert row is not None, "a function has a value"
        self._written.append((at, row[0]))

    async def _record_replayed_lsn(self) -> bool:
        """Whether it follows, with what it has replayed taken down."""
        async with self.database.connection(self._pause) as connection:
            row = await (await connection.execute(REPLAYED_LSN)).fetchone()
        assert row is not None, "functions have values"
        follows, replayed = row
        if follows:
            while self._written and replayed is not None and self._written[0][1] <= replayed:
                self._as_of, _ = self._written.popleft()
        elif self._answers:
            await self.database.pool.drain()  # its address may lead to another replica by now
        self._answers = bool(follows)
        return self._answers

    def _log_state(self) -> None:
        if self.state != self._logged_state:
            told = "is read from" if self.serves else f"is {self.state}: reads go to the primary"
            logger.log(logging.INFO if self.serves else logging.WARNING, "the replica %s", told)
            self._logged_state = self.state
