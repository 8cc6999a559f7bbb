"""Sends every failure as RFC 9457 `application/problem+json`; `detail` is the sentence for people."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from app.engine.postgres.in_doubt import commit_is_in_doubt, nothing_is_committed
from app.errors import (
    CatalogError,
    InvalidInput,
    Malformed,
    NotFound,
    RequestTimeout,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from app.http.wire.responses import NO_STORE
from app.parsing.strict_json import FieldProblem, invalid_input, readable_reason

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = "1"

EMPTY_TEXT_REASON = "`str` of length >= 1"
"""The part of msgspec's message that reports an empty text."""
EMPTY_PARAMETER = "This parameter is empty: leave it out, or give it a value."

logger = logging.getLogger("catalog")


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A failure as in RFC 9457. Further members carry the facts, such as `current_version`."""

    type: str
    """A name for the kind of failure; it never changes."""
    title: str
    """The kind of failure, in words."""
    status: int
    detail: str
    """What happened this time, for people."""
    errors: list[FieldProblem] | None = None
    """All failing fields of an invalid input."""


def problem_body(error: CatalogError) -> bytes:
    """The problem as JSON, for a response that has begun and so can no longer change its status."""
    return ProblemResponse(error.status, _kebab(type(error).__name__), error.title(), error.detail, error.facts).content


class ProblemResponse(Response[bytes]):
    """A problem as a response; never cached."""

    def __init__(self, status: int, kind: str, title: str, detail: str, facts: dict[str, Any]) -> None:
        body = {"type": f"urn:swappo:catalog:{kind}", "title": title, "status": status, "detail": detail, **facts}
        headers = {"Cache-Control": NO_STORE}
        if status in (Unavailable.status, TooManyRequests.status):
            headers["Retry-After"] = RETRY_AFTER_SECONDS
        if status == RequestTimeout.status:
            headers["Connection"] = "close"
        if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            headers["Accept-Encoding"] = "identity"
        if status == Unauthenticated.status:
            headers["WWW-Authenticate"] = 'Bearer realm="catalog"'
        super().__init__(msgspec.json.encode(body), status_code=status, media_type=PROBLEM_JSON, headers=headers)


def handle_catalog_error(_: Request[Any, Any, Any], error: CatalogError) -> ProblemResponse:
    """The response to a refusal; a failure while a commit is in doubt says that the outcome is unknown."""
    reports_doubt = isinstance(error, Unavailable) and error.outcome_is_unknown
    if reports_doubt and nothing_is_committed():
        error = Unavailable("The database went away; nothing was changed. Try again.")
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and commit_is_in_doubt() and not reports_doubt:
        error = _outcome_unknown()
    return ProblemResponse(error.status, _kebab(type(error).__name__), error.title(), error.detail, error.facts)


def handle_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> ProblemResponse:
    """The response to Litestar's own refusals: an unknown route or method, a body too large, a wrong parameter."""
    if isinstance(error, ValidationException):
        return handle_catalog_error(request, _invalid_parameters(error))
    if isinstance(error, NotFoundException):
        return handle_catalog_error(request, NotFound(f"Nothing is at {request.scope['path']}."))
    phrase = HTTPStatus(error.status_code).phrase
    response = ProblemResponse(error.status_code, phrase.lower().replace(" ", "-"), phrase, error.detail, {})
    response.headers.update(error.headers or {})
    return response


def handle_exception(request: Request[Any, Any, Any], error: Exception) -> ProblemResponse:
    """Log a bug of the service with its route, since a path may name a person, and answer without internals.

    While a commit is in doubt the response must not look like a refusal: the command may have been carried out.
    """
    logger.exception("%s %s failed", request.method, request.scope.get("path_template"), exc_info=error)
    if commit_is_in_doubt():
        return handle_catalog_error(request, _outcome_unknown())
    title = "The catalog failed"
    return ProblemResponse(500, "catalog-error", title, "The service made a mistake; it has been logged.", {})


def _outcome_unknown() -> Unavailable:
    return Unavailable(
        "The service failed after it may have carried out the command; the outcome is unknown. "
        "Read the item, then try again.",
        outcome_is_unknown=True,
    )


def _invalid_parameters(error: ValidationException) -> CatalogError:
    found = error.extra if isinstance(error.extra, list) else []
    problems = [
        FieldProblem(
            pointer=f"/{each.get('key', '')}",
            detail=EMPTY_PARAMETER if EMPTY_TEXT_REASON in each["message"] else readable_reason(each["message"]),
            source=each.get("source", "query"),
        )
        for each in found
        if isinstance(each, dict)
    ]
    of_parameters = [problem for problem in problems if problem.source != "body"]
    if of_parameters:
        return invalid_input(of_parameters)
    return Malformed("The body is empty; it must be a JSON object." if problems else error.detail)


def invalid_parameter(name: str, detail: str) -> InvalidInput:
    """An InvalidInput for one query parameter."""
    return invalid_input([FieldProblem(pointer=f"/{name}", detail=detail, source="query")])


def _kebab(class_name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in class_name).lstrip("-")


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    CatalogError: handle_catalog_error,
    HTTPException: handle_http_exception,
    Exception: handle_exception,
}


def error_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The failures of a route for its OpenAPI entry: the named statuses, and those that every route may answer."""
    return {
        status: ResponseSpec(Problem, False, HTTPStatus(status).phrase, PROBLEM_JSON)
        for status in sorted({*statuses, 400, 422, 500, 503})
    }
