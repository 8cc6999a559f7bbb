"""A client of server-sent events that follows the specification strictly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from tests.support.patience import PATIENCE_SECONDS


class ReceivedEvent(Struct, frozen=True):
    """One server-sent event."""

    id: int
    event: str
    data: dict[str, Any]


class Follower:
    """A connection. `seen()` yields the events as they arrive; `last_id` is for a reconnection."""

    def __init__(self, response: httpx.Response, last_id: str | None) -> None:
        self.response = response
        self.last_id = last_id
        self.comments: list[str] = []
        self._lines = response.iter_lines()

    def seen(self) -> Iterator[ReceivedEvent]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                assert name not in fields, "each field comes once"
                fields[name] = value
            else:
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    yield ReceivedEvent(int(fields["id"]), fields["event"], msgspec.json.decode(fields["data"]))
                fields = {}

    def begin(self) -> None:
        """Read until the stream has sent its first id."""
        for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
                next(self._lines)
                return
        raise AssertionError("the stream ended")


class ComeBackLater(Exception):
    """The service was too busy (503), as it may be on a loaded machine."""


@contextmanager
def following(url: str, last_id: str | None = None, **query: Any) -> Iterator[Follower]:
    """Follow the log of the service at `url`. Raises ComeBackLater.

    The client reads no certificates: for each of many clients that would take longer than a test.
    """
    headers = {"Last-Event-ID": last_id} if last_id is not None else {}
    address = f"{url}/api/v2/events/stream"
    with (
        httpx.Client(verify=False, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", address, params=query, headers=headers) as response,
    ):
        if response.status_code == 503:
            raise ComeBackLater
        assert response.status_code == 200, response.read()
        yield Follower(response, last_id)
