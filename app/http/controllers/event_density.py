"""How lively the log was: events counted over time, and nothing of what they hold, so that anybody may see it."""

from typing import Annotated

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from app.http.event_counter import Density
from app.http.services import Services
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import struct_response
from app.http.wire.time_parameters import PointInTime

BUCKETS_MAX = 1000

From = Annotated[
    str | None, QueryParameter(name="from", description="An instant in RFC 3339; without it: the first event's.")
]
To = Annotated[str | None, QueryParameter(name="to", description="An instant in RFC 3339; without it: now.")]
Buckets = Annotated[int, QueryParameter(ge=1, le=BUCKETS_MAX, description="How many spans of equal length.")]


class EventDensityController(Controller):
    path = "/events/density"
    tags = ("the log",)

    @get(summary="How many events there were, over time", responses=error_responses())
    async def density(
        self, services: NamedDependency[Services], since: From = None, until: To = None, buckets: Buckets = 100
    ) -> Response[Density]:
        """Counts alone; the events themselves are for admins. Between two settled instants it is for ever.

        With neither `from` nor `to` it may be that of two seconds ago; on a replica it is up to what is settled there.
        `to` is the instant that it was counted for, so never ahead of the service's clock: who takes it for that clock,
        as the page does, will not ask for the future.
        """
        counter, as_of_resolver = services.event_counter, services.as_of_resolver
        if since is None and until is None:
            density, fixed = await counter.count_until_now(buckets), False
        else:
            last = await as_of_resolver.resolve(until) if until is not None else await as_of_resolver.resolve_now()
            first = await as_of_resolver.resolve(since) if since is not None else None
            assert last.instant is not None
            density = await counter.count_between(first.instant if first else None, last.instant, buckets)
            fixed = first is not None and first.settled and until is not None and last.settled
        return struct_response(density, PointInTime(density.until, fixed).headers)
