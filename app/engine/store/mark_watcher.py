"""The settled mark as it moves: one look a moment for all who follow the log in this process, none while nobody does.

The mark is read from the database, since whoever moves it may be another service.
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
"""Between two looks for a database that is away."""


class MarkWatcher:
    """`await run()` for as long as the service lives; followers are `following()` and `wait_until_past()`."""

    def __init__(self, database: Database, stopping: asyncio.Event) -> None:
        """`stopping` tells the followers to end; the server sets it before it waits for them."""
        self.stopping = stopping
        self.followers = 0
        self._database = database
        self._is_followed = asyncio.Event()
        self._moved = asyncio.Event()
        self._position = -1

    async def run(self) -> None:
        """Look again and again, whatever goes wrong: only cancelling ends it."""
        while True:
            await self._is_followed.wait()
            try:
                await self._poll()
                await asyncio.sleep(MARK_POLL_SECONDS)
            except Unavailable:
                await asyncio.sleep(UNAVAILABLE_RETRY_SECONDS)
            except Exception:
                logger.exception("looking for the settled mark failed")
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
        """Somebody follows the log, as long as the context lasts."""
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
