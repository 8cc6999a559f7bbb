"""Handles HTTP/1.1 on one connection: uvicorn's protocol over httptools, with limits on what a client may send.

The application answers a refused request like any other one, and in order (app/http/middleware/early_refusals.py).
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import CatalogError, Malformed
from app.http.middleware.early_refusals import NO_METHOD, REFUSAL, HeadTooLarge
from app.http.server import limits
from app.http.server.request_head import address_too_long, check_head, version_not_supported
from app.http.server.transport import CoalescingTransport, ReadFlowControl

HAVE_NO_BODY = frozenset(("GET", "HEAD"))
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
OTHER_VERSION = "Invalid HTTP version"
"""The parser's text for this error, which nothing else identifies."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with limits on what a client may send."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._unread = memoryview(b"")
        """Received bytes that are not parsed yet, because earlier requests still wait for their responses."""
        self._bytes_without_progress = 0
        self._has_progressed = False
        self._has_received = False
        """Whether bytes arrived since the last check."""
        self._reads_head_again = False
        self._reads_no_more = False
        self._being_answered: RequestResponseCycle | None = None
        self._body_refused: CatalogError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport, self._may_still_send)))
        self.flow = ReadFlowControl(self.transport, self._buffer_is_full)

    def _may_still_send(self) -> bool:
        return self._reads_no_more or (self.cycle is not None and self.cycle.more_body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the request being answered that its client left; uvicorn notifies only the last pipelined one."""
        if self._being_answered is not None and not self._being_answered.response_complete:
            self._being_answered.disconnected = True
            self._being_answered.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def _buffer_is_full(self) -> bool:
        return bool(self.pipeline or self._unread)

    def data_received(self, data: bytes) -> None:
        self._has_received = True
        if len(data) <= limits.PIECE_BYTES and not (self._bytes_without_progress or self._unread):
            self._parse(data)
        else:
            self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
            self._parse_unread()

    def _parse_unread(self) -> None:
        while self._unread and not self._reads_no_more:
            if self.pipeline:
                self.flow.pause_reading()
                return
            size = min(limits.PIECE_BYTES, limits.HEAD_BYTES - self._bytes_without_progress)
            piece, self._unread = self._unread[:size], self._unread[size:]
            self._parse(piece)
        self._unread = memoryview(b"")
        self.flow.resume_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        if self._reads_no_more or self.transport.is_closing():
            return
        self._has_progressed = False
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse_unreadable(error)
            return
        self._bytes_without_progress = 0 if self._has_progressed else self._bytes_without_progress + len(data)
        if self._bytes_without_progress >= limits.HEAD_BYTES:
            self._refuse_endless()

    def _feed(self, data: bytes | memoryview) -> None:
        """Raises HttpParserError."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]
                self._read_on_after_upgrade()

    def _read_on_after_upgrade(self) -> None:
        """Replace the parser by one that has read the same head without `Upgrade`.

        A server may ignore `Upgrade`, but not the body (RFC 9110, 7.8). The parser stops after a head with `Upgrade`.
        """
        cycle = self.cycle
        fields = [(name, value) for name, value in cycle.scope["headers"] if name in FRAMING]
        if not cycle.keep_alive:
            fields.append((b"connection", b"close"))
        head = b"".join((b"POST / HTTP/1.1\r\n", *(b"%b: %b\r\n" % field for field in fields), b"\r\n"))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._reads_head_again = True
        try:
            self.parser.feed_data(head)
        finally:
            self._reads_head_again = False
            self.scope = cycle.scope

    def on_headers_complete(self) -> None:
        """Raises a CatalogError for a head that is refused."""
        if self._reads_head_again:
            return
        self._has_progressed = True
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.url = check_head(method, version, self.url, self.headers)
        super().on_headers_complete()
        self.headers = []  # so that trailer fields are not added to the head

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser ends the message at the head; the body follows
        self._has_progressed = True
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self.pipeline.clear()
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if not self.pipeline:
            self._parse_unread()
        self.flow.resume_reading()

    def _refuse_unreadable(self, error: httptools.HttpParserError) -> None:
        if isinstance(error, httptools.HttpParserCallbackError):
            refusal = _refusal_in(error)
        else:
            self.logger.warning("Invalid HTTP request received.")
            reason = str(error).rstrip(".")
            refusal = (
                version_not_supported() if reason == OTHER_VERSION else Malformed(f"This is not HTTP/1.1: {reason}.")
            )
        if self._is_in_body():
            self._refuse_body(refusal)
        else:
            self._refuse(refusal)

    def _refuse_endless(self) -> None:
        if self._is_in_body():
            what = "The size, the extensions or the trailer fields of a chunk"
            self._refuse_body(HeadTooLarge(f"{what} are longer than {limits.HEAD_BYTES} bytes."))
        elif self.scope is not None and len(self.url) > limits.ADDRESS_BYTES:
            self._refuse(address_too_long())
        else:
            self._refuse(HeadTooLarge(f"The head of the request is longer than {limits.HEAD_BYTES} bytes."))

    def _is_in_body(self) -> bool:
        return self.cycle is not None and self.cycle.more_body and self.scope is self.cycle.scope

    def _refuse(self, refusal: CatalogError) -> None:
        """Answer a request whose head cannot be read, after those before it, and close."""
        self._reads_no_more = True
        previous = self.cycle
        if self.scope is None or (previous is not None and self.scope is previous.scope):
            self.on_message_begin()
        scope = cast(dict[str, Any], self.scope)
        method = self.parser.get_method().decode() if self.url else NO_METHOD
        scope |= {"method": method, "path": "", "raw_path": b"", "query_string": b""}
        scope["state"][REFUSAL] = refusal
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        self.cycle.more_body = False
        if previous is None or previous.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.pipeline.appendleft((self.cycle, self.app))

    def _refuse_body(self, refusal: CatalogError) -> None:
        """Raise the refusal where the application reads the body. If it does not, close after the response."""
        self._reads_no_more = True
        self._body_refused = refusal
        self.cycle.keep_alive = False
        self.cycle.message_event.set()
        if self.cycle.response_complete:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._being_answered = cycle
        if cycle.waiting_for_100_continue or cycle.scope["method"] not in HAVE_NO_BODY:
            app = self._with_body(cycle, app)
        super()._start_asgi_task(cycle, app)

    def _with_body(self, cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
        async def receive() -> ASGIReceiveEvent:
            message = await cycle.receive()
            if cycle.disconnected and cycle.more_body:
                raise Malformed("The body ended before its end.")
            if self._body_refused and message["type"] == "http.request" and message["more_body"]:
                raise self._body_refused
            return message

        async def send(message: ASGISendEvent) -> None:
            if cycle.waiting_for_100_continue and cycle.more_body:
                cycle.keep_alive = False  # the client may or may not send the body
            await cycle.send(message)

        async def answer(scope: Scope, _: ASGIReceiveCallable, __: ASGISendCallable) -> None:
            await app(scope, receive, send)

        return answer


def _refusal_in(error: httptools.HttpParserCallbackError) -> CatalogError:
    """The refusal that caused the error. Raises the error itself if its cause is not a refusal."""
    match error.__context__:
        case CatalogError() as refusal:
            return refusal
        case httptools.HttpParserInvalidURLError():
            return Malformed("The address cannot be read.")
        case _:
            raise error
