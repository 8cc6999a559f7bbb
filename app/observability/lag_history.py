"""How far the background was behind the log over the last minutes, as this process saw it.

For people who come to look when something has happened already; over longer, Prometheus keeps it.
"""

import asyncio
import logging
from collections import deque
from datetime import datetime

from msgspec import Struct

from app.engine.postgres.pool import Database
from app.errors import Unavailable

logger = logging.getLogger("catalog")

LOOK_SECONDS = 2.0
KEPT = 150


class Lag(Struct, frozen=True, kw_only=True):
    """How far one projection was behind."""

    at: datetime
    lag_seconds: float
    """The age of the oldest event not applied; 0 when caught up."""
    lag_events: int
    """Events not applied; 100,001 is more than 100,000."""


class LagWatch:
    """`await run()` for as long as the service lives. While the database is away nothing is seen: that is a gap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, deque[Lag]] = {}

    def of(self, name: str) -> list[Lag]:
        """The oldest first; none of a projection that is written together with the events."""
        return list(self._seen.get(name, ()))

    async def run(self) -> None:
        """Look again and again, whatever goes wrong: only cancelling ends it. What is caught up at once is not lag."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Unavailable:
                pass
            except Exception:
                logger.exception("looking for the lag failed")

    async def _look(self) -> None:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(LAG)).fetchall()
        for name, at, lag_seconds, lag_events in rows:
            seen = self._seen.setdefault(name, deque(maxlen=KEPT))
            seen.append(Lag(at=at, lag_seconds=lag_seconds, lag_events=lag_events))


LAG = "select name, clock_timestamp(), lag_seconds, lag_events from catalog.projection_lag"
