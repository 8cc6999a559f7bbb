"""The HTTP server: uvicorn, which tells open event streams to end before it waits for them."""

import asyncio
import logging
import socket
import sys

import uvicorn
from litestar.types import ASGIApp

from app.errors import SetupError

KEEP_ALIVE_SECONDS = 75
"""Longer than the gateway keeps its connections (60 s), so that it never sends into one that we close."""
STOPS_WITHIN_SECONDS = 10
"""Longer than any statement may run; only a client that does not read what it asked for is cut off by it."""


class Server(uvicorn.Server):
    """Sets `stopping` first thing when told to stop: the lifespan hears of it only after all connections are closed."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises SetupError if it is taken, or none of ours."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"cannot listen on {host}:{port} ({reason}): set --host, --port or CATALOG_PORT") from error


def serve_until_told(app: ASGIApp, stopping: asyncio.Event, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit(3), as uvicorn does, if it cannot start."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None if logging.getLogger().handlers else uvicorn.config.LOGGING_CONFIG,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOPS_WITHIN_SECONDS,
        server_header=False,
    )
    server = Server(config, stopping)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(uvicorn.config.STARTUP_FAILURE)
