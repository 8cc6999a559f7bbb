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

from psycopg import AsyncConnection

from app.engine.postgres.bulkheads import CostlyRead
from app.engine.postgres.pool import ConnectionSource, Database
from app.engine.postgres.replica import Replica


class RequestRouting:
    """Which server one request reads on."""

    __slots__ = ("has_read", "on_replica")

    def __init__(self, on_replica: bool) -> None:
        self.on_replica = on_replica
        self.has_read = False


ROUTING: ContextVar[RequestRouting | None] = ContextVar("turn", default=None)
"""None for what must see the newest."""


class ReadRouter:
    """`async with reads.connection() as connection`, as of a Database, on the server of the request under way."""

    def __init__(
        self,
        primary: Database,
        replica: Replica | None = None,
        on_answered: Callable[[Literal["primary", "replica"]], None] = lambda _: None,
    ) -> None:
        """`answered` hears of each request that has read, and where."""
        self._primary = primary
        self.replica = replica
        self.on_answered = on_answered

    @property
    def on_replica(self) -> bool:
        routing = ROUTING.get()
        return routing is not None and routing.on_replica

    def use_primary(self) -> None:
        """For the rest of this request."""
        if routing := ROUTING.get():
            routing.on_replica = False

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in autocommit. Raises Unavailable."""
        return self._server().connection()

    def costly(self, read: CostlyRead) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same for a costly read. Raises TooExpensive too."""
        return self._server().costly(read)

    def _server(self) -> ConnectionSource:
        routing = ROUTING.get()
        if routing is not None:
            routing.has_read = True
            if routing.on_replica:
                assert self.replica is not None, "only then a turn begins there"
                return self.replica
        return self._primary
