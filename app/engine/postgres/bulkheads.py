"""Bulkheads: one kind of work may hold only a part of the pool's connections, so that other requests are still served.

    pool size = N
    ├── costly reads            N // 2
    ├── commands                N - 1
    └── both, and an import     N - 1    the last connection is left to reads by key, plain listings and probes

Each limit is at least 1: a pool of one connection serves one costly read or command at a time. With fewer than three
connections an import is not counted, since it would keep commands waiting for minutes.

A costly read is one whose parameters make it costly. Costly reads wait in a bounded queue; beyond it they are refused.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from msgspec import Struct

from app.errors import Unavailable

COSTLY_READ_SECONDS = 2.0
"""A costly read is cancelled after this time. The bounds on its parameters keep it below 0.25 s of the database's time,
so only a loaded machine or a many times larger database makes it reach this limit."""


class CostlyRead(Struct, frozen=True, kw_only=True):
    """A kind of read that its parameters make costly."""

    what: str
    """The name of such reads, in the plural, for messages."""
    parameter: str | None = None
    """The query parameter that makes it costly; None if no smaller request is possible. Then it has no time limit."""
    instead: str = ""
    """A sentence that says which request is cheaper."""


SEARCHES = CostlyRead(
    what="searches", parameter="search", instead="Search for longer words, or name a category or an owner_id as well."
)
NEAR = CostlyRead(what="listings by distance", parameter="near", instead="Give a smaller within_km.")
DEEP_PAGES = CostlyRead(
    what="listings with a large offset", parameter="offset", instead="Follow the next link of a page."
)
SHELVES = CostlyRead(what="shelves")
STATISTICS = CostlyRead(what="statistics of the past")
CHANGES = CostlyRead(what="lists of changes", parameter="from", instead="Give a later from, or an earlier to.")
STREAMS = CostlyRead(what="histories")
REBUILDS = CostlyRead(what="rebuilds of documents")


class BulkheadFull(Exception):
    """The cause of an Unavailable that does not mean that the database is away."""


class Bulkhead:
    """Lets a limited number run at a time; the others wait for a limited time."""

    waiting_max: ClassVar[int] = 32
    """Each takes 0.25 s at most, so the last of 32 waits for seconds."""

    def __init__(self, most: int, wait_seconds: float, within: "Bulkhead | None" = None) -> None:
        """`within` is an outer bulkhead; a slot in this one needs a slot in the outer one as well."""
        self.limit = max(1, most)
        self.waiting = 0
        self._wait_seconds = wait_seconds
        self._within = within
        self._slots = asyncio.Semaphore(self.limit)

    @asynccontextmanager
    async def enter(self, what: str, wait_seconds: float | None = None) -> AsyncIterator[None]:
        """Hold a slot within the context. Raises Unavailable if too many wait already, or if the wait takes too
        long."""
        if self.waiting >= self.waiting_max:
            raise self._too_many(what) from BulkheadFull()
        self.waiting += 1
        try:
            async with asyncio.timeout(wait_seconds or self._wait_seconds):
                await self._acquire()
        except TimeoutError:
            raise self._too_many(what) from BulkheadFull()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._release()

    async def _acquire(self) -> None:
        await self._slots.acquire()
        if self._within is not None:
            try:
                await self._within._acquire()
            except BaseException:
                self._slots.release()
                raise

    def _release(self) -> None:
        if self._within is not None:
            self._within._release()
        self._slots.release()

    def _too_many(self, what: str) -> Unavailable:
        return Unavailable(
            f"Too many {what} at once: {self.limit} may run, and others wait already; nothing was changed. Try again."
        )


class Bulkheads:
    """The bulkheads of one pool."""

    def __init__(self, pool_size: int, wait_seconds: float) -> None:
        outer = Bulkhead(pool_size - 1, wait_seconds)
        self.costly = Bulkhead(pool_size // 2, wait_seconds, outer)
        self.commands = CommandBulkhead(pool_size - 1, wait_seconds, outer)
        self.imports = Bulkhead(1, wait_seconds, outer if pool_size > 2 else None)


class CommandBulkhead(Bulkhead):
    waiting_max = 1000
    """Commands are short; the time that they may wait bounds their queue."""
