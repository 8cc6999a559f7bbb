"""Whoever waits in the service is woken by the event itself: each poll and each time limit is raised to an hour."""

import ast
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from app.engine.background import projection_admin, projector
from app.engine.store import mark_watcher
from app.http.wire import server_sent_events
from tests.support.appending import append
from tests.support.in_process_service import InProcessService, in_process_service, until
from tests.support.operator_commands import fetch_value
from tests.support.sample_items import an_item
from tests.support.workload import SPADE, is_caught_up, poison

pytestmark = pytest.mark.anyio

HOUR = 3600.0
SETTLE = "select catalog.publish_mark(position, instant) from catalog.begin_mark()"
READS_LOG = "as entry on true"
READS_MARK = "select position from catalog.settled"
POLLS = 20
EVENTS = 10

WAITERS = {
    ("app/main.py", "Event"): "stopping, which the server sets: test_streams_end_when_the_service_stops",
    ("app/cli/catalog.py", "Event"): "stopping, given to the server: tests/http/test_event_stream.py",
    ("app/engine/background/projector.py", "Event"): "tests/engine/background/test_leader.py, and here",
    ("app/engine/background/projection_admin.py", "Event"): "test_a_rebuild_is_answered_when_it_has_begun",
    ("app/engine/store/mark_watcher.py", "Event"): "the streams here",
    ("app/http/server/protocol.py", "Event"): "of a refused request, which waits for nothing",
    ("app/http/auth/public_keys.py", "Event"): "tests/http/auth/test_public_keys.py",
    ("app/http/auth/public_keys.py", "Condition"): "tests/http/auth/test_public_keys.py",
    ("app/engine/postgres/embedded_server.py", "Event"): "of a thread: tests/engine/postgres/test_embedded_server.py",
}
"""Every event and condition of the product, and the test in which a lost wake-up would never end."""


@pytest.fixture(autouse=True)
def no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark's poll stays: it is how a process learns of a mark that another one has moved."""
    monkeypatch.setattr(projector, "IDLE_SECONDS", (HOUR, HOUR))
    monkeypatch.setattr(projector, "MAINTENANCE_SECONDS", HOUR)
    monkeypatch.setattr(projection_admin, "REBUILD_STARTS_WITHIN_SECONDS", HOUR)
    monkeypatch.setattr(server_sent_events, "KEEP_ALIVE_EVERY_SECONDS", HOUR)
    monkeypatch.setattr(server_sent_events, "SLOW_CONSUMER_SECONDS", HOUR)
    monkeypatch.setattr(mark_watcher, "UNAVAILABLE_RETRY_SECONDS", HOUR)
    monkeypatch.setattr(mark_watcher, "MARK_POLL_SECONDS", 0.01)


def test_every_event_and_condition_of_the_product_has_a_test() -> None:
    found = set()
    for path in Path("app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                module = node.func.value
                kind = node.func.attr
                if isinstance(module, ast.Name) and module.id in ("asyncio", "threading"):
                    found |= {(str(path), kind)} if kind in ("Event", "Condition", "Future", "Barrier") else set()
    assert found == WAITERS.keys()


async def created(client: httpx.AsyncClient) -> int:
    response = await client.post("/items", json=an_item())
    assert response.status_code == 201
    return int(response.json()["id"])


async def create(client: httpx.AsyncClient, _: int) -> httpx.Response:
    return await client.post("/items", json=an_item())


async def create_with_a_key(client: httpx.AsyncClient, _: int) -> httpx.Response:
    return await client.post("/items", json=an_item(), headers={"Idempotency-Key": "once"})


async def change(client: httpx.AsyncClient, item: int) -> httpx.Response:
    return await client.put(f"/items/{item}", json={"name": "Rake"})


async def change_status(client: httpx.AsyncClient, item: int) -> httpx.Response:
    return await client.patch(f"/items/{item}/status?new_status=swapped")


async def delete(client: httpx.AsyncClient, item: int) -> httpx.Response:
    return await client.delete(f"/items/{item}")


async def restore(client: httpx.AsyncClient, item: int) -> httpx.Response:
    return await client.post(f"/items/{item}/restore?version=1")


async def import_one(client: httpx.AsyncClient, _: int) -> httpx.Response:
    return await client.post("/items/import", json=[an_item()])


@pytest.mark.parametrize(
    "send",
    [create, create_with_a_key, change, change_status, delete, restore, import_one],
    ids=lambda send: send.__name__,
)
async def test_whatever_stores_an_event_wakes_the_projector(
    conninfo: str, monkeypatch: pytest.MonkeyPatch, send: Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]
) -> None:
    async with in_process_service(conninfo, monkeypatch) as service, service.client() as client:
        item = await created(client)
        if send is restore:
            await change(client, item)
        await until(lambda: is_caught_up(conninfo), "the item is counted")
        response = await send(client, item)
        assert response.is_success, response.text
        await until(lambda: is_caught_up(conninfo), "the projector is woken")


