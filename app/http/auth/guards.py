"""Guards of routes: they require a valid token or an admin's token if authentication is on."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import SecurityScheme

from app.errors import Unauthenticated
from app.http.auth.actor import Actor
from app.http.auth.tokens import Authenticator

DEMO_USER = "demo-user"
BEARER: list[dict[str, list[str]]] = [{"BearerToken": []}]
"""The OpenAPI entry of a route that requires a token if authentication is on."""
TOKEN_SCHEME = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")

AnyConnection = ASGIConnection[Any, Any, Any, Any]


async def require_token(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A guard that runs before the body is read. Raises Unauthenticated without a valid token if authentication is on.

    OPTIONS needs no token: its response reveals no data.
    """
    authenticator: Authenticator | None = connection.app.state.authenticator
    if authenticator is not None and connection.scope.get("method") != HttpMethod.OPTIONS:
        given = connection.headers.getall("Authorization", [])
        if len(given) > 1:
            raise Unauthenticated("Send one Authorization header, not several.")
        connection.state.actor = await authenticator.actor_of(given[0] if given else None)


async def require_admin(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard. Raises Unauthenticated without a valid token, Forbidden if its user is not an admin."""
    await require_token(connection, handler)
    current_actor(connection).require_admin()


def current_actor(connection: AnyConnection, user_id: str = DEMO_USER) -> Actor:
    """The token's user if authentication is on; else `user_id`, who may do everything."""
    actor: Actor | None = connection.state.get("actor")
    return actor or Actor(user_id, is_admin=True)
