"""Chooses the server that a request reads from: a healthy replica if there is one, otherwise the primary.

A request that only reads begins on the replica and stays there, so its checks (has a position arrived? is an instant
settled?) and its answer are of one server. If the replica is behind what the request asks for, the rest of the request
reads from the primary. If the replica refuses, fails or finds nothing, the request is repeated on the primary: no
request fails, and no new document is missing, because of a replica.

Commands, the background and the live log always use the primary.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Literal

from psycopg import AsyncConnection

from app.engine.postgres.bulkheads import CostlyRead
from app.engine.postgres.pool import ConnectionSource, Database
from app.engine.postgres.replica import Replica


class RequestRouting:
    """The server that one request reads from."""

    __slots__ = ("has_read", "on_replica")

    def __init__(self, on_replica: bool) -> None:
        self.on_replica = on_replica
        self.has_read = False


ROUTING: ContextVar[RequestRouting | None] = ContextVar("routing", default=None)
"""None outside of a request that may read from the replica."""


class ReadRouter:
    """Lends connections as a Database does, to the server of the current request."""

    def __init__(
        self,
        primary: Database,
        replica: Replica | None = None,
        on_answered: Callable[[Literal["primary", "replica"]], None] = lambda _: None,
    ) -> None:
        """`on_answered` receives, for each request that has read, the server that its answer is from."""
        self._primary = primary
        self.replica = replica
        self.on_answered = on_answered

    @property
    def on_replica(self) -> bool:
        routing = ROUTING.get()
        return routing is not None and routing.on_replica

    def use_primary(self) -> None:
        """Read from the primary for the rest of this request."""
        if routing := ROUTING.get():
            routing.on_replica = False

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection in autocommit. Raises Unavailable."""
        return self._server().connection()

    def costly(self, read: CostlyRead) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection for a costly read. Raises Unavailable, and TooExpensive."""
        return self._server().costly(read)

    def _server(self) -> ConnectionSource:
        routing = ROUTING.get()
        if routing is not None:
            routing.has_read = True
            if routing.on_replica:
                assert self.replica is not None, "a request begins on the replica only if there is one"
                return self.replica
        return self._primary
