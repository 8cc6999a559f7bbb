"""What every route reads of a request: who acts, which version the caller saw; and what it refuses."""

from functools import cache
from typing import Annotated, Any
from uuid import uuid4

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter

from app.errors import Malformed, PreconditionFailed
from app.events import Metadata
from app.handler import Expectation
from app.http.problems import FieldProblem, invalid_input
from app.item import NO_CONTROL_CHARACTERS, ItemNotFound

LARGEST_ID = 2**31 - 1
LONGEST_CORRELATION_ID = 128

UserId = Annotated[
    str,
    QueryParameter(
        min_length=1,
        max_length=100,
        pattern=NO_CONTROL_CHARACTERS,
        description="Who acts, while authentication is off.",
    ),
]
ExpectedVersion = Annotated[
    int | None,
    QueryParameter(ge=1, le=LARGEST_ID, description="The version the caller saw; 409 if it is no longer so."),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The ETag the caller saw, such as `"3"`; 412 if it is no longer so.'),
]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="An ETag the caller holds; 304 if it is still so.")
]


def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse query parameters that mean nothing here, and ids that no item can have."""
    unknown = [name for name in request.query_params if name not in _parameters(request.route_handler)]
    if unknown:
        raise invalid_input(
            [FieldProblem(pointer=f"/{name}", detail="There is no such parameter.", source="query") for name in unknown]
        )
    item_id = request.path_params.get("item_id", 1)
    if not 1 <= item_id <= LARGEST_ID:
        raise ItemNotFound("There is no such item.")


@cache
def _parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a handler reads."""
    parameters = handler.parsed_fn_signature.parameters.items()
    return frozenset(name for name, field in parameters if isinstance(field.kwarg_definition, QueryParameter))


def metadata_of(request: Request[Any, Any, Any], user_id: str) -> Metadata:
    """Who acts, and the request that events belong to: the caller's X-Request-ID or one of ours."""
    given = request.headers.get("X-Request-ID", "")
    usable = 0 < len(given) <= LONGEST_CORRELATION_ID and given.isprintable()
    return Metadata(user_id=user_id, correlation_id=given if usable else str(uuid4()))


def expectation_of(if_match: str | None, expected_version: int | None) -> Expectation | None:
    """The version the caller saw; If-Match goes before `expected_version`. Raises Malformed for another entity tag."""
    if if_match is not None and if_match.strip() != "*":
        version = if_match.strip().removeprefix("W/").strip('"')
        if not (version.isascii() and version.isdigit() and len(version) <= len(str(LARGEST_ID))):
            raise Malformed(f'If-Match must be one ETag as this service gives them, such as "3", not {if_match}.')
        return Expectation(int(version), PreconditionFailed)
    return None if expected_version is None else Expectation(expected_version)
