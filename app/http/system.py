"""Health, metrics, and how the OpenAPI description tells of our structs."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Raw, Struct
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.database import Database
from app.http.answers import encoded
from app.http.problems import refuses
from app.machinery import Machinery
from app.metrics import Metrics
from app.replica import Replica
from app.settings import Settings

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
    tags = ("machinery",)

    @get(["/", "/ready"], summary="Ready: the database answers", responses=refuses())
    async def ready(
        self,
        machinery: NamedDependency[Machinery],
        replica: NamedDependency[Replica | None],
        settings: NamedDependency[Settings],
    ) -> Response[Readiness]:
        """200 also while the background is behind: what it does not keep up is still served as it was. And without the
        replica, whose work the primary does."""
        background = await machinery.background(PROBE_WAITS_SECONDS)
        readiness = Readiness(
            status="ok",
            background=background.state,
            background_seconds=background.seconds,
            environment=settings.catalog_env,
            authentication=settings.catalog_auth,
            replica=replica.state if replica else None,
        )
        return encoded(readiness)

    @get("/live", summary="Live: the process answers", responses=refuses())
    async def live(self) -> Response[Health]:
        return encoded(Health(status="ok"))


@get("/metrics", tags=["machinery"], summary="Metrics for Prometheus", media_type="text/plain", responses=refuses())
async def metrics_page(database: NamedDependency[Database], metrics: NamedDependency[Metrics]) -> Response[str]:
    """Also while the database is away: then without what only it knows, and `database_up` is 0."""
    page: Any = await metrics.page(database)
    return Response(page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-cache"})


class GivenSchema(Schema):
    """A JSON schema that is there already."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(title=given.get("title"))
        self.given = given

    def to_schema(self) -> dict[str, Any]:
        return self.given

    __hash__ = Schema.__hash__


class StructSchemas(OpenAPISchemaPlugin):
    """Describes our structs as msgspec does: with their limits, and closed to unknown fields.

    `documents` says what stands behind a placeholder such as ItemDocument; only the composition root knows.
    """

    def __init__(self, documents: Mapping[Any, type[Struct]]) -> None:
        self._documents = documents

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        annotation = field_definition.annotation
        return GivenSchema(json_schema(self._documents.get(annotation, annotation)))


def json_schema(struct: type[Struct]) -> dict[str, Any]:
    """The JSON schema of a struct, with every inner struct written out in its place. Raw parts may be anything."""
    anything: dict[type, dict[str, Any]] = {Raw: {}}
    (outer,), parts = msgspec.json.schema_components(
        [struct], schema_hook=lambda kind: anything[kind], ref_template="{name}"
    )
    inlined = _inline(outer, parts)
    assert isinstance(inlined, dict)
    return inlined


def _inline(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(parts[node["$ref"]], parts)
    return {name: _inline(value, parts) for name, value in node.items()}
