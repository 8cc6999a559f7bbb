"""What the server refuses before there is a request to route, or while its body arrives: problems like all others."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.errors import CatalogError
from app.http.wire.problem_details import PROBLEM_JSON, problem_body

REFUSAL = "refusal"
"""The name, in a scope's state, of the error to answer."""
NO_METHOD = "-"
"""The method of a request that could not be read so far."""
ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


class HeadTooLarge(CatalogError, status=431):
    """The head of the request is too large"""


class AddressTooLong(CatalogError, status=414):
    """The address is too long"""


class VersionNotSupported(CatalogError, status=505):
    """This version of HTTP is not spoken here"""


class MethodNotAllowed(CatalogError, status=405):
    """Method Not Allowed"""


def with_early_refusals(app: ASGIApp) -> ASGIApp:
    """Answer what the server refuses, and leave the rest to `app`: so that it is logged and counted like the rest."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = scope["state"].get(REFUSAL) if scope["type"] == ScopeType.HTTP else None
        if refusal is None:
            await app(scope, receive, send)
        else:
            await _send_problem(refusal, send)

    return answer


async def _send_problem(refusal: CatalogError, send: Send) -> None:
    body = problem_body(refusal)
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", ALLOWED))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
