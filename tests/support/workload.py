"""Load for the background's tests: writers of every kind, an audit of what is applied, projectors to be killed."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import httpx
import psycopg
from msgspec import structs
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.concurrency import cancel_and_wait
from app.domain.events import ItemCreated, ItemStatusChanged
from app.engine.background.checkpoints import catch_up
from app.engine.background.projector import Projector
from app.engine.background.verify import verify
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import advance_mark
from app.main import PROJECTIONS
from tests.support.appending import METADATA, append
from tests.support.every_event import EveryEvent
from tests.support.sample_items import an_item

SOON_SECONDS = 60.0
SPADE = ItemCreated(**an_item(image_urls=()))
SWAPPED = ItemStatusChanged(old_status="active", new_status="swapped", reason=None)
POISON = {key: value for key, value in an_item().items() if key != "owner_id"} | {"type": "item_created"}
UNCATEGORISED = {"type": "item_updated", "changes": {"category": None}, "previous_values": {}}

AUDIT = """
create table public.applied (name text not null, position bigint not null);
create function public.note_applied() returns trigger language plpgsql as $$
begin
    insert into public.applied (name, position)
    select new.name, events.position
    from catalog.events
    where events.position > old.position and events.position <= new.position;
    return null;
end $$;
create trigger note_applied after update of position on catalog.projections
for each row execute function public.note_applied();
"""


def audit(conninfo: str) -> None:
    """Record each event that a rollup applies, in the transaction that applies it."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(AUDIT)


def not_applied_once(conninfo: str) -> list[Any]:
    """(rollup, position, how often) of every event that each rollup has not been given exactly once."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(
            "select projections.name, events.position, count(applied.position)"
            " from catalog.projections cross join catalog.events"
            " left join public.applied on applied.name = projections.name and applied.position = events.position"
            " where background group by 1, 2 having count(applied.position) <> 1 order by 1, 2"
        ).fetchall()


async def catch_up_all(
    conninfo: str, batch_events: int = 1000, read_models: Sequence[AnyReadModel] = PROJECTIONS
) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await advance_mark(connection)
        for rollup in read_models:
            if rollup.is_async():
                await catch_up(connection, rollup.name, batch_events)


def poison(connection: psycopg.Connection, stream: int | None = None) -> int:
    """Append an item without an owner, or take the category of one, so that it has no document to count for.

    Answers with the event's position.
    """
    query = "select position from catalog.append_to_stream(%s, null, %s, %s)"
    event = POISON if stream is None else UNCATEGORISED
    (position,) = connection.execute(query, (stream, Jsonb([event]), METADATA)).fetchone() or (0,)
    return int(position)


def differences(conninfo: str) -> list[Any]:
    """The differences that verification finds in all read models."""
    return [each for read_model in PROJECTIONS for each in asyncio.run(verify(conninfo, read_model)).differing]


def until(holds: Callable[[], bool], within_seconds: float = SOON_SECONDS) -> float:
    """Wait until a condition holds; the seconds that took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_seconds, "it did not come about"
        time.sleep(0.02)
    return time.monotonic() - start


def is_caught_up(conninfo: str) -> bool:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        query = "select bool_and(lag_events = 0) from catalog.projection_lag"
        return connection.execute(query).fetchone() == (True,)


def some_events(chance: random.Random) -> list[Any]:
    """A new item's first events."""
    owner, category = f"owner {chance.randrange(50)}", f"category {chance.randrange(9)}"
    made = structs.replace(_events_from(chance).beginning(), owner_id=owner, category=category)
    return [made] + [some_change(chance) for _ in range(chance.randrange(4))]


def some_change(chance: random.Random) -> Any:
    """An event of any type that changes an item, with any of its fields."""
    return chance.choice(_events_from(chance).changes())


def _events_from(chance: random.Random) -> EveryEvent:
    return EveryEvent(chance.randrange(10**9))


def write_directly(conninfo: str, seed: int, start: Barrier, done: Callable[[int], bool]) -> int:
    """Append until done, some in transactions held open, some rolled back; the number of committed events."""
    chance, committed, streams = random.Random(seed), 0, [0]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        start.wait()
        while not done(committed):
            is_new = chance.random() < 0.5 or len(streams) < 5
            events = some_events(chance) if is_new else [some_change(chance)]
            kind = chance.random()
            with connection.transaction(force_rollback=kind > 0.95):
                stream = append(connection, None if is_new else chance.choice(streams[1:]), events)[0]
                if kind > 0.9:
                    connection.execute("select pg_sleep(%s)", (chance.random() * 0.02,))
            if kind <= 0.95:
                committed += len(events)
                streams += [stream] if is_new else []
    return committed


def write_over_http(url: str, seed: int, start: Barrier, done: Callable[[int], bool]) -> int:
    """Send commands until done; the number of their events. Every command must succeed."""
    chance, events, ids = random.Random(seed), 0, [0]
    with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:
        start.wait()
        while not done(events):
            if chance.random() < 0.5 or len(ids) < 5:
                response = client.post("/items", json=an_item(owner_id=f"owner {chance.randrange(50)}"))
                assert response.status_code == 201, response.text
                ids.append(response.json()["id"])
            else:
                name, text = f"name {chance.random()}", f"text {chance.random()}"
                changes = {"name": name, "description": text, "location_lat": chance.randrange(-90, 90)}
                response = client.put(f"/items/{chance.choice(ids[1:])}", json=changes)
                assert response.status_code == 200, response.text
            events += 1
    return events


RUNNER = """
import asyncio, sys
from app.main import PROJECTIONS
from app.engine.background.projector import Projector, catch_up
from app.engine.projection.rollup import Rollup
from app.engine.store.high_water_mark import settle
asyncio.run(Projector(sys.argv[1], PROJECTIONS).run())
"""


@contextmanager
def projector_process(conninfo: str) -> Iterator[subprocess.Popen[bytes]]:
    """A projector in a process of its own; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", RUNNER, conninfo], env=dict(os.environ)) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def idle_in_a_transaction_elsewhere(conninfo: str) -> Iterator[None]:
    """Somebody idle in a transaction in another database, with a transaction id of his own."""
    with psycopg.connect(conninfo, dbname="postgres") as connection:
        connection.execute("select pg_current_xact_id()")
        yield


async def run_for_a_while(projector: Projector, ended: Event, wakes: bool = False) -> None:
    """Run it until `ended`, which another thread sets; woken all the time, if it shall never be idle."""
    task = asyncio.create_task(projector.run())
    while not ended.is_set():
        await asyncio.sleep(0.02)
        if wakes:
            projector.wake()
    await cancel_and_wait(task)
