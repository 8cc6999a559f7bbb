"""Sends the log as server-sent events; the next page is read only when the client has received the previous one.

So a slow client costs one page of memory. A client that receives nothing for SLOW_CONSUMER_SECONDS is disconnected. It
reconnects with the id of its last event, which is a position, and misses nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from app.concurrency import cancel_and_wait
from app.engine.store.log_reader import LogEntry, LogPage
from app.engine.store.mark_watcher import UNAVAILABLE_RETRY_SECONDS, MarkWatcher
from app.errors import Unavailable
from app.http.wire.cloud_events import cloud_event, cloud_event_text

logger = logging.getLogger("catalog")

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_EVERY_SECONDS = 15.0
"""Gateways close connections that are silent for 60 seconds."""
SLOW_CONSUMER_SECONDS = 30.0
END_OF_STREAM_SECONDS = 1.0
RETRY = b"retry: 1000\n\n"
"""How many milliseconds a client waits before it reconnects."""
KEEP_ALIVE = b": keep-alive\n\n"
STREAM_HEADERS = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""The last header makes an nginx or Kong in between pass events on without buffering."""


class SlowConsumer(Exception):
    """The client did not receive in time what was sent to it."""


class EventStream(Response[Any]):
    """Sends the events after `after`, then each one as it is settled, until the client or the service ends it."""

    def __init__(
        self, mark_watcher: MarkWatcher, read: Callable[[int], Awaitable[LogPage]], after: int, announces_start: bool
    ) -> None:
        """`read` returns the page after a position. `announces_start`: the client receives the position `after`."""
        super().__init__(None, media_type=EVENT_STREAM, headers=STREAM_HEADERS)
        self._mark_watcher = mark_watcher
        self._read = read
        self._after = after
        self._announces_start = announces_start

    def to_asgi_response(self, app: Any, request: Any, **_: Any) -> ASGIResponse:
        follower = _Follower(self._mark_watcher, self._read, self._after, self._announces_start)
        is_head_response = bool(request.scope["state"].get("head"))
        return _Streaming(self._mark_watcher, follower, self.headers, is_head_response)


class _Streaming(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self, mark_watcher: MarkWatcher, follower: "_Follower", headers: dict[str, str], is_head_response: bool
    ) -> None:
        super().__init__(headers=headers, media_type=EVENT_STREAM, is_head_response=is_head_response)
        self._mark_watcher = mark_watcher
        self._follower = follower

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send until the client disconnects, the client is too slow, or the service stops."""
        following = asyncio.create_task(self._follower.run(send))
        tasks = [
            following,
            asyncio.create_task(_wait_for_disconnect(receive)),
            asyncio.create_task(self._mark_watcher.stopping.wait()),
        ]
        try:
            with self._mark_watcher.following():
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(*tasks)
        failed = None if following.cancelled() else following.exception()
        if failed and not isinstance(failed, SlowConsumer):
            raise failed
        await _send_end(send)


async def _send_end(send: Send) -> None:
    try:
        async with asyncio.timeout(END_OF_STREAM_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        logger.warning("a client of the event stream receives nothing and is disconnected")


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Follower:
    """Sends the log to one client, page by page."""

    def __init__(
        self, mark_watcher: MarkWatcher, read: Callable[[int], Awaitable[LogPage]], after: int, announces_start: bool
    ) -> None:
        self._mark_watcher = mark_watcher
        self._read = read
        self._after = after
        self._announces_start = announces_start
        self._quiet_until = 0.0

    async def run(self, send: Send) -> None:
        """Send until cancelled. Raises SlowConsumer."""
        await self._send(send, RETRY)
        if self._announces_start:
            # An id without data sets the client's last event id without an event.
            await self._send(send, b"id: %d\n\n" % self._after)
        while True:
            await self._send_page(send)

    async def _send_page(self, send: Send) -> None:
        try:
            page = await self._read(self._after)
        except Unavailable:
            await asyncio.sleep(UNAVAILABLE_RETRY_SECONDS)
            await self._send(send, KEEP_ALIVE)
            return
        for entry in page.events:
            await self._send(send, server_sent_event(entry))
        self._after = page.upto
        if not page.more:
            await self._wait_for_more(send)

    async def _wait_for_more(self, send: Send) -> None:
        try:
            async with asyncio.timeout_at(self._quiet_until):
                await self._mark_watcher.wait_until_past(self._after)
        except TimeoutError:
            await self._send(send, KEEP_ALIVE)

    async def _send(self, send: Send, chunk: bytes) -> None:
        """Raises SlowConsumer if the client has not received the previous chunks in time."""
        try:
            async with asyncio.timeout(SLOW_CONSUMER_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            raise SlowConsumer from None
        self._quiet_until = asyncio.get_running_loop().time() + KEEP_ALIVE_EVERY_SECONDS


def server_sent_event(entry: LogEntry) -> bytes:
    """One event. Its JSON is one line: Postgres writes no newline into jsonb, and msgspec writes none either."""
    event = msgspec.json.encode(cloud_event(entry))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.position, cloud_event_text(entry.type).encode(), event)
