"""The read models' machinery over HTTP: how each is, rebuild, verify, resume."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from app.concurrency import cancel_and_wait
from app.constraints import NO_CONTROL_CHARACTERS
from app.engine.background.projection_admin import ProjectionAdmin
from app.engine.background.projection_status import LogStatus, ProjectionStatus
from app.engine.background.verify import Mismatch, StreamsCompared, VerifyResult
from app.errors import CatalogError
from app.http.auth.guards import BEARER, DEMO_USER, current_actor, require_admin
from app.http.services import Services
from app.http.wire.content_negotiation import EXACT_MATCH, media_type_preference
from app.http.wire.links import public_url_of
from app.http.wire.openapi_schemas import also_as
from app.http.wire.problem_details import error_responses, problem_body
from app.http.wire.request_headers import UserIdParameter
from app.http.wire.responses import struct_response
from app.observability.lag_history import SAMPLE_EVERY_SECONDS, LagSample
from app.parsing.rows import NDJSON

MISMATCHES_MAX = 100

ProjectionName = Annotated[
    str, PathParameter(min_length=1, max_length=63, pattern=NO_CONTROL_CHARACTERS, description="Such as `owners`.")
]
Skip = Annotated[bool, QueryParameter(description="Go on past the event that stopped it; kept with `user_id`.")]


class LagOverTime(Struct, frozen=True, kw_only=True):
    """How far a projection was behind over the last five minutes."""

    projection: str
    every_seconds: float = SAMPLE_EVERY_SECONDS
    lag: list[LagSample]
    """The oldest first, as the service that answers saw it; none of one that is written together with the events."""


class RebuildBegun(Struct, frozen=True, kw_only=True):
    """A rebuild goes on by itself; the old documents are served meanwhile."""

    message: str
    projection: str
    watch: str
    """Where `rebuild` says how far it is, and `last_rebuild` how it ended."""


class VerifyProgress(Struct, frozen=True, kw_only=True):
    """How far a verification is."""

    streams: int
    of: int
    seconds: float


class Verification(Struct, frozen=True, kw_only=True):
    """Every document against a fold of the log that shares nothing with what wrote it."""

    projection: str
    checked: int
    differing_count: int
    differing: list[Mismatch]
    """At most 100 of them."""


class ProjectionsController(Controller):
    path = "/projections"
    tags = ("projections",)
    guards = (require_admin,)
    security = BEARER

    @get(summary="How each projection is", responses=error_responses(401, 403))
    async def projections(self, services: NamedDependency[Services]) -> Response[LogStatus]:
        return struct_response(await services.projection_admin.log_status())

    @get("/{name:str}", summary="How one projection is", responses=error_responses(401, 403, 404))
    async def projection(self, name: ProjectionName, services: NamedDependency[Services]) -> Response[ProjectionStatus]:
        return struct_response(await services.projection_admin.projection_status(name))

    @get("/{name:str}/lag", summary="How far it was behind, of late", responses=error_responses(401, 403, 404))
    async def lag_of(self, name: ProjectionName, services: NamedDependency[Services]) -> Response[LagOverTime]:
        read_model = services.projection_admin.read_model(name)
        return struct_response(LagOverTime(projection=read_model.name, lag=services.lag_history.samples_of(name)))

    @post(
        "/{name:str}/rebuild",
        status_code=202,
        summary="Rebuild in the background",
        responses=error_responses(401, 403, 404, 409),
    )
    async def rebuild(
        self, request: Request[Any, Any, Any], name: ProjectionName, services: NamedDependency[Services]
    ) -> Response[RebuildBegun]:
        """A new generation is built beside the old one and swapped in; `Location` is where to watch it."""
        await services.projection_admin.start_rebuild(name)
        watch = public_url_of(request, services.settings, request.scope["path"].rstrip("/").removesuffix("/rebuild"))
        begun = RebuildBegun(message=f"The projection {name} is being rebuilt", projection=name, watch=watch)
        response = struct_response(begun, {"Location": watch})
        response.status_code = 202
        return response

    @post(
        "/{name:str}/verify",
        status_code=200,
        summary="Compare with the log",
        responses=error_responses(401, 403, 404),
        operation_class=also_as(NDJSON),
    )
    async def verify(
        self, request: Request[Any, Any, Any], name: ProjectionName, services: NamedDependency[Services]
    ) -> Response[Verification]:
        """Reads everything: minutes for millions of events. Nobody is disturbed. With `Accept: application/x-ndjson`
        lines tell how far it is, `{streams, of, seconds}`; the last one is the answer, or the problem."""
        admin = services.projection_admin
        if _wants_progress(request.headers.get("Accept", "")):
            admin.read_model(name)
            progress = _stream_progress(admin, name)
            lines: Any = Stream(progress, media_type=NDJSON, headers={"Cache-Control": "no-store"})
            return lines  # type: ignore[no-any-return]
        return struct_response(_verification(await admin.verify(name)))

    @post("/{name:str}/resume", status_code=200, summary="Let it go on", responses=error_responses(401, 403, 404, 409))
    async def resume(
        self,
        request: Request[Any, Any, Any],
        name: ProjectionName,
        services: NamedDependency[Services],
        skip: Skip = False,
        user_id: UserIdParameter = DEMO_USER,
    ) -> Response[ProjectionStatus]:
        """A stopped projection tries its event again, or goes on past it, which is kept in `skipped`."""
        return struct_response(
            await services.projection_admin.resume(name, current_actor(request, user_id).subject if skip else None)
        )


def _wants_progress(accept: str) -> bool:
    """Whether an Accept header names lines, and likes them at least as much as the answer alone."""
    lines, alone = media_type_preference(accept, NDJSON), media_type_preference(accept, "application/json")
    return lines.exactness == EXACT_MATCH and lines.weight > 0 and lines.weight >= alone.weight


def _verification(verified: VerifyResult) -> Verification:
    return Verification(
        projection=verified.projection,
        checked=verified.checked,
        differing_count=len(verified.differing),
        differing=verified.differing[:MISMATCHES_MAX],
    )


async def _stream_progress(projection_admin: ProjectionAdmin, name: str) -> AsyncIterator[bytes]:
    """Lines as the verification gets on, in its thread; it ends with whoever reads them."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    lines: asyncio.Queue[Struct | None] = asyncio.Queue()

    def report(progress: StreamsCompared) -> None:
        line = VerifyProgress(streams=progress.streams, of=progress.of, seconds=round(time.monotonic() - began, 3))
        loop.call_soon_threadsafe(lines.put_nowait, line)

    verifying = asyncio.create_task(projection_admin.verify(name, report))
    verifying.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (line := await lines.get()) is not None:
            yield msgspec.json.encode(line) + b"\n"
        try:
            yield msgspec.json.encode(_verification(verifying.result())) + b"\n"
        except CatalogError as error:
            yield problem_body(error) + b"\n"
    finally:
        await cancel_and_wait(verifying)
