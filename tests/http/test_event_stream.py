"""`GET /events/stream`: each settled event once and in order, whoever reconnects, is slow, or is told to stop."""

import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import islice
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest

from app.domain.events import ItemCreated, ItemStatusChanged
from tests.support.appending import append
from tests.support.metrics_page import open_streams
from tests.support.patience import until
from tests.support.response_shapes import events_of
from tests.support.sample_items import an_item, created
from tests.support.service_process import (
    STARTS_WITHIN_SECONDS,
    free_port,
    resident_mebibytes,
    running_service,
    wait_until_healthy,
)
from tests.support.sse_client import ComeBackLater, Follower, following

WRITERS = 8
EVENTS_PER_WRITER = 100
LEAVES_AFTER_EVENT = 0.05


@pytest.fixture(scope="module")
def own(module_conninfo: str) -> Iterator[str]:
    """The address of a service with a database of this module's own."""
    with running_service({"DATABASE_URL": module_conninfo}) as (url, _):
        yield url


@pytest.fixture
def client(own: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{own}/api/v2", timeout=30) as opened:
        yield opened


def take(follower: Follower, count: int) -> list[int]:
    """The positions of the next events."""
    return [seen.id for seen in islice(follower.seen(), count)]


def write(conninfo: str, url: str, seed: int) -> int:
    """Append events through SQL, some rolled back, some held open, and through HTTP; how many were committed."""
    chance = random.Random(seed)
    start = ItemCreated(**an_item())
    change = ItemStatusChanged(old_status="active", new_status="swapped")
    committed = 0
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        httpx.Client(base_url=f"{url}/api/v2", timeout=30, verify=False) as client,
    ):
        while committed < EVENTS_PER_WRITER:
            kind, events = chance.random(), [start, change, change]
            if kind < 0.1:
                created(client)
                committed += 1
                continue
            with connection.transaction(force_rollback=kind < 0.2):
                append(connection, None, events)
                if kind < 0.3:
                    connection.execute("select pg_sleep(%s)", (chance.random() * 0.01,))
            committed += 0 if kind < 0.2 else len(events)
    return committed


def follow_restlessly(urls: list[str], start: int, seed: int, done: Event, seen: list[int]) -> int:
    """Follow from a position, leave at random moments, come back elsewhere; how often it came back."""
    chance = random.Random(seed)
    last_id, connections = str(start), 0
    while not done.is_set():
        with suppress(ComeBackLater), following(chance.choice(urls), last_id) as follower:
            connections += 1
            for event in follower.seen():
                seen.append(event.id)
                if chance.random() < LEAVES_AFTER_EVENT or done.is_set():
                    break
            last_id = follower.last_id or last_id
    return connections


def test_clients_that_reconnect_at_random_see_each_settled_event_once_and_in_order(
    own: str, module_conninfo: str
) -> None:
    """Under writers that roll back and hold transactions open, on two services of one database."""
    conninfo, done = module_conninfo, Event()
    start = newest(conninfo)
    with (
        running_service({"DATABASE_URL": conninfo}) as (other, _),
        ThreadPoolExecutor(WRITERS + 3) as pool,
    ):
        seen: list[list[int]] = [[], [], []]
        followers = [pool.submit(follow_restlessly, [own, other], start, n, done, seen[n]) for n in range(3)]
        writers = [pool.submit(write, conninfo, [own, other][n % 2], n) for n in range(WRITERS)]
        try:
            committed = sum(writer.result() for writer in writers)
            last = newest(conninfo)
            until(lambda: all(each and each[-1] >= last for each in seen) or failed(followers), "an event did not come")
        finally:
            done.set()
            wake(own, len(followers))
        connections = [follower.result() for follower in followers]
    with psycopg.connect(conninfo) as connection:
        query = "select position from catalog.events where position > %s order by position"
        log = [position for (position,) in connection.execute(query, (start,))]
    upto = log.index(last) + 1
    assert upto == committed >= WRITERS * EVENTS_PER_WRITER
    for each in seen:
        assert each[:upto] == log[:upto]
    assert min(connections) > 10


def wake(url: str, times: int) -> None:
    """Store events, since who follows notices that it is done when one comes."""
    with httpx.Client(base_url=f"{url}/api/v2") as client:
        for _ in range(times):
            created(client)


