"""Refuses a request whose address or parameters no route could accept."""

from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from app.constraints import LARGEST_ID
from app.domain.item import ItemNotFound
from app.errors import Malformed, NotFound
from app.parsing.strict_json import FieldProblem, invalid_input


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse an address that is not UTF-8 or not in its canonical form, unknown or repeated parameters, and ids that no
    item can have."""
    _check_encoding(request)
    if request.method == HttpMethod.OPTIONS:
        return  # the parameters do not matter
    problems = [
        FieldProblem(pointer=f"/{name}", detail=detail, source="query")
        for name, values in request.query_params.dict().items()
        if (detail := _explain_refusal(name, len(values), _query_parameters(request.route_handler)))
    ]
    if problems:
        raise invalid_input(problems)
    if request.scope["path_template"].format(**request.path_params) != request.scope["path"].rstrip("/"):
        raise NotFound(f"Nothing is at {request.scope['path']}.")
    item_id = request.path_params.get("item_id", 1)
    if not 1 <= item_id <= LARGEST_ID:
        raise ItemNotFound("There is no such item.")


def _check_encoding(request: Request[Any, Any, Any]) -> None:
    """Raises Malformed unless the address is UTF-8: invalid bytes would be stored as replacement characters."""
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The address is not UTF-8: {error.reason}.") from None


def _explain_refusal(name: str, times: int, known: frozenset[str]) -> str | None:
    if name not in known:
        return "There is no such parameter."
    return "This parameter is given more than once." if times > 1 else None


@cache
def _query_parameters(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a handler reads."""
    parameters = handler.parsed_fn_signature.parameters.items()
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in parameters
        if isinstance(field.kwarg_definition, QueryParameter)
    )
