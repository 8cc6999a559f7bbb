"""The whole service in the event loop of a test: its clocks are the test's, its statements are counted, and a client
leaves when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from psycopg import sql

from app import main
from app.concurrency import cancel_and_wait
from app.engine.postgres.connections import PooledCursor, as_service_role
from app.settings import Settings

LAST_BOUND_SECONDS = 60
"""Nothing waits for this time, unless it would wait for ever."""


class InProcessService:
    """A running service. `statements` are those of its pool, in order."""

    def __init__(self, app: Any, statements: list[str], stopping: asyncio.Event) -> None:
        self.app = app
        self.statements = statements
        self.stopping = stopping

    def count(self, text: str) -> int:
        """How many statements contain a text."""
        return sum(text in statement for statement in self.statements)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test/api/v2", timeout=LAST_BOUND_SECONDS
        ) as client:
            yield client

    @asynccontextmanager
    async def following(self, path: str) -> AsyncIterator["Exchange"]:
        """A request that the client does not end before the context does."""
        exchange = Exchange(self.app, "GET", f"/api/v2{path}")
        try:
            yield exchange
        finally:
            exchange.leave()
            await exchange.ended()

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> "Exchange":
        return Exchange(self.app, method, f"/api/v2{path}", body, headers)


class Exchange:
    """One request, whose client may leave at any time."""

    def __init__(
        self, app: Any, method: str, address: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = 0
        self.received = b""
        self.body_is_read = False
        """Whether the application has read the whole body, and waits for nothing but the client's leaving."""
        self._arrived = asyncio.Condition()
        self._left = asyncio.Event()
        self._body = [body]
        parts = urlsplit(address)
        given = {"Host": "test", "Content-Length": str(len(body)), **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
            "state": {},
        }
        self._task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        self.body_is_read = True
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        async with self._arrived:
            self.status = message.get("status", self.status)
            self.received += message.get("body", b"")
            self._arrived.notify_all()

    def leave(self) -> None:
        """Close the connection, as the server tells the application."""
        self._left.set()

    async def ended(self) -> None:
        """Wait until the application has ended the request."""
        async with asyncio.timeout(LAST_BOUND_SECONDS):
            await asyncio.wait([self._task])
        self._task.result()

    async def until_received(self, text: bytes) -> None:
        """Wait until the client has received a text."""
        async with asyncio.timeout(LAST_BOUND_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: text in self.received)


@asynccontextmanager
async def in_process_service(
    conninfo: str, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[InProcessService]:
    """Run the service until the context ends. `settings` are those of app/settings.py."""
    statements: list[str] = []

    class RecordingCursor(PooledCursor):
        async def execute(self, query: Any, *arguments: Any, **named: Any) -> "RecordingCursor":
            text = query.as_string(None) if isinstance(query, sql.Composable) else query
            statements.append(text.decode() if isinstance(text, bytes) else str(text))
            await super().execute(query, *arguments, **named)
            return self

    monkeypatch.setattr(main, "PooledCursor", RecordingCursor)
    stopping = asyncio.Event()
    app = main.create_app(as_service_role(conninfo), msgspec.structs.replace(Settings(), **settings), stopping)
    told: asyncio.Queue[Any] = asyncio.Queue()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    living: asyncio.Task[None] = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, told.get, answers.put)  # type: ignore[arg-type]
    )
    try:
        await told.put({"type": "lifespan.startup"})
        answer = await answers.get()
        assert answer["type"] == "lifespan.startup.complete", answer
        yield InProcessService(app, statements, stopping)
        stopping.set()
        await told.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(answers.get(), LAST_BOUND_SECONDS)
    finally:
        await cancel_and_wait(living)


async def until(holds: Callable[[], bool], what: str) -> None:
    """Poll a condition in the event loop of the service."""
    try:
        async with asyncio.timeout(LAST_BOUND_SECONDS):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"still not: {what}") from None
