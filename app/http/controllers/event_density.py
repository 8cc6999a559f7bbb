"""Serves counts of events over time. The counts reveal no content, so the route is public."""

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
    str | None, QueryParameter(name="from", description="An instant in RFC 3339; the default is the first event's.")
]
To = Annotated[str | None, QueryParameter(name="to", description="An instant in RFC 3339; the default is now.")]
Buckets = Annotated[int, QueryParameter(ge=1, le=BUCKETS_MAX, description="The number of equal spans.")]


class EventDensityController(Controller):
    path = "/events/density"
    tags = ("the log",)

    @get(summary="Event counts over time", responses=error_responses())
    async def density(
        self, services: NamedDependency[Services], since: From = None, until: To = None, buckets: Buckets = 100
    ) -> Response[Density]:
        """Returns counts only; the events require an admin. Between two settled instants the counts are final.

        With neither `from` nor `to` the counts may be two seconds old; on a replica they end at its settled instant.
        The returned `to` is the instant at which the counts end. It is never ahead of the service's clock, so a client
        may use it as `as_of`.
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
