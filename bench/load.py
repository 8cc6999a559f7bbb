"""An HTTP client that is light enough: keep-alive, request bytes made beforehand; of an answer only status and length.

It is to run in a process of its own, apart from what it measures.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

from msgspec import Struct

LENGTH = re.compile(rb"content-length: (\d+)\r\n", re.IGNORECASE)
HEAD_ENDS = b"\r\n\r\n"


class Target(Struct, frozen=True):
    """Where requests go, and which: one after the other."""

    port: int
    requests: Iterator[bytes]


class Sample(Struct, frozen=True):
    """What came of a while of load."""

    seconds: float
    latencies: list[float]
    """Of each request: seconds from when it was due to the end of its answer."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def request(method: str, path: str, body: bytes | None = None) -> bytes:
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", "Host: catalog.example", "Accept: application/json", "User-Agent: bench"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


async def saturate(target: Target, connections: int, seconds: float) -> Sample:
    """Each connection asks anew as soon as it is answered."""
    latencies: list[float] = []

    async def keep_asking(connection: _Connection) -> None:
        while (due := time.perf_counter()) < end:
            await connection.ask(next(target.requests))
            latencies.append(time.perf_counter() - due)

    async with _opened(target.port, connections) as opened:
        start = time.perf_counter()
        end = start + seconds
        await asyncio.gather(*map(keep_asking, opened))
        return Sample(time.perf_counter() - start, latencies)


async def at_rate(target: Target, connections: int, seconds: float, per_second: float) -> Sample:
    """So many requests a second, whatever becomes of those before: waiting for a connection is part of a latency."""
    latencies: list[float] = []
    dues: asyncio.Queue[float] = asyncio.Queue()

    async def ask_when_due(connection: _Connection) -> None:
        while due := await dues.get():
            await connection.ask(next(target.requests))
            latencies.append(time.perf_counter() - due)

    async with _opened(target.port, connections) as opened:
        asking = asyncio.gather(*map(ask_when_due, opened))
        start = time.perf_counter()
        for place in range(int(seconds * per_second)):
            if (early := start + place / per_second - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            dues.put_nowait(time.perf_counter())
        for _ in opened:
            dues.put_nowait(0.0)
        await asking
        return Sample(time.perf_counter() - start, latencies)


@asynccontextmanager
async def _opened(port: int, connections: int) -> AsyncIterator[list["_Connection"]]:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(_Connection, "127.0.0.1", port) for _ in range(connections)]
    try:
        yield [connection for _, connection in opened]
    finally:
        for transport, _ in opened:
            transport.close()


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._received = b""

    async def ask(self, request: bytes) -> None:
        """Returns when the answer is there. Raises RuntimeError for any but a success."""
        self._answered = self._loop.create_future()
        self._transport.write(request)
        await self._answered

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(HEAD_ENDS)
        length = LENGTH.search(received, 0, head + 2) if head > 0 else None
        if length is None or len(received) < head + len(HEAD_ENDS) + int(length[1]):
            return
        self._received = b""
        if received.startswith(b"HTTP/1.1 2"):
            self._answered.set_result(None)
        else:
            self._answered.set_exception(RuntimeError(received.decode()))

    def connection_lost(self, error: Exception | None) -> None:
        if hasattr(self, "_answered") and not self._answered.done():
            self._answered.set_exception(RuntimeError("the server hung up"))
