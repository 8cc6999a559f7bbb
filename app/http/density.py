"""How lively the log was: events counted over time, and nothing of what they hold, so that anybody may see it."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from app.database import Database
from app.http.answers import encoded
from app.http.past import Past, PointInTime
from app.http.problems import refused_parameter, refuses
from app.store import read_density, read_first_instant

ONE_AT_A_TIME = asyncio.Semaphore(1)
"""Whoever asks, and it may be anybody, for a count of the whole log holds one of the few connections at most."""
MOST_BUCKETS = 1000
AT_LEAST = timedelta(seconds=1)
"""How long the span is until now of a log that has just begun, or not yet."""

From = Annotated[
    str | None, QueryParameter(name="from", description="An instant in RFC 3339; without it: the first event's.")
]
To = Annotated[str | None, QueryParameter(name="to", description="An instant in RFC 3339; without it: now.")]
Buckets = Annotated[int, QueryParameter(ge=1, le=MOST_BUCKETS, description="How many spans of equal length.")]


class Density(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """How many events were recorded in each of some equal spans of time."""

    since: datetime
    until: datetime
    bucket_seconds: float
    counts: list[int]
    """The first span first; an event right at the end counts in the last."""
    total: int


class EventDensity(Controller):
    path = "/events/density"
    tags = ("the log",)

    @get(summary="How many events there were, over time", responses=refuses())
    async def density(
        self,
        database: NamedDependency[Database],
        past: NamedDependency[Past],
        since: From = None,
        until: To = None,
        buckets: Buckets = 100,
    ) -> Response[Density]:
        """Counts alone; the events themselves are for admins. Between two settled instants it is for ever."""
        last = await past.at(until) if until else await past.now()
        first = (await past.at(since)) if since else None
        assert last.instant is not None
        async with ONE_AT_A_TIME, database.connection() as connection:
            begins = first.instant if first else await read_first_instant(connection)
            if begins is None or (first is None and begins > last.instant - AT_LEAST):
                begins = last.instant - AT_LEAST
            if begins > last.instant:
                raise refused_parameter("to", "This is before `from`.")
            bucket_seconds, counts = await read_density(connection, begins, last.instant, buckets)
        fixed = first is not None and first.settled and until is not None and last.settled
        answer = Density(
            since=begins, until=last.instant, bucket_seconds=bucket_seconds, counts=counts, total=sum(counts)
        )
        return encoded(answer, PointInTime(last.instant, fixed).headers)
