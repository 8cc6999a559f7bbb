"""Server-sent events, pulled: a page is read from the log when the client took the one before, never ahead of it.

So a slow client costs one page of memory. One that takes nothing for PATIENCE_SECONDS is cut off; it comes back with
the id of the last event it saw, which is its position, and misses nothing.
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
"""Gateways end connections that are silent for 60."""
SLOW_CONSUMER_SECONDS = 30.0
END_OF_STREAM_SECONDS = 1.0
RETRY = b"retry: 1000\n\n"
"""Milliseconds until the client comes back."""
KEEP_ALIVE = b": keep-alive\n\n"
STREAM_HEADERS = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""The last one keeps an nginx or Kong in between from holding events back."""


class SlowConsumer(Exception):
    """The client has not taken what was sent to it."""


class EventStream(Response[Any]):
    """The events behind `after` and then each one as it is settled, until somebody leaves or the service stops."""

    def __init__(
        self, mark_watcher: MarkWatcher, read: Callable[[int], Awaitable[LogPage]], after: int, announces_start: bool
    ) -> None:
        """`read` gives the page behind a position. `says_where`: the client is told where its stream begins."""
        super().__init__(None, media_type=EVENT_STREAM, headers=STREAM_HEADERS)
        self._feed = mark_watcher
        self._read = read
        self._after = after
        self._says_where = announces_start

    def to_asgi_response(self, app: Any, request: Any, **_: Any) -> ASGIResponse:
        follower = _Follower(self._feed, self._read, self._after, self._says_where)
        return _Streaming(self._feed, follower, is_head_response=bool(request.scope["state"].get("head")))


class _Streaming(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, mark_watcher: MarkWatcher, follower: "_Follower", is_head_response: bool) -> None:
        super().__init__(headers=STREAM_HEADERS, media_type=EVENT_STREAM, is_head_response=is_head_response)
        self._feed = mark_watcher
        self._follower = follower

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send until the first of: the client is gone, the service stops, the client takes nothing any more."""
        following = asyncio.create_task(self._follower.run(send))
        tasks = [
            following,
            asyncio.create_task(_wait_for_disconnect(receive)),
            asyncio.create_task(self._feed.stopping.wait()),
        ]
        try:
            with self._feed.following():
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
        logger.warning("a follower of the log takes nothing and is cut off")


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Follower:
    """One client's way through the log."""

    def __init__(
        self, mark_watcher: MarkWatcher, read: Callable[[int], Awaitable[LogPage]], after: int, announces_start: bool
    ) -> None:
        self._feed = mark_watcher
        self._read = read
        self._after = after
        self._says_where = announces_start
        self._quiet_until = 0.0

    async def run(self, send: Send) -> None:
        """Until it is cancelled, or raises SlowConsumer."""
        await self._send(send, RETRY)
        if self._says_where:
            # An id without data moves the client's last event id, and is no event to it.
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
                await self._feed.wait_until_past(self._after)
        except TimeoutError:
            await self._send(send, KEEP_ALIVE)

    async def _send(self, send: Send, chunk: bytes) -> None:
        """Raises SlowConsumer if the client has not taken what was sent before."""
        try:
            async with asyncio.timeout(SLOW_CONSUMER_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            raise SlowConsumer from None
        self._quiet_until = asyncio.get_running_loop().time() + KEEP_ALIVE_EVERY_SECONDS


def server_sent_event(entry: LogEntry) -> bytes:
    """One event. Its JSON is one line: Postgres writes none into jsonb, nor does msgspec."""
    event = msgspec.json.encode(cloud_event(entry))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.position, cloud_event_text(entry.type).encode(), event)
