"""Watch the high-water mark: one poll for all readers of this process that follow the log, none while nobody follows.

The mark is read from the database, because another process may move it.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.postgres.pool import Database
from app.engine.store.log_reader import read_mark
from app.errors import Unavailable

logger = logging.getLogger("catalog")

MARK_POLL_SECONDS = 0.05
UNAVAILABLE_RETRY_SECONDS = 1.0
"""The pause after a poll that failed, for example because the database is away."""


class MarkWatcher:
    """Run `run()` as long as the service lives. A follower uses `following()` and awaits `wait_until_past()`."""

    def __init__(self, database: Database, stopping: asyncio.Event) -> None:
        """The server sets `stopping` before it waits for the followers; they end then."""
        self.stopping = stopping
        self.followers = 0
        self._database = database
        self._is_followed = asyncio.Event()
        self._moved = asyncio.Event()
        self._position = -1

    async def run(self) -> None:
        """Poll until cancelled; no error ends the loop."""
        while True:
            await self._is_followed.wait()
            try:
                await self._poll()
                await asyncio.sleep(MARK_POLL_SECONDS)
            except Unavailable:
                await asyncio.sleep(UNAVAILABLE_RETRY_SECONDS)
            except Exception:
                logger.exception("reading the high-water mark failed")
                await asyncio.sleep(UNAVAILABLE_RETRY_SECONDS)

    async def _poll(self) -> None:
        async with self._database.connection() as connection:
            position = await read_mark(connection)
        if position > self._position:
            self._position = position
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Within the context a reader follows the log."""
        self.followers += 1
        self._is_followed.set()
        try:
            yield
        finally:
            self.followers -= 1
            if self.followers == 0:
                self._is_followed.clear()

    async def wait_until_past(self, position: int) -> None:
        """Wait until more than `position` is settled."""
        while self._position <= position:
            await self._moved.wait()
