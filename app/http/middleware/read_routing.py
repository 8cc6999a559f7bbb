"""Routes reads to the replica, and repeats a failed read on the primary."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.queries.read_router import ROUTING, ReadRouter, RequestRouting

FIRST_ERROR_STATUS = 400


def with_read_routing(app: ASGIApp, router: ReadRouter) -> ASGIApp:
    """Route each GET to the replica, then to the primary if the replica's response is an error.

    Returns `app` itself if there is no replica.
    """
    replica = router.replica
    if replica is None:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        routing = RequestRouting(replica.serves)
        token = ROUTING.set(routing)
        try:
            await _replica_then_primary(app, routing, scope, receive, send)
        finally:
            ROUTING.reset(token)
        if routing.has_read:
            router.on_answered("replica" if routing.on_replica else "primary")

    return answer


async def _replica_then_primary(
    app: ASGIApp, routing: RequestRouting, scope: Scope, receive: Receive, send: Send
) -> None:
    refused = False

    async def send_unless_refused(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start":
            refused = routing.on_replica and routing.has_read and message["status"] >= FIRST_ERROR_STATUS
        if not refused:
            await send(message)

    state = scope.setdefault("state", {})
    before = dict(state)
    await app(scope, receive, send_unless_refused)
    if refused:
        routing.on_replica = False
        state.clear()
        state.update(before)
        await app(scope, receive, send)
