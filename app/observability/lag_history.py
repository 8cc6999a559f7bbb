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

SAMPLE_EVERY_SECONDS = 2.0
SAMPLES_KEPT = 150


class LagSample(Struct, frozen=True, kw_only=True):
    """How far one projection was behind."""

    at: datetime
    lag_seconds: float
    """The age of the oldest event not applied; 0 when caught up."""
    lag_events: int
    """Events not applied; 100,001 is more than 100,000."""


class LagHistory:
    """`await run()` for as long as the service lives. While the database is away nothing is seen: that is a gap."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, deque[LagSample]] = {}

    def samples_of(self, name: str) -> list[LagSample]:
        """The oldest first; none of a projection that is written together with the events."""
        return list(self._seen.get(name, ()))

    async def run(self) -> None:
        """Look again and again, whatever goes wrong: only cancelling ends it. What is caught up at once is not lag."""
        while True:
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)
            try:
                await self._sample()
            except Unavailable:
                pass
            except Exception:
                logger.exception("looking for the lag failed")

    async def _sample(self) -> None:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(READ_LAG)).fetchall()
        for name, at, lag_seconds, lag_events in rows:
            seen = self._seen.setdefault(name, deque(maxlen=SAMPLES_KEPT))
            seen.append(LagSample(at=at, lag_seconds=lag_seconds, lag_events=lag_events))


READ_LAG = "select name, clock_timestamp(), lag_seconds, lag_events from catalog.projection_lag"
