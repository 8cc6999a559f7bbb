"""Counts the events of the log over time; requests share a count, and it is cached briefly."""

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
"""The shortest span that is counted until now, also for a log that is empty or has just begun."""


class Density(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """The number of events in each of several equal spans of time."""

    since: datetime
    until: datetime
    bucket_seconds: float
    counts: list[int]
    """The oldest span first; an event exactly at `to` counts in the last span."""
    total: int


class EventCounter:
    """Counts one at a time; requests within COUNT_CACHE_SECONDS share the count of the whole log."""

    def __init__(self, read_router: ReadRouter, as_of_resolver: AsOfResolver) -> None:
        self._read_router = read_router
        self._as_of_resolver = as_of_resolver
        self._count_lock = asyncio.Lock()
        """The route is public and a count may read the whole log, so all counts share one of the few connections."""
        self._waiting = Bulkhead(1, WAIT_SECONDS)
        self._cache: dict[int, tuple[float, Density]] = {}
        """By number of buckets: when the entry expires on the monotonic clock, and the counts. The oldest first."""

    async def count_until_now(self, buckets: int) -> Density:
        """Count from the first event until now; a cached count ends up to COUNT_CACHE_SECONDS ago, at its `until`.

        Every open page requests it, and requests it again after each new event.
        """
        if kept := self._cached(buckets):
            return kept
        async with self._count_lock:
            # Requests that waited for the lock get the count that the first of them made.
            return self._cached(buckets) or await self._count_and_cache(buckets)

    async def count_between(self, begins: datetime | None, ends: datetime, buckets: int) -> Density:
        """Count a span; without `begins`, from the first event.

        Raises InvalidInput if the span ends before it begins, Unavailable if too many requests wait.
        """
        async with self._waiting.enter(COUNTS.what), self._count_lock:
            return await self._count(begins, ends, buckets)

    def _cached(self, buckets: int) -> Density | None:
        kept_until, density = self._cache.get(buckets, (0.0, None))
        return density if time.monotonic() < kept_until else None

    async def _count_and_cache(self, buckets: int) -> Density:
        """The cache time begins after the count: otherwise each request that waited would count again."""
        now = (await self._as_of_resolver.resolve_now()).instant
        assert now is not None
        density = await self._count(None, now, buckets)
        self._cache.pop(buckets, None)
        self._cache[buckets] = time.monotonic() + COUNT_CACHE_SECONDS, density
        if len(self._cache) > COUNT_CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return density

    async def _count(self, begins: datetime | None, ends: datetime, buckets: int) -> Density:
        async with self._read_router.costly(COUNTS) as connection:
            since = begins or await read_first_instant(connection)
            if since is None or (begins is None and since > ends - SHORTEST_SPAN):
                since = ends - SHORTEST_SPAN
            if since > ends:
                raise invalid_parameter("to", "This is before `from`.")
            bucket_seconds, counts = await read_density(connection, since, ends, buckets)
        return Density(since=since, until=ends, bucket_seconds=bucket_seconds, counts=counts, total=sum(counts))
