"""Serves health probes and metrics."""

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
    """Whether requests can be answered, and whether background work keeps up; readiness does not depend on it."""

    background: Literal["ok", "behind"]
    """`behind`: an event has waited more than ten seconds to be settled or applied, or a projection is stopped or
    outdated. Causes of a wait are a missing projector, a long append or a slow projection; see `/projections`."""
    background_seconds: float
    """The age of the oldest event that is not settled, or that a projection has not applied; 0 when there is none."""
    replica: Literal["ok", "behind", "away"] | None = None
    """Reads go to the replica while it is `ok`, otherwise to the primary. Absent if no replica is configured."""
    environment: Literal["development", "production"]
    """CATALOG_ENV, which the page shows."""
    authentication: Literal["off", "jwt"]
    """CATALOG_AUTH: whether commands and some reads require a token."""


class HealthChecks(Controller):
    path = "/health"
    tags = ("operations",)

    @get(["/", "/ready"], summary="Readiness: the database answers", responses=error_responses())
    async def ready(self, services: NamedDependency[Services]) -> Response[Readiness]:
        """Answers 200 also while background work is behind, because older documents are still served.

        It answers 200 also without the replica, because the primary takes over its reads.
        """
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

    @get("/live", summary="Liveness: the process answers", responses=error_responses())
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
    """Answers also while the database is unavailable: `database_up` is then 0, and its metrics are omitted."""
    page: Any = await services.metrics.render(services.database)
    return Response(page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-cache"})
