"""The HTTP server: uvicorn that ends event streams before it stops, and checks its connections every second."""

import asyncio
import logging
import socket
import sys
import time
from operator import itemgetter
from typing import cast

import uvicorn
from litestar.types import ASGIApp

from app.errors import SetupError
from app.http.server import limits
from app.http.server.connection import TimedHttpProtocol, connections_max
from app.http.server.transport import CoalescingTransport

TICKS_PER_SECOND = 10
"""How often uvicorn calls `on_tick`."""
STOPS_WITHIN_SECONDS = 10
"""Longer than any statement may run, so it only cuts off clients that do not read their responses."""

logger = logging.getLogger("catalog")


class Server(uvicorn.Server):
    """Sets `stopping` as soon as shutdown begins. The lifespan ends only after all connections are closed."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._looked_at = time.monotonic()
        self._is_full = False

    async def on_tick(self, counter: int) -> bool:
        if counter % max(1, round(limits.CONNECTION_CHECK_SECONDS * TICKS_PER_SECOND)) == 0:
            self._check_connections()
        return await super().on_tick(counter)

    def _check_connections(self) -> None:
        now = time.monotonic()
        # A pause of this process must not count against its clients.
        passed = min(now - self._looked_at, 2 * limits.CONNECTION_CHECK_SECONDS)
        self._looked_at = now
        for connection in list(self.server_state.connections):
            cast(TimedHttpProtocol, connection).check(passed)
        self._drop_slow_readers()
        self._log_if_full()

    def _drop_slow_readers(self) -> None:
        """Abort the connections with the largest unsent responses while all of them together exceed UNSENT_BYTES."""
        connections = [cast(TimedHttpProtocol, each) for each in self.server_state.connections]
        unsent = [(cast(CoalescingTransport, each.transport).held_bytes, each) for each in connections]
        too_many_bytes = sum(size for size, _ in unsent) - limits.UNSENT_BYTES
        for size, connection in sorted(unsent, key=itemgetter(0), reverse=True):
            if too_many_bytes <= 0:
                return
            logger.warning("clients do not read their responses: dropping a connection that holds %s bytes", size)
            connection.transport.abort()
            too_many_bytes -= size

    def _log_if_full(self) -> None:
        is_full = len(self.server_state.connections) >= connections_max()
        if is_full and not self._is_full:
            logger.warning("%s connections are open, others are refused", connections_max())
        self._is_full = is_full

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises SetupError if the address is taken or not on this machine."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason, _, _ = str(getattr(error, "strerror", None) or error).partition(" (while")
        raise SetupError(f"cannot listen on {host}:{port} ({reason}): set --host, --port or CATALOG_PORT") from error


def serve_until_stopped(app: ASGIApp, stopping: asyncio.Event, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit(3), as uvicorn does, if it cannot start."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None if logging.getLogger().handlers else uvicorn.config.LOGGING_CONFIG,
        log_level="warning",
        timeout_graceful_shutdown=STOPS_WITHIN_SECONDS,
        server_header=False,
        http=TimedHttpProtocol,
        ws="none",
    )
    server = Server(config, stopping)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(uvicorn.config.STARTUP_FAILURE)
