"""The read models' machinery over HTTP: how each is, rebuild, verify, resume."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from app.concurrency import end
from app.constraints import NO_CONTROL_CHARACTERS
from app.engine.background.projection_admin import Machinery
from app.engine.background.projection_status import State, States
from app.engine.background.verify import Difference, Verified
from app.errors import CatalogError
from app.http.auth.guards import BEARER, DEMO_USER, acting, admins_only
from app.http.wire.content_negotiation import BY_ITS_NAME, liking_of_type
from app.http.wire.links import address_of
from app.http.wire.problem_details import problem_of, refuses
from app.http.wire.request_headers import UserId
from app.http.wire.responses import encoded
from app.observability.lag_history import LOOK_SECONDS, Lag, LagWatch
from app.settings import Settings

DIFFERENCES_AT_MOST = 100
NDJSON = "application/x-ndjson"

Name = Annotated[
    str, PathParameter(min_length=1, max_length=63, pattern=NO_CONTROL_CHARACTERS, description="Such as `owners`.")
]
Skip = Annotated[bool, QueryParameter(description="Go on past the event that stopped it; kept with `user_id`.")]


class LagOverTime(Struct, frozen=True, kw_only=True):
    """How far a projection was behind over the last five minutes."""

    projection: str
    every_seconds: float = LOOK_SECONDS
    lag: list[Lag]
    """The oldest first, as the service that answers saw it; none of one that is written together with the events."""


class RebuildBegun(Struct, frozen=True, kw_only=True):
    """A rebuild goes on by itself; the old documents are served meanwhile."""

    message: str
    projection: str
    watch: str
    """Where `rebuild` says how far it is, and `last_rebuild` how it ended."""


class Verification(Struct, frozen=True, kw_only=True):
    """Every document against a fold of the log that shares nothing with what wrote it."""

    projection: str
    checked: int
    differing_count: int
    differing: list[Difference]
    """At most 100 of them."""


class Comparing(Struct, frozen=True, kw_only=True):
    """How far a verification is."""

    streams: int
    of: int
    seconds: float


@dataclass
class OrProgress(Operation):
    """In OpenAPI: an answer that also comes after lines of progress."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        assert isinstance(answer, OpenAPIResponse)
        assert answer.content is not None
        answer.content[NDJSON] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


class ProjectionMachinery(Controller):
    path = "/projections"
    tags = ("machinery",)
    guards = (admins_only,)
    security = BEARER

    @get(summary="How each projection is", responses=refuses(401, 403))
    async def projections(self, machinery: NamedDependency[Machinery]) -> Response[States]:
        return encoded(await machinery.states())

    @get("/{name:str}", summary="How one projection is", responses=refuses(401, 403, 404))
    async def projection(self, name: Name, machinery: NamedDependency[Machinery]) -> Response[State]:
        return encoded(await machinery.state(name))

    @get("/{name:str}/lag", summary="How far it was behind, of late", responses=refuses(401, 403, 404))
    async def lag_of(
        self, name: Name, machinery: NamedDependency[Machinery], lag: NamedDependency[LagWatch]
    ) -> Response[LagOverTime]:
        return encoded(LagOverTime(projection=machinery.read_model(name).name, lag=lag.of(name)))

    @post(
        "/{name:str}/rebuild",
        status_code=202,
        summary="Rebuild in the background",
        responses=refuses(401, 403, 404, 409),
    )
    async def rebuild(
        self,
        request: Request[Any, Any, Any],
        name: Name,
        machinery: NamedDependency[Machinery],
        settings: NamedDependency[Settings],
    ) -> Response[RebuildBegun]:
        """A new generation is built beside the old one and swapped in; `Location` is where to watch it."""
        await machinery.start_rebuild(name)
        watch = address_of(request, settings, request.scope["path"].rstrip("/").removesuffix("/rebuild"))
        begun = RebuildBegun(message=f"The projection {name} is being rebuilt", projection=name, watch=watch)
        response = encoded(begun, {"Location": watch})
        response.status_code = 202
        return response

    @post(
        "/{name:str}/verify",
        status_code=200,
        summary="Compare with the log",
        responses=refuses(401, 403, 404),
        operation_class=OrProgress,
    )
    async def verify(
        self, request: Request[Any, Any, Any], name: Name, machinery: NamedDependency[Machinery]
    ) -> Response[Verification]:
        """Reads everything: minutes for millions of events. Nobody is disturbed. With `Accept: application/x-ndjson`
        lines tell how far it is, `{streams, of, seconds}`; the last one is the answer, or the problem."""
        if _wants_progress(request.headers.get("Accept", "")):
            machinery.read_model(name)
            lines: Any = Stream(_progress(machinery, name), media_type=NDJSON, headers={"Cache-Control": "no-store"})
            return lines  # type: ignore[no-any-return]
        return encoded(_verification(await machinery.verify(name)))

    @post("/{name:str}/resume", status_code=200, summary="Let it go on", responses=refuses(401, 403, 404, 409))
    async def resume(
        self,
        request: Request[Any, Any, Any],
        name: Name,
        machinery: NamedDependency[Machinery],
        skip: Skip = False,
        user_id: UserId = DEMO_USER,
    ) -> Response[State]:
        """A stopped projection tries its event again, or goes on past it, which is kept in `skipped`."""
        return encoded(await machinery.resume(name, acting(request, user_id).subject if skip else None))


def _wants_progress(accept: str) -> bool:
    """Whether an Accept header names lines, and likes them at least as much as the answer alone."""
    lines, alone = liking_of_type(accept, NDJSON), liking_of_type(accept, "application/json")
    return lines.exactness == BY_ITS_NAME and lines.weight > 0 and lines.weight >= alone.weight


def _verification(verified: Verified) -> Verification:
    return Verification(
        projection=verified.projection,
        checked=verified.checked,
        differing_count=len(verified.differing),
        differing=verified.differing[:DIFFERENCES_AT_MOST],
    )


async def _progress(machinery: Machinery, name: str) -> AsyncIterator[bytes]:
    """Lines as the verification gets on, in its thread; it ends with whoever reads them."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    lines: asyncio.Queue[Struct | None] = asyncio.Queue()

    def tell(streams: int, of: int) -> None:
        seconds = round(time.monotonic() - began, 3)
        loop.call_soon_threadsafe(lines.put_nowait, Comparing(streams=streams, of=of, seconds=seconds))

    verifying = asyncio.create_task(machinery.verify(name, tell))
    verifying.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (line := await lines.get()) is not None:
            yield msgspec.json.encode(line) + b"\n"
        try:
            yield msgspec.json.encode(_verification(verifying.result())) + b"\n"
        except CatalogError as error:
            yield problem_of(error) + b"\n"
    finally:
        await end(verifying)
