"""The connections of a pool: no statement of a request waits for ever, and no unconfirmed commit is a success.

With a synchronous replica a commit waits until that one has it, and while it is lost for ever: `statement_timeout` has
ended by then. Cancelled, it is there all the same: the server warns and reports success, and a fail-over may lose it.
So we cancel what takes too long, and raise Unconfirmed where the server warned: the outcome is unknown.
"""

import asyncio
import logging
import os
import socket
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic

logger = logging.getLogger("catalog")

T = TypeVar("T")

CANCELLED_WITHIN_SECONDS = 2.0
"""A server that does not answer to that either is hung up on."""
WAIT_INTERVAL_SECONDS = 0.1
"""How often psycopg looks up while it waits, so that Ctrl-C is noticed; its own default."""
WAITS_FOR_A_REPLICA = "SyncRepWaitForLSN"
"""Where in Postgres the warning is from: its text is in the server's language, its code that of any warning."""


class Unconfirmed(psycopg.OperationalError):
    """A commit that is on the server, and perhaps not on the synchronous replica."""


class PooledConnection(AsyncConnection):
    answers_within_seconds = 3600.0
    """After so long a statement is cancelled. To be longer than its `statement_timeout`, which is the better end."""

    _unconfirmed = False
    _alarm: asyncio.TimerHandle | None = None
    _cancelling: asyncio.Task[None] | None = None

    def watch(self, answers_within_seconds: float) -> None:
        """From now on."""
        self.answers_within_seconds = answers_within_seconds
        self.add_notice_handler(self._hear)

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109, psycopg's signature
    ) -> T:
        """Every statement waits here, until the server is ready for the next: its commit is in it."""
        self._alarm = asyncio.get_running_loop().call_later(self.answers_within_seconds, self._give_up)
        try:
            result = await super().wait(gen, interval, timeout)
        finally:
            self._alarm.cancel()
        if self._unconfirmed:
            self._unconfirmed = False
            raise Unconfirmed("the commit is not confirmed by the synchronous replica")
        return result

    def _hear(self, notice: Diagnostic) -> None:
        self._unconfirmed |= notice.source_function == WAITS_FOR_A_REPLICA

    def _give_up(self) -> None:
        logger.warning("a statement has not ended for %s seconds: cancelling it", self.answers_within_seconds)
        self._alarm = asyncio.get_running_loop().call_later(CANCELLED_WITHIN_SECONDS, self._hang_up)
        self._cancelling = asyncio.create_task(self._try_to_cancel())

    async def _try_to_cancel(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self.cancel_safe(timeout=CANCELLED_WITHIN_SECONDS)

    def _hang_up(self) -> None:
        logger.warning("the database does not answer: hanging up")
        hang_up(self)


def hang_up(connection: AsyncConnection) -> None:
    """Whoever waits sees the connection end; the server is not asked."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as connected:
        connected.shutdown(socket.SHUT_RDWR)
