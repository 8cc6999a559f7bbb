"""The HTTP server: uvicorn, which tells open event streams to end before it waits for them, and sends answers whole."""

import asyncio
import logging
import socket
import sys
from typing import Any, cast

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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


class WholeAnswers:
    """A transport that sends the head of an answer together with its body: one packet, which wakes the client once.

    What is written waits until the event loop has done what it is at, which is no longer than a task runs.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(b"".join(self._waiting))
        self._waiting.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which writes head and body one by one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, WholeAnswers(transport)))


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises SetupError if it is taken, or none of ours."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason, _, _ = str(getattr(error, "strerror", None) or error).partition(" (while")
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
        http=Protocol,
    )
    server = Server(config, stopping)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(uvicorn.config.STARTUP_FAILURE)
