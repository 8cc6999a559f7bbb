"""What every route reads of a request: who acts, which version the caller saw; and what it refuses."""

from functools import cache
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter

from app.actors import Actor
from app.errors import Malformed, NotFound
from app.events import Metadata
from app.http.access import traceparent_of
from app.http.problems import FieldProblem, invalid_input
from app.item import NO_CONTROL_CHARACTERS, ItemNotFound
from app.once import Once

LARGEST_ID = 2**31 - 1
LONGEST_KEY = 255
REPLAYED = {"Idempotent-Replayed": "true"}

UserId = Annotated[
    str,
    QueryParameter(
        min_length=1,
        max_length=100,
        pattern=NO_CONTROL_CHARACTERS,
        description="Who acts, while authentication is off; else whose the token is.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="Names this command for three days: sent again, it is answered again and not carried out again.",
    ),
]


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse an address that is not UTF-8 or not written the one way, parameters that mean nothing here or are given
    twice, and ids that no item can have."""
    _check_encoding(request)
    if request.method == HttpMethod.OPTIONS:
        return  # it asks about an address, whatever its parameters
    problems = [
        FieldProblem(pointer=f"/{name}", detail=detail, source="query")
        for name, values in request.query_params.dict().items()
        if (detail := _why_refused(name, len(values), _parameters(request.route_handler)))
    ]
    if problems:
        raise invalid_input(problems)
    if request.scope["path_template"].format(**request.path_params) != request.scope["path"].rstrip("/"):
        raise NotFound(f"Nothing is at {request.scope['path']}.")
    item_id = request.path_params.get("item_id", 1)
    if not 1 <= item_id <= LARGEST_ID:
        raise ItemNotFound("There is no such item.")


def _check_encoding(request: Request[Any, Any, Any]) -> None:
    """What is not UTF-8 would arrive with replacement characters in it, and be stored so."""
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The address is not UTF-8: {error.reason}.") from None


def _why_refused(name: str, times: int, known: frozenset[str]) -> str | None:
    if name not in known:
        return "There is no such parameter."
    return "This parameter is given more than once." if times > 1 else None


@cache
def _parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a handler reads."""
    parameters = handler.parsed_fn_signature.parameters.items()
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in parameters
        if isinstance(field.kwarg_definition, QueryParameter)
    )


def metadata_of(request: Request[Any, Any, Any], actor: Actor) -> Metadata:
    """Who acts, and the request and the trace that events belong to."""
    return Metadata(
        user_id=actor.subject,
        correlation_id=request.state.request_id,
        traceparent=traceparent_of(request.scope),
    )


def once_of(request: Request[Any, Any, Any], actor: Actor, key: str | None, body: bytes) -> Once | None:
    """What the request's Idempotency-Key stands for. Raises Malformed for one that could not be found again."""
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Malformed(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters.")
    address = f"{request.method} {request.scope['path']}?".encode() + request.scope["query_string"]
    return Once(actor.subject, key, sha256(address + b"\n" + body).hexdigest())
