"""Clients who never give up: each command carries a key and is sent until it is answered, whatever dies meanwhile."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
from msgspec import Struct, field

from app.main import PROJECTIONS
from tests.support.sample_items import an_item

GIVES_UP_SECONDS = 90.0
PAUSE_SECONDS = 0.05
WRITERS = 4


class ItemStory(Struct):
    """The answers that one client received."""

    item_id: int = 0
    names: list[str] = field(default_factory=list)
    """Of each acknowledged version, in order."""
    refused: int = 0
    """Requests that were not answered, or with 503."""
    silent_seconds: float = 0.0
    """The longest time between two answers."""


class Clients:
    """A few of them, each with an item of its own that it renames over and over."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stories = [ItemStory() for _ in range(WRITERS)]
        self.ended = Event()

    @property
    def acknowledged(self) -> int:
        return sum(len(story.names) for story in self.stories)

    def until_acknowledged(self, more: int) -> None:
        """Wait until so many more commands were answered."""
        enough, deadline = self.acknowledged + more, time.monotonic() + GIVES_UP_SECONDS
        while self.acknowledged < enough:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.01)

    def write(self, story: ItemStory) -> None:
        with httpx.Client() as client:
            while not self.ended.is_set():
                name = f"name {len(story.names) + 1}"
                answer = (
                    self._sent(client, story, "PUT", f"/items/{story.item_id}", {"name": name})
                    if story.item_id
                    else self._sent(client, story, "POST", "/items", an_item(name=name))
                )
                story.item_id = answer["id"]
                story.names.append(name)
                assert answer["version"] == len(story.names)
                assert answer["name"] == name

    def _sent(self, client: httpx.Client, story: ItemStory, method: str, path: str, body: Any) -> dict[str, Any]:
        """The answer to a command, which is sent again, with its key, until there is one."""
        headers = {"Idempotency-Key": str(uuid4())}
        began = time.monotonic()
        while True:
            try:
                response = client.request(method, f"{self.url}/api/v2{path}", json=body, headers=headers)
            except httpx.TransportError:
                pass
            else:
                if response.is_success:
                    story.silent_seconds = max(story.silent_seconds, time.monotonic() - began)
                    answer: dict[str, Any] = response.json()
                    return answer
                assert response.status_code == 503, response.text
            story.refused += 1
            assert time.monotonic() - began < GIVES_UP_SECONDS, f"{method} {path} was never answered"
            time.sleep(PAUSE_SECONDS)

    def check(self) -> None:
        """Each command was carried out once, and everything is what the log says."""
        with httpx.Client(base_url=f"{self.url}/api/v2") as client:
            for story in self.stories:
                history = client.get(f"/items/{story.item_id}/history").json()
                assert history["event_count"] == len(story.names)
                assert history["current"]["name"] == story.names[-1]
            for projection in (each.name for each in PROJECTIONS):
                verified = client.post(f"/projections/{projection}/verify").json()
                assert verified["differing_count"] == 0, verified


@contextmanager
def writing(url: str) -> Iterator[Clients]:
    """Clients at work; at the end each has its last command answered, and then all is checked."""
    clients = Clients(url)
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(clients.write, story) for story in clients.stories]
        try:
            clients.until_acknowledged(WRITERS * 3)
            yield clients
            clients.until_acknowledged(WRITERS * 3)
        finally:
            clients.ended.set()
        for each in running:
            each.result()
    clients.check()
