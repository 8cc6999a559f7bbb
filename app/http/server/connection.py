"""Limits how long each part of a request may take, and how many connections may be open."""

import asyncio
import resource
from enum import Enum
from typing import Any, cast

from app.errors import CatalogError, RequestTimeout, Unavailable
from app.http.server import limits
from app.http.server.protocol import LimitedHttpProtocol
from app.http.server.transport import CoalescingTransport, Stopwatch
from app.http.wire.problem_details import PROBLEM_JSON, RETRY_AFTER_SECONDS, problem_body


class AwaitedPart(Enum):
    """The part of an exchange that a connection waits for."""

    REQUEST = "request"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"


class TimedHttpProtocol(LimitedHttpProtocol):
    """Ends requests and connections that take too long. The server calls `check` every second instead of timers."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_shutting_down = False
        self._unsent_bytes = 0
        self._waiting, self._silence, self._stuck, self._lingering = (Stopwatch() for _ in range(4))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) < connections_max():
            super().connection_made(transport)
            return
        self.transport = transport
        transport.write(_TOO_MANY_CONNECTIONS)
        transport.close()

    def check(self, seconds: float) -> None:
        """Apply the time limits; `seconds` have passed since the last check."""
        if self._is_stalled(seconds) or self._has_lingered(seconds):
            self.transport.abort()
        if self._reads_no_more or self.transport.is_closing():
            return
        part, wait = self._awaited()
        waited = self._waiting.lasts(wait, seconds)
        silent = self._silence.lasts(None if self._has_received else wait, seconds)
        self._has_received = False
        match part:
            case AwaitedPart.REQUEST if waited > (
                limits.KEEP_ALIVE_SECONDS if self.cycle else limits.FIRST_BYTE_SECONDS
            ):
                self.transport.close()
            case AwaitedPart.HEAD if waited > limits.HEAD_SECONDS:
                self._refuse(RequestTimeout(f"The head of the request took more than {limits.HEAD_SECONDS:g} seconds."))
            case AwaitedPart.BODY if silent > limits.BODY_SILENT_SECONDS:
                self._refuse_body(
                    RequestTimeout(f"Nothing of the body came for {limits.BODY_SILENT_SECONDS:g} seconds.")
                )
            case AwaitedPart.BODY if waited > limits.BODY_SECONDS and not self._is_streamed():
                self._refuse_body(RequestTimeout(f"The body took more than {limits.BODY_SECONDS:g} seconds."))

    def _awaited(self) -> tuple[AwaitedPart, object]:
        """The part that is awaited, and an object that identifies this wait: the next wait has another object."""
        cycle = self.cycle
        if self.flow.read_paused or (cycle and not cycle.response_complete and not cycle.more_body):
            return AwaitedPart.ANSWER, None
        if cycle and cycle.more_body:
            return AwaitedPart.BODY, cycle
        if self.scope is not None and not (cycle and self.scope is cycle.scope):
            return AwaitedPart.HEAD, self.scope
        return AwaitedPart.REQUEST, self.headers if cycle else self

    def _is_streamed(self) -> bool:
        return self.cycle.scope["path"].rstrip("/") in limits.STREAMED and not self.cycle.response_complete

    def _is_stalled(self, seconds: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        is_stuck = unsent > 0 and unsent == self._unsent_bytes
        self._unsent_bytes = unsent
        return self._stuck.lasts(self if is_stuck else None, seconds) > limits.STALLED_CLIENT_SECONDS

    def _has_lingered(self, seconds: float) -> bool:
        lingers = self.transport.is_closing() and self._unsent_bytes == 0
        return self._lingering.lasts(self if lingers else None, seconds) > limits.LINGER_SECONDS

    def shutdown(self) -> None:
        self._is_shutting_down = True
        super().shutdown()
        if self.transport.is_closing():
            cast(CoalescingTransport, self.transport).close_now()

    def _may_still_send(self) -> bool:
        return super()._may_still_send() and not self._is_shutting_down


def connections_max() -> int:
    """Three quarters of the files that the process may open: the database, imports and the log need some as well."""
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(limits.CONNECTIONS, most_files * 3 // 4)


def _raw_response(refusal: CatalogError) -> bytes:
    """A response as bytes, for a connection that is refused before its first request."""
    body = problem_body(refusal)
    head = (
        f"HTTP/1.1 {refusal.status} Service Unavailable\r\nContent-Type: {PROBLEM_JSON}\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_MANY_CONNECTIONS = _raw_response(Unavailable("Too many connections are open; try again."))
