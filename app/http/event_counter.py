"""Counts the events of the log over time. Every open page asks for this, so counts are shared and cached briefly."""

import asyncio
import time
from datetime import datetime, timedelta

from msgspec import Struct

from app.engine.postgres.bulkheads import Bulkhead, CostlyRead
from app.engine.queries.read_router import ReadRouter
from app.engine.store.log_reader import read_density, read_first_instant
from app.http.wire.problem_details import invalid_parameter
from app.http.wire.time_parameters import AsOfResolver

COUNTS = CostlyRead(what="counts of events")
COUNT_CACHE_SECONDS = 2.0
COUNT_CACHE_SIZE = 8
WAIT_SECONDS = 5.0
SHORTEST_SPAN = timedelta(seconds=1)
"""How long the span is until now of a log that has just begun, or not yet."""


class Density(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """How many events were recorded in each of some equal spans of time."""

    since: datetime
    until: datetime
    bucket_seconds: float
    counts: list[int]
    """The first span first; an event right at the end counts in the last."""
    total: int


class EventCounter:
    """Counts the log: one count at a time, and that of all until now shared by everybody who asks within a moment."""

    def __init__(self, read_router: ReadRouter, as_of_resolver: AsOfResolver) -> None:
        self._reads = read_router
        self._past = as_of_resolver
        self._count_lock = asyncio.Lock()
        """Whoever counts the whole log, and anybody may: together they hold one of the few connections at most."""
        self._waiting = Bulkhead(1, WAIT_SECONDS)
        self._cache: dict[int, tuple[float, Density]] = {}
        """By how many buckets: until when by our clock, and what. The oldest first."""

    async def count_until_now(self, buckets: int) -> Density:
        """From the first event until now, which may be a moment ago: `until` says when it was.

        Every open page asks for this, and all of them again after something was recorded.
        """
        if kept := self._cached(buckets):
            return kept
        async with self._count_lock:
            # Those who waited meanwhile have what the first of them had counted.
            return self._cached(buckets) or await self._count_and_cache(buckets)

    async def count_between(self, begins: datetime | None, ends: datetime, buckets: int) -> Density:
        """None: from the first event. Raises InvalidInput if it ends before it begins, Unavailable if too many wait."""
        async with self._waiting.enter(COUNTS.what), self._count_lock:
            return await self._count(begins, ends, buckets)

    def _cached(self, buckets: int) -> Density | None:
        kept_until, density = self._cache.get(buckets, (0.0, None))
        return density if time.monotonic() < kept_until else None

    async def _count_and_cache(self, buckets: int) -> Density:
        """Kept from when it is there: else those who waited for a long count would each begin another one."""
        now = (await self._past.resolve_now()).instant
        assert now is not None
        density = await self._count(None, now, buckets)
        self._cache.pop(buckets, None)
        self._cache[buckets] = time.monotonic() + COUNT_CACHE_SECONDS, density
        if len(self._cache) > COUNT_CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return density

    async def _count(self, begins: datetime | None, ends: datetime, buckets: int) -> Density:
        async with self._reads.costly(COUNTS) as connection:
            since = begins or await read_first_instant(connection)
            if since is None or (begins is None and since > ends - SHORTEST_SPAN):
                since = ends - SHORTEST_SPAN
            if since > ends:
                raise invalid_parameter("to", "This is before `from`.")
            bucket_seconds, counts = await read_density(connection, since, ends, buckets)
        return Density(since=since, until=ends, bucket_seconds=bucket_seconds, counts=counts, total=sum(counts))