async def test_a_resumed_projection_is_caught_up_at_once(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event behind the skipped one still waits to be applied."""
    poison(connection)
    append(connection, None, [SPADE])
    async with in_process_service(conninfo, monkeypatch) as service, service.client() as client:
        state = "select state from catalog.projections where name = 'owners'"
        await until(lambda: fetch_value(connection, state) == "stopped", "the event stops it")
        response = await client.post("/projections/owners/resume?skip=true")
        assert response.is_success, response.text
        await until(lambda: is_caught_up(conninfo), "the projector is woken")


async def test_an_event_that_another_process_has_settled_reaches_every_follower(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following("/events/stream?after=0") as first,
        service.following("/events/stream?after=0&type=item_created") as second,
    ):
        for _ in range(5):
            _, _, position, _, _ = append(connection, None, [SPADE])
            connection.execute(SETTLE)
            for follower in (first, second):
                await follower.until_received(b"id: %d\n" % position)


async def test_a_follower_that_leaves_takes_nothing_from_those_that_stay(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following("/events/stream?after=0") as staying,
    ):
        await staying.until_received(b"retry: ")
        for _ in range(2):
            async with service.following("/events/stream?after=0") as leaving:
                await leaving.until_received(b"retry: ")
            _, _, position, _, _ = append(connection, None, [SPADE])
            connection.execute(SETTLE)
            await staying.until_received(b"id: %d\n" % position)


async def test_a_stream_wakes_a_watcher_that_nobody_has_followed_for_long(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody follows, nobody polls, though a poll would begin at once."""
    monkeypatch.setattr(mark_watcher, "MARK_POLL_SECONDS", 0)
    async with in_process_service(conninfo, monkeypatch, projector="off") as service:
        for _ in range(2):
            async with service.following("/events/stream?after=0") as follower:
                _, _, position, _, _ = append(connection, None, [SPADE])
                connection.execute(SETTLE)
                await follower.until_received(b"id: %d\n" % position)
            polled = service.count(READS_MARK)
            async with service.client() as client:
                for _ in range(POLLS):
                    await client.get("/stats")
            assert service.count(READS_MARK) <= polled + 1


async def test_a_move_of_the_mark_while_a_page_is_being_sent_is_not_lost(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client takes nothing meanwhile, and the watcher has told of the move before the stream waits for it."""
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following("/events/stream?after=0") as follower,
    ):
        await follower.until_received(b"retry: ")
        for _ in range(3):
            follower.takes.clear()
            _, _, first, _, _ = append(connection, None, [SPADE])
            connection.execute(SETTLE)
            await follower.until_received(b"id: %d\n" % first)
            _, _, second, _, _ = append(connection, None, [SPADE])
            connection.execute(SETTLE)
            await polled(service, 3)
            follower.takes.set()
            await follower.until_received(b"id: %d\n" % second)


async def test_streams_end_when_the_service_stops(conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_process_service(conninfo, monkeypatch) as service:
        streams = [service.following("/events/stream?after=0"), service.following("/events/stream?type=item_deleted")]
        async with streams[0] as first, streams[1] as second:
            for stream in (first, second):
                await stream.until_received(b"retry: ")
            service.stopping.set()
            for stream in (first, second):
                await stream.ended()


async def test_a_rebuild_is_answered_when_it_has_begun(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader holds it up, so it does not end before the answer."""
    append(connection, None, [SPADE])
    with psycopg.connect(conninfo) as reader:
        reader.execute("select from catalog.items")
        async with in_process_service(conninfo, monkeypatch) as service, service.client() as client:
            response = await client.post("/projections/items/rebuild")
            assert response.status_code == 202, response.text
            reader.rollback()
            rebuilding = "select rebuild is null from catalog.projections where name = 'items'"
            await until(lambda: bool(fetch_value(connection, rebuilding)), "it ends")


@pytest.mark.parametrize("query", ["", "type=item_deleted", "user_id=nobody", "item_id=1&type=item_deleted"])
async def test_a_stream_reads_the_log_once_for_each_move_of_the_mark_however_long_nothing_matches(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    append(connection, None, [SPADE])
    connection.execute(SETTLE)
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following(f"/events/stream?after=0&{query}"),
    ):
        await until(lambda: service.count(READS_MARK) >= 2, "the stream has begun")
        await polled(service)
        assert service.count(READS_LOG) == 1, "nothing has happened"
        for _ in range(EVENTS):
            reads = service.count(READS_LOG)
            append(connection, None, [SPADE])
            connection.execute(SETTLE)
            await until(partial(has_read_more_than, service, reads), "the mark's move is seen")
            await polled(service, 3)
        await polled(service)
        assert service.count(READS_LOG) == 1 + EVENTS


def has_read_more_than(service: InProcessService, reads: int) -> bool:
    return service.count(READS_LOG) > reads


async def polled(service: InProcessService, times: int = POLLS) -> None:
    """Wait until the watcher has read the mark so many times more."""
    before = service.count(READS_MARK)
    await until(lambda: service.count(READS_MARK) >= before + times, "the mark is read")


async def test_a_filtered_stream_far_behind_reads_each_bounded_page_once(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page scans three events, and none of them matches."""
    monkeypatch.setattr("app.engine.store.log_reader.SCANNED_EVENTS_MAX", 3)
    for _ in range(30):
        append(connection, None, [SPADE])
    connection.execute(SETTLE)
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following("/events/stream?after=0&type=item_deleted"),
    ):
        await until(lambda: service.count(READS_LOG) >= 10, "it scans to the mark")
        await polled(service)
        assert service.count(READS_LOG) <= 11