def newest(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        (position,) = connection.execute("select coalesce(max(position), 0) from catalog.events").fetchone() or (0,)
    return int(position)


def failed(followers: list[Future[int]]) -> bool:
    return any(follower.done() for follower in followers)


def position_of(client: httpx.Client, item: dict[str, Any]) -> int:
    """The position of the item's newest event."""
    return int(events_of(client, item["id"])[-1]["sequence"])


def settled(client: httpx.Client, position: int) -> None:
    until(lambda: client.get("/projections").json()["settled_position"] >= position, "the log was not settled")


def test_an_event_says_what_it_is(own: str, client: httpx.Client) -> None:
    item = created(client)
    position = position_of(client, item)
    with following(own, after=position - 1) as follower:
        assert follower.response.headers["Content-Type"] == "text/event-stream"
        event = next(follower.seen())
    assert (event.id, event.event) == (position, "item_created")
    assert event.data == client.get("/events", params={"after": position - 1}).json()[0]
    assert event.data["subject"] == str(item["id"])


def test_a_stream_begins_now_behind_a_position_or_behind_the_last_event_seen(own: str, client: httpx.Client) -> None:
    first, second, third = (position_of(client, created(client)) for _ in range(3))
    settled(client, third)
    with following(own) as now:
        now.begin()
        assert now.last_id == str(third)
        fourth = position_of(client, created(client))
        assert take(now, 1) == [fourth]
    with following(own, after=first) as follower:
        assert take(follower, 3) == [second, third, fourth]
    with following(own, last_id=str(second), after=0) as follower:
        assert take(follower, 2) == [third, fourth], "a browser comes back to the same address, with the id"


def test_a_stream_begins_with_the_first_event_of_the_log(own: str, client: httpx.Client) -> None:
    created(client)
    with following(own, after=0) as follower:
        assert take(follower, 1) == [int(client.get("/events", params={"limit": 1}).json()[0]["position"])]


def test_a_client_that_saw_no_event_yet_misses_none(own: str, client: httpx.Client) -> None:
    settled(client, position_of(client, created(client)))
    with following(own) as first:
        first.begin()
    later = position_of(client, created(client))
    with following(own, last_id=first.last_id) as again:
        assert take(again, 1) == [later]


def test_a_stream_of_some_events_has_no_others(own: str, client: httpx.Client) -> None:
    items = [created(client) for _ in range(3)]
    before, start = (position_of(client, items[n]) for n in (1, 2))
    with (
        following(own, after=start, type="item_deleted") as deleted,
        following(own, after=0, item_id=items[1]["id"]) as one,
    ):
        for item in items:
            client.delete(f"/items/{item['id']}")
        assert [seen.event for seen in islice(deleted.seen(), 3)] == ["item_deleted"] * 3
        assert take(one, 2) == [before, position_of(client, items[1])]


def test_head_does_not_go_on_for_ever(own: str) -> None:
    response = httpx.head(f"{own}/api/v2/events/stream")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_service_told_to_stop_ends_its_streams_and_exits_with_0(conninfo: str, told: signal.Signals) -> None:
    """The server would break off a stream that does not end by itself."""
    with running_service({"DATABASE_URL": conninfo}) as (url, process), ExitStack() as stack:
        streams = [stack.enter_context(following(url)) for _ in range(20)]
        for stream in streams:
            stream.begin()
        process.send_signal(told)
        for stream in streams:
            assert list(stream.seen()) == [], "it ends as a whole answer does, not as a broken one"
        assert process.wait(timeout=STARTS_WITHIN_SECONDS) == 0


def test_the_events_of_one_service_are_seen_at_another_also_when_the_leader_is_killed(conninfo: str) -> None:
    with running_service({"DATABASE_URL": conninfo}) as (follower_url, _), ExitStack() as services:
        writers = [services.enter_context(running_service({"DATABASE_URL": conninfo})) for _ in range(2)]
        with following(follower_url, after=0) as follower:
            for count, (url, process) in enumerate(writers, 1):
                assert httpx.post(f"{url}/api/v2/items", json=an_item()).status_code == 201
                assert take(follower, 1) == [count]
                process.kill()


@pytest.fixture
def impatient(conninfo: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A service that cuts off after half a second who takes nothing, and is silent for half a second at most."""
    settings = "s.SLOW_CONSUMER_SECONDS = s.KEEP_ALIVE_EVERY_SECONDS = 0.5"
    program = f"import app.http.wire.server_sent_events as s; {settings}; from app.cli.catalog import main; main()"
    port = free_port()
    command = [sys.executable, "-c", program, "serve", "--port", str(port)]
    with subprocess.Popen(
        command, env={"DATABASE_URL": conninfo, "PYTHONPATH": "."}, stderr=subprocess.PIPE
    ) as process:
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait(timeout=STARTS_WITHIN_SECONDS)


def test_a_silent_stream_shows_that_it_lives(impatient: tuple[str, Any]) -> None:
    with following(impatient[0]) as follower:
        lines = follower.response.iter_lines()
        comments = list(islice((line for line in lines if line.startswith(":")), 3))
    assert comments == [": keep-alive"] * 3


def test_a_client_that_takes_nothing_is_cut_off_costs_no_memory_and_loses_nothing(
    impatient: tuple[str, "subprocess.Popen[bytes]"], conninfo: str
) -> None:
    url, process = impatient
    with psycopg.connect(conninfo, autocommit=True) as connection:
        long = ItemCreated(**an_item(description="d " * 2500))
        for _ in range(200):
            append(connection, None, [long] * 20)
        last = newest(conninfo)
    until(lambda: httpx.get(f"{url}/api/v2/projections").json()["settled_position"] >= last, "the log was not settled")
    before = resident_mebibytes(process.pid)
    with socket.socket() as lazy:
        lazy.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        lazy.sendall(b"GET /api/v2/events/stream?after=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: open_streams(url) == 1, "the stream did not begin")
        until(lambda: open_streams(url) == 0, "it was not cut off")
        assert resident_mebibytes(process.pid) - before < 10, "20 MiB of events lie ready"
        received = b""
        while chunk := lazy.recv(65536):
            received += chunk
    ids = [int(line[4:]) for line in received.split(b"\n") if line.startswith(b"id: ")]
    assert ids == list(range(1, len(ids) + 1))
    assert 0 < len(ids) < last
    with following(url, last_id=str(ids[-2])) as follower:
        assert take(follower, last - ids[-2]) == list(range(ids[-2] + 1, last + 1))
