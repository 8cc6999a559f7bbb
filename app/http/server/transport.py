"""The layer between a connection's protocol and its socket: it joins writes, pauses reading, lingers at close."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class CoalescingTransport:
    """Sends the head of a response together with its body: in one packet, which wakes the client once.

    Writes wait until the event loop has finished its current task. If the client `may_still_send`, `close` ends the
    writing side only and reads on until `close_now`.
    """

    def __init__(self, transport: asyncio.Transport, may_still_send: Callable[[], bool]) -> None:
        self._transport = transport
        self._may_still_send = may_still_send
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._largest_bytes = 0
        """The largest single write since nothing was unsent."""
        self._lingers = False

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)

    @property
    def held_bytes(self) -> int:
        """The most that is held in memory for the client: uvloop keeps a response whole until its last byte is sent."""
        unsent = self._transport.get_write_buffer_size()
        return unsent + self._largest_bytes if unsent else 0

    def is_closing(self) -> bool:
        return self._lingers or self._transport.is_closing()

    def close(self) -> None:
        self._send()
        if not self.is_closing() and self._may_still_send():
            self._lingers = True
            self._transport.write_eof()
            self._transport.resume_reading()
        elif not self._lingers:
            self._transport.close()

    def close_now(self) -> None:
        """Close, even if the client is still sending."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._waiting and not self._transport.is_closing():
            answer = b"".join(self._waiting)
            largest = self._largest_bytes if self._transport.get_write_buffer_size() else 0
            self._largest_bytes = max(largest, len(answer))
            self._transport.write(answer)
        self._waiting.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ReadFlowControl(FlowControl):
    """Resumes reading only if no received request waits for its response."""

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        if self.read_paused and not self._has_enough():
            super().resume_reading()


class Stopwatch:
    """Measures how long the same state has lasted, by periodic checks."""

    def __init__(self) -> None:
        self._what: object = None
        self._seconds = 0.0

    def lasts(self, what: object, seconds: float) -> float:
        """How many seconds `what` has lasted; `seconds` have passed since the last check. 0 for None."""
        self._seconds = self._seconds + seconds if what is self._what and what is not None else 0.0
        self._what = what
        return self._seconds
