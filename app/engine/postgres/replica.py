"""A streaming replica: whether it can be read from now, and how far it lags behind the primary.

The lag is measured with our clock and the primary's WAL. The primary's write position is noted with the time. When the
replica has replayed that position, it is as fresh as that time. So the lag does not grow while the primary is idle, and
grows while the replica follows no primary. A server that is no longer a replica was promoted; it is not read from,
since its data may differ.
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
"""How long a request waits for a replica's connection before it uses the primary."""
REPLICA_ANSWERS_WITHIN_SECONDS = 2.0
CONNECTS_WITHIN_SECONDS = 2
REPLICA_CHECK_SECONDS = 1.0
REPLAY_POLL_SECONDS = 0.02
WRITTEN_NOTES_MAX = 4096

WRITTEN_LSN = "select (pg_current_wal_lsn() - '0/0')::bigint"
REPLAYED_LSN = "select pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint"

STATEMENT_ERRORS = (errors.QueryCanceled, errors.SerializationFailure, BulkheadFull)
"""Errors that end a statement and do not mean that the replica is away. SerializationFailure is a conflict with
replayed changes."""


class Replica:
    """Use `async with` and run `run()` meanwhile. If the server cannot be reached, `serves` is False."""

    def __init__(
        self,
        conninfo: str,
        settings: PoolSettings,
        lag_limit_seconds: float,
        primary: Database,
        cursor_factory: type[AsyncCursor[Any]] = PooledCursor,
    ) -> None:
        """Raises psycopg.ProgrammingError if `conninfo` is malformed."""
        given = {"connect_timeout": CONNECTS_WITHIN_SECONDS, **conninfo_to_dict(conninfo)}
        self.database = Database(make_conninfo("", **given), settings, cursor_factory, REPLICA_ANSWERS_WITHIN_SECONDS)
        self._primary = primary
        self._lag_limit = lag_limit_seconds
        self._pause = min(REPLICA_CHECK_SECONDS, self._lag_limit / 4)
        self._written: deque[tuple[float, int]] = deque(maxlen=WRITTEN_NOTES_MAX)
        """The primary's write positions with the time by our clock, those that the replica has not replayed yet."""
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
        """The replica shows every commit that is older than this; infinite while nothing is known."""
        return time.monotonic() - self._as_of

    @property
    def state(self) -> Literal["ok", "behind", "away"]:
        if not self._answers:
            return "away"
        return "ok" if self.lag_seconds <= self._lag_limit else "behind"

    @property
    def serves(self) -> bool:
        """Whether the replica can be read from."""
        return self.state == "ok"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Take a connection. Raises Unavailable; after a failure the replica is not used until the next check."""
        async with self._marking_failures(self.database.connection(FREE_WITHIN_SECONDS)) as connection:
            yield connection

    @asynccontextmanager
    async def costly(self, read: CostlyRead) -> AsyncIterator[AsyncConnection]:
        """Take a connection for a costly read."""
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
        """Check the replica until cancelled; no error ends the loop."""
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
        """Read the primary's position once and the replica's several times, since the replica may be about to reach
        it."""
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
        assert row is not None, "a function returns one row"
        self._written.append((at, row[0]))

    async def _record_replayed_lsn(self) -> bool:
        """Update how fresh the replica is; returns whether it follows a primary."""
        async with self.database.connection(self._pause) as connection:
            row = await (await connection.execute(REPLAYED_LSN)).fetchone()
        assert row is not None, "functions return one row"
        follows, replayed = row
        if follows:
            while self._written and replayed is not None and self._written[0][1] <= replayed:
                self._as_of, _ = self._written.popleft()
        elif self._answers:
            await self.database.pool.drain()  # its address may belong to another replica by now
        self._answers = bool(follows)
        return self._answers

    def _log_state(self) -> None:
        if self.state != self._logged_state:
            told = "is read from" if self.serves else f"is {self.state}: reads go to the primary"
            logger.log(logging.INFO if self.serves else logging.WARNING, "the replica %s", told)
            self._logged_state = self.state
