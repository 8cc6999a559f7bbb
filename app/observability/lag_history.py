"""The lag of the last minutes, sampled by this process.

It is for people who look after something has happened. Prometheus keeps longer histories.
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
    """The lag of one projection at one moment."""

    at: datetime
    lag_seconds: float
    """The age of the oldest event not applied; 0 when caught up."""
    lag_events: int
    """Events not applied; 100,001 means more than 100,000."""


class LagHistory:
    """Samples the lag while `run` runs. There are no samples while the database is unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, deque[LagSample]] = {}

    def samples_of(self, name: str) -> list[LagSample]:
        """The samples of a projection, oldest first; none for an inline projection."""
        return list(self._seen.get(name, ()))

    async def run(self) -> None:
        """Sample until cancelled; no error ends it. Lag that is caught up between two samples is not seen."""
        while True:
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)
            try:
                await self._sample()
            except Unavailable:
                pass
            except Exception:
                logger.exception("the lag could not be sampled")

    async def _sample(self) -> None:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(READ_LAG)).fetchall()
        for name, at, lag_seconds, lag_events in rows:
            seen = self._seen.setdefault(name, deque(maxlen=SAMPLES_KEPT))
            seen.append(LagSample(at=at, lag_seconds=lag_seconds, lag_events=lag_events))


READ_LAG = "select name, clock_timestamp(), lag_seconds, lag_events from catalog.projection_lag"
