"""Adds what HTTP requires of every route (RFC 9110): HEAD, a complete Allow, and list headers joined into one line.

It also forbids browsers to guess media types.
"""

from collections.abc import Iterable
from typing import Any, cast

from litestar import Litestar
from litestar.enums import HttpMethod, ScopeType
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

LIST_HEADERS = frozenset({b"accept", b"accept-encoding", b"if-match", b"if-none-match"})
"""The headers that the service reads and whose values are lists (RFC 9110, 5.3)."""
NO_SNIFFING = (b"x-content-type-options", b"nosniff")

Headers = Iterable[tuple[bytes, bytes]]


def with_head_support(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET. The server omits the body, since it knows the method.

    A handler with an endless body finds `head` in the scope's state.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [_complete_allow(name, value) for name, value in message["headers"]]
                message["headers"] = [*headers, NO_SNIFFING]
            await send(message)

        completed: dict[str, Any] = {**scope, "headers": _join_list_headers(scope["headers"])}
        if completed["method"] == "HEAD":
            completed |= {"method": "GET", "state": {**scope.get("state", {}), "head": True}}
        await app(cast(Scope, completed), receive, send_completed)

    return answer


def with_options_support(app: Litestar) -> ASGIApp:
    """Answer OPTIONS with the methods of all handlers of a path. Litestar names only those of the first controller."""
    methods: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            methods.setdefault(route.path_format, set()).update(route.methods)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowed = ", ".join(methods.get(str(scope.get("path_template")), ())).encode()
                message["headers"] = [
                    (name, allowed if name == b"allow" else value) for name, value in message["headers"]
                ]
            await send(message)

        await app(scope, receive, send_complete if scope.get("method") == HttpMethod.OPTIONS else send)

    return answer


def _complete_allow(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Litestar's Allow header, with HEAD added if it has GET."""
    if name != b"allow":
        return name, value
    methods = {each.strip() for each in value.split(b",")}
    return name, b", ".join(sorted(methods | ({b"HEAD"} if b"GET" in methods else set())))


def _join_list_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Join several lines of a list header into one, in order."""
    lists: dict[bytes, list[bytes]] = {}
    others = []
    for name, value in headers:
        if name in LIST_HEADERS:
            lists.setdefault(name, []).append(value)
        else:
            others.append((name, value))
    return [*others, *((name, b", ".join(values)) for name, values in lists.items())]
