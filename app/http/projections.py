"""The read models' machinery over HTTP: how each is, rebuild, verify, resume."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from app.http.actors import BEARER, DEMO_USER, acting, admins_only
from app.http.answers import encoded
from app.http.links import address_of
from app.http.problems import refuses
from app.http.requests import UserId
from app.item import NO_CONTROL_CHARACTERS
from app.machinery import Machinery
from app.settings import Settings
from app.states import State, States
from app.verify import Difference

DIFFERENCES_AT_MOST = 100

Name = Annotated[str, PathParameter(max_length=63, pattern=NO_CONTROL_CHARACTERS, description="Such as `owners`.")]
Skip = Annotated[bool, QueryParameter(description="Go on past the event that stopped it; kept with `user_id`.")]


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

    @post("/{name:str}/verify", status_code=200, summary="Compare with the log", responses=refuses(401, 403, 404))
    async def verify(self, name: Name, machinery: NamedDependency[Machinery]) -> Response[Verification]:
        """Reads everything: minutes for millions of events. Nobody is disturbed."""
        verified = await machinery.verify(name)
        return encoded(
            Verification(
                projection=name,
                checked=verified.checked,
                differing_count=len(verified.differing),
                differing=verified.differing[:DIFFERENCES_AT_MOST],
            )
        )

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
