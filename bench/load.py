"""A light HTTP client: keep-alive, prepared request bytes, and of an answer only status and length.

Run it in a process of its own, apart from what it measures.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import cast

from msgspec import Struct

LENGTH = re.compile(rb"content-length: (\d+)\r\n", re.IGNORECASE)
HEAD_ENDS = b"\r\n\r\n"


class Target(Struct, frozen=True):
    """The address, and the requests in their order."""

    port: int
    requests: Iterator[bytes]


class Sample(Struct, frozen=True):
    """The result of a load."""

    seconds: float
    latencies: list[float]
    """For each request, the seconds from its due time to the end of its answer."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


class Answer(Struct, frozen=True):
    """The result of one request; instants by `time.perf_counter`, which all processes of a machine share."""

    due: float
    ended: float
    """When its last byte was there."""
    received: bytes

    @property
    def status(self) -> int:
        return int(self.received[9:12])

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        return self.ended - self.due


def request(method: str, path: str, body: bytes | None = None) -> bytes:
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", "Host: catalog.example", "Accept: application/json", "User-Agent: bench"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


async def saturate(target: Target, connections: int, seconds: float) -> Sample:
    """Each connection sends its next request as soon as it is answered."""
    latencies: list[float] = []

    async def keep_asking(connection: _Connection) -> None:
        while (due := time.perf_counter()) < end:
            answer = await connection.ask(next(target.requests), due)
            _check(answer)
            latencies.append(answer.seconds)

    async with _opened(target.port, connections) as opened:
        start = time.perf_counter()
        end = start + seconds
        await asyncio.gather(*map(keep_asking, opened))
        return Sample(time.perf_counter() - start, latencies)


async def at_rate(target: Target, connections: int, seconds: float, per_second: float) -> Sample:
    """So many requests a second, answered or not: a latency includes the wait for a connection."""
    start = time.perf_counter()
    answers = await on_schedule(target.port, connections, steadily(target.requests, seconds, per_second))
    for answer in answers:
        _check(answer)
    return Sample(time.perf_counter() - start, [answer.seconds for answer in answers])


def steadily(requests: Iterator[bytes], seconds: float, per_second: float) -> Iterator[tuple[float, bytes]]:
    """A schedule: so many requests a second, and at least two, however slow and short it is."""
    return ((place / per_second, next(requests)) for place in range(max(2, int(seconds * per_second))))


async def on_schedule(port: int, connections: int, schedule: Iterable[tuple[float, bytes]]) -> list[Answer]:
    """Send each request at its time, even if earlier ones are not answered. Results are in that order, with errors."""
    answers: list[tuple[int, Answer]] = []
    waiting: asyncio.Queue[tuple[int, float, bytes] | None] = asyncio.Queue()

    async def ask_when_due(connection: _Connection) -> None:
        while given := await waiting.get():
            place, due, request = given
            answers.append((place, await connection.ask(request, due)))

    async with _opened(port, connections) as opened:
        asking = asyncio.gather(*map(ask_when_due, opened))
        start = time.perf_counter()
        for place, (second, request) in enumerate(schedule):
            if (early := start + second - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            waiting.put_nowait((place, time.perf_counter(), request))
        for _ in opened:
            waiting.put_nowait(None)
        await asking
    return [answer for _, answer in sorted(answers, key=lambda each: each[0])]


def _check(answer: Answer) -> None:
    """Raises RuntimeError for every status but a success."""
    if not answer.succeeded:
        raise RuntimeError(answer.received.decode())


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

    async def ask(self, request: bytes, due: float) -> Answer:
        """Returns when the answer is complete, whatever its status."""
        self._answered = self._loop.create_future()
        self._transport.write(request)
        received, ended = await self._answered
        return Answer(due, ended, received)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(HEAD_ENDS)
        length = LENGTH.search(received, 0, head + 2) if head > 0 else None
        if length is None or len(received) < head + len(HEAD_ENDS) + int(length[1]):
            return
        self._received = b""
        self._answered.set_result((received, time.perf_counter()))

    def connection_lost(self, error: Exception | None) -> None:
        if hasattr(self, "_answered") and not self._answered.done():
            self._answered.set_exception(RuntimeError("the server hung up"))
