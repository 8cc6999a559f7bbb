"""Each request that only reads is answered on the replica, and taken again on the primary if need be."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.queries.read_router import TURN, Reads, Turn

REFUSED = 400


def answering_reads(app: ASGIApp, reads: Reads) -> ASGIApp:
    """`app` with a turn for each request that only reads; `app` itself where there is no replica."""
    replica = reads.replica
    if replica is None:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        turn = Turn(replica.serves)
        token = TURN.set(turn)
        try:
            await _on_one_and_then_the_other(app, turn, scope, receive, send)
        finally:
            TURN.reset(token)
        if turn.has_read:
            reads.answered("replica" if turn.on_replica else "primary")

    return answer


async def _on_one_and_then_the_other(app: ASGIApp, turn: Turn, scope: Scope, receive: Receive, send: Send) -> None:
    refused = False

    async def send_good_news(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start":
            refused = turn.on_replica and turn.has_read and message["status"] >= REFUSED
        if not refused:
            await send(message)

    state = scope.setdefault("state", {})
    before = dict(state)
    await app(scope, receive, send_good_news)
    if refused:
        turn.on_replica = False
        state.clear()
        state.update(before)
        await app(scope, receive, send)
