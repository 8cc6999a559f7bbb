"""Serves the projections over HTTP: status, lag, rebuild, verify and resume."""

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
from app.http.wire.responses import NO_STORE, keep_private, struct_response
from app.observability.lag_history import SAMPLE_EVERY_SECONDS, LagSample
from app.parsing.rows import NDJSON

MISMATCHES_MAX = 100

ProjectionName = Annotated[
    str, PathParameter(min_length=1, max_length=63, pattern=NO_CONTROL_CHARACTERS, description="Such as `owners`.")
]
Skip = Annotated[
    bool, QueryParameter(description="Skip the event that stopped the projection; `skipped` records it with `user_id`.")
]


class LagOverTime(Struct, frozen=True, kw_only=True):
    """A projection's lag over the last five minutes."""

    projection: str
    every_seconds: float = SAMPLE_EVERY_SECONDS
    lag: list[LagSample]
    """The samples of the answering process, oldest first; empty for an inline projection."""


class RebuildBegun(Struct, frozen=True, kw_only=True):
    """A rebuild that runs in the background; the old documents are served meanwhile."""

    message: str
    projection: str
    watch: str
    """The address of the status: `rebuild` has the progress, and `last_rebuild` the result."""


class VerifyProgress(Struct, frozen=True, kw_only=True):
    """The progress of a verification."""

    streams: int
    of: int
    seconds: float


class Verification(Struct, frozen=True, kw_only=True):
    """The result of comparing every document with a separate fold of the log."""

    projection: str
    checked: int
    differing_count: int
    differing: list[Mismatch]
    """At most 100 of the documents that differ."""


class ProjectionsController(Controller):
    path = "/projections"
    tags = ("projections",)
    guards = (require_admin,)
    after_request = staticmethod(keep_private)
    security = BEARER

    @get(summary="Status of all projections", responses=error_responses(401, 403))
    async def projections(self, services: NamedDependency[Services]) -> Response[LogStatus]:
        return struct_response(await services.projection_admin.log_status())

    @get("/{name:str}", summary="Status of one projection", responses=error_responses(401, 403, 404))
    async def projection(self, name: ProjectionName, services: NamedDependency[Services]) -> Response[ProjectionStatus]:
        return struct_response(await services.projection_admin.projection_status(name))

    @get(
        "/{name:str}/lag",
        summary="A projection's lag over the last five minutes",
        responses=error_responses(401, 403, 404),
    )
    async def lag_of(self, name: ProjectionName, services: NamedDependency[Services]) -> Response[LagOverTime]:
        read_model = services.projection_admin.read_model(name)
        return struct_response(LagOverTime(projection=read_model.name, lag=services.lag_history.samples_of(name)))

    @post(
        "/{name:str}/rebuild",
        status_code=202,
        summary="Rebuild a projection in the background",
        responses=error_responses(401, 403, 404, 409),
    )
    async def rebuild(
        self, request: Request[Any, Any, Any], name: ProjectionName, services: NamedDependency[Services]
    ) -> Response[RebuildBegun]:
        """Builds a new generation beside the old one and swaps it in; `Location` is the address of its status."""
        await services.projection_admin.start_rebuild(name)
        watch = public_url_of(request, services.settings, request.scope["path"].rstrip("/").removesuffix("/rebuild"))
        begun = RebuildBegun(message=f"The projection {name} is being rebuilt", projection=name, watch=watch)
        response = struct_response(begun, {"Location": watch})
        response.status_code = 202
        return response

    @post(
        "/{name:str}/verify",
        status_code=200,
        summary="Compare a projection with the log",
        responses=error_responses(401, 403, 404),
        operation_class=also_as(NDJSON),
    )
    async def verify(
        self, request: Request[Any, Any, Any], name: ProjectionName, services: NamedDependency[Services]
    ) -> Response[Verification]:
        """Reads the whole log, which takes minutes for millions of events. It blocks neither readers nor writers.

        With `Accept: application/x-ndjson` it returns lines of progress, `{streams, of, seconds}`. The last line is the
        result or the problem.
        """
        admin = services.projection_admin
        if _wants_progress(request.headers.get("Accept", "")):
            admin.read_model(name)
            progress = _stream_progress(admin, name)
            lines: Any = Stream(progress, media_type=NDJSON, headers={"Cache-Control": NO_STORE})
            return lines  # type: ignore[no-any-return]
        return struct_response(_verification(await admin.verify(name)))

    @post(
        "/{name:str}/resume",
        status_code=200,
        summary="Resume a stopped projection",
        responses=error_responses(401, 403, 404, 409),
    )
    async def resume(
        self,
        request: Request[Any, Any, Any],
        name: ProjectionName,
        services: NamedDependency[Services],
        skip: Skip = False,
        user_id: UserIdParameter = DEMO_USER,
    ) -> Response[ProjectionStatus]:
        """The projection retries the event that stopped it, or skips that event and records it in `skipped`."""
        return struct_response(
            await services.projection_admin.resume(name, current_actor(request, user_id).subject if skip else None)
        )


def _wants_progress(accept: str) -> bool:
    """Whether an Accept header names NDJSON, and prefers it to JSON or accepts both equally."""
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
    """Lines of progress from the verification's thread. The verification is cancelled if the client stops reading."""
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
