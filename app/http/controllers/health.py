"""Health, metrics, and how the OpenAPI description tells of our structs."""

from typing import Any, Literal

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from msgspec import Struct
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.http.services import Services
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import struct_response

PROBE_WAITS_SECONDS = 1.0


class Health(Struct, frozen=True, kw_only=True):
    """Whether the service can do its work."""

    status: Literal["ok"]


class Readiness(Health, frozen=True, kw_only=True, omit_defaults=True):
    """Whether requests can be answered, and whether the background does its work, which no request needs."""

    background: Literal["ok", "behind"]
    """Behind: an event waits for longer than ten seconds to be settled or applied: nobody leads, or an append lasts so
    long, or a projection cannot keep up; or a projection is stopped, or outdated. `/projections` says which."""
    background_seconds: float
    """The age of the oldest event that is not settled, or that a projection has not applied; 0 when there is none."""
    replica: Literal["ok", "behind", "away"] | None = None
    """Whether reads go to it; unless it is ok, they go to the primary. Absent where there is none."""
    environment: Literal["development", "production"]
    """CATALOG_ENV, so that a page can say where it is."""
    authentication: Literal["off", "jwt"]
    """CATALOG_AUTH: whether commands, and some reads, ask for a token."""


class HealthChecks(Controller):
    path = "/health"
    tags = ("operations",)

    @get(["/", "/ready"], summary="Ready: the database answers", responses=error_responses())
    async def ready(self, services: NamedDependency[Services]) -> Response[Readiness]:
        """200 also while the background is behind: what it does not keep up is still served as it was. And without the
        replica, whose work the primary does."""
        background = await services.projection_admin.background_lag(PROBE_WAITS_SECONDS)
        readiness = Readiness(
            status="ok",
            background=background.state,
            background_seconds=background.seconds,
            environment=services.settings.env,
            authentication=services.settings.auth,
            replica=services.replica.state if services.replica else None,
        )
        return struct_response(readiness)

    @get("/live", summary="Live: the process answers", responses=error_responses())
    async def live(self) -> Response[Health]:
        return struct_response(Health(status="ok"))


@get(
    "/metrics",
    tags=["operations"],
    summary="Metrics for Prometheus",
    media_type="text/plain",
    responses=error_responses(),
)
async def metrics_page(services: NamedDependency[Services]) -> Response[str]:
    """Also while the database is away: then without what only it knows, and `database_up` is 0."""
    page: Any = await services.metrics.render(services.database)
    return Response(page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-cache"})
