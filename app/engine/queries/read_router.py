"""Where a request reads: on the replica, where there is one and it is well, else on the primary. Chosen here alone.

A request that only reads begins on the replica and stays there: what it asks about (has a position come? is an instant
settled?) and what it answers are of one server, which only moves forward. It goes on to the primary, for good, when the
replica has not got as far as is asked. And only good news is taken from the replica: what it refuses, does not find or
fails at, the primary is asked anew, so that nothing fails, and nothing that was just created is missing, for its sake.

Whatever is no such request (commands, the background, the live log) does not ask here, or is led to the primary.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Literal

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from psycopg import AsyncConnection

from app.engine.postgres.bulkheads import Costly
from app.engine.postgres.pool import Connections, Database
from app.engine.postgres.replica import Replica

REFUSED = 400


class Turn:
    """Which server one request reads on."""

    __slots__ = ("has_read", "on_replica")

    def __init__(self, on_replica: bool) -> None:
        self.on_replica = on_replica
        self.has_read = False


TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)
"""None for what must see the newest."""


class Reads:
    """`async with reads.connection() as connection`, as of a Database, on the server of the request under way."""

    def __init__(
        self,
        primary: Database,
        replica: Replica | None = None,
        answered: Callable[[Literal["primary", "replica"]], None] = lambda _: None,
    ) -> None:
        """`answered` hears of each request that has read, and where."""
        self._primary = primary
        self._replica = replica
        self._answered = answered

    @property
    def on_replica(self) -> bool:
        turn = TURN.get()
        return turn is not None and turn.on_replica

    def go_to_the_primary(self) -> None:
        """For the rest of this request."""
        if turn := TURN.get():
            turn.on_replica = False

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in autocommit. Raises Unavailable."""
        return self._server().connection()

    def costly(self, read: Costly) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same for a costly read. Raises TooExpensive too."""
        return self._server().costly(read)

    def _server(self) -> Connections:
        turn = TURN.get()
        if turn is not None:
            turn.has_read = True
            if turn.on_replica:
                assert self._replica is not None, "only then a turn begins there"
                return self._replica
        return self._primary

    def answering(self, app: ASGIApp) -> ASGIApp:
        """`app` with a turn for each request that only reads, taken again on the primary if need be."""
        replica = self._replica
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
                self._answered("replica" if turn.on_replica else "primary")

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
