"""A client that sends bytes as they are, over a real socket, and reads answers as they come."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from tests.support.patience import PATIENCE_SECONDS

ANSWERS_WITHIN_SECONDS = PATIENCE_SECONDS


class Answer(Struct, frozen=True):
    """An answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self, status: int) -> dict[str, Any]:
        """The problem of an answer with that status, which closes the connection."""
        assert self.status == status, self
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["connection"] == "close"
        assert {"date", "x-request-id"} <= set(self.headers)
        problem: dict[str, Any] = msgspec.json.decode(self.body)
        assert problem["status"] == status
        assert problem["type"].startswith("urn:swappo:catalog:")
        assert problem["detail"].endswith(".")
        return problem


class RawConnection:
    """A connection that sends and reads bytes."""

    def __init__(self, url: str) -> None:
        address = httpx.URL(url)
        self.socket = socket.create_connection((address.host, address.port or 80), timeout=ANSWERS_WITHIN_SECONDS)
        self._read = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_until_full(self, pieces: Iterator[bytes], patience_seconds: float = 0.5) -> int:
        """Send until the service reads no more; the number of pieces sent."""
        self.socket.settimeout(patience_seconds)
        taken = 0
        with suppress(TimeoutError):
            for piece in pieces:
                self.send(piece)
                taken += 1
        self.socket.settimeout(ANSWERS_WITHIN_SECONDS)
        return taken

    def answer(self, method: str = "GET") -> Answer:
        """The next answer; to a HEAD it has no body."""
        line = self._read.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers: dict[str, str] = {}
        while (field := self._read.readline()) != b"\r\n":
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        return Answer(int(line.split()[1]), headers, self._read.read(length))

    def answer_to(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    def is_closed(self) -> bool:
        """Wait for the end of the connection."""
        return self._read.read(1) == b""

    def has_ended(self) -> bool:
        """Whether the other side has closed the connection by now; whatever has come until now is read."""
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(65536):
                return True
        return False

    def read_to_end(self) -> bytes:
        """Everything received until the connection is closed."""
        return self._read.read()

    def close(self) -> None:
        self._read.close()
        self.socket.close()


@contextmanager
def connected(url: str) -> Iterator[RawConnection]:
    raw = RawConnection(url)
    try:
        yield raw
    finally:
        raw.close()


def answer_to_bytes(url: str, *packets: bytes) -> Answer:
    """Send bytes on a new connection; the answer."""
    with connected(url) as raw:
        for packet in packets:
            raw.send(packet)
        return raw.answer()
