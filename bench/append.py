"""How many commands a second? The handler and the function under it; the floor: one-row INSERTs by pgbench.

python -m bench.append

All write to the same server with its default durability. The floor is pgbench, which itself costs next to nothing: each
INSERT is one event in a table like ours. The second floor also stores a document. An update by the handler loads the
item, decides, and appends the event, the document and its history. The peer, `eventsourcing`, loads the item, changes
it and saves its event.
"""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, cycle
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from app.domain.item import Command, CreateItem, UpdateItem
from app.engine.events.event import Metadata
from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.pool import Database, PoolSettings
from app.engine.store.command_handler import CommandHandler
from app.main import item_decider
from bench import peer
from bench.data import new_items
from bench.load import Sample
from bench.measure import a_database, another_database, console, sampled, scaled
from bench.rows import Report, reporting

COMMANDS = scaled(tiny=16, small=96, full=640)
ROUNDS = scaled(tiny=1, small=3, full=9)
AT_ONCE = (1, 4, 16)
PEER_AT_ONCE = 4
"""More threads do not make the peer faster: it writes one at a time."""
ITEMS = scaled(tiny=20, small=200, full=2_000)
"""The number of items. They are updated in turn, so simultaneous updates go to different items."""

TABLES = """
create schema bare;
create table bare.events (like catalog.log including all);
create table bare.items (id integer primary key, document jsonb not null);
create sequence bare.ids;
"""
INSERT = """
insert into bare.events (event_id, stream_id, version, type, recorded_at, data, metadata)
values (gen_random_uuid(), nextval('bare.ids'), 1, 'item_created', clock_timestamp(), '{data}', '{metadata}')
"""
INSERT_BOTH = f"""
with event as ({INSERT} returning stream_id, data)
insert into bare.items select stream_id, data from event returning document
"""
APPEND = "select documents from catalog.append_to_stream(null, null, %s, %s)"

SPADE = CreateItem(
    name="Garden spade",
    description="Sharp, hardly used. " * 5,
    category="tools",
    image_urls=("https://images.example/spade.jpg",),
    location_lat=52.52,
    location_lon=13.405,
    owner_id="alice",
)
BENCH = Metadata(user_id="bench")
NEW = [msgspec.convert(fields, CreateItem) for fields in new_items(ITEMS)]

Way = Callable[[], Sample]


class Ours:
    """The handler and the function under it, through one pool, on an event loop in a thread of its own."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self.database = database
        self.loop = loop
        self.handler = CommandHandler(database, item_decider)
        self.items: list[int] = []
        self.new = cycle(NEW)

    async def fill(self) -> None:
        for item in NEW:
            self.items.append((await self.handler.handle(item, BENCH)).stream_id)

    async def append(self) -> None:
        created = Jsonb([{"type": "item_created", **msgspec.to_builtins(next(self.new))}])
        async with self.database.connection() as connection:
            await connection.execute(APPEND, (created, Jsonb({"user_id": "bench"})), prepare=True)

    async def create(self) -> None:
        await self.handler.handle(next(self.new), BENCH)

    def update(self) -> Callable[[], Awaitable[None]]:
        turns = count()

        async def change() -> None:
            turn = next(turns)
            command: Command = UpdateItem(name=f"Garden spade, number {turn}")
            await self.handler.handle(command, BENCH, self.items[turn % ITEMS])

        return change

    def many(self, way: Callable[[], Awaitable[None]], at_once: int) -> Way:
        return lambda: asyncio.run_coroutine_threadsafe(_load(way, at_once), self.loop).result()


async def _load(way: Callable[[], Awaitable[None]], at_once: int) -> Sample:
    latencies: list[float] = []

    async def worker() -> None:
        for _ in range(COMMANDS // at_once):
            start = time.perf_counter()
            await way()
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return Sample(time.perf_counter() - start, latencies)


def theirs(catalog: peer.PeerCatalog, items: Sequence[UUID], turns: Iterator[int], threads: int) -> Way:
    """The peer's update: load, modify, save."""

    def work(_: int) -> list[float]:
        latencies = []
        for _ in range(COMMANDS // threads):
            start = time.perf_counter()
            turn = next(turns)
            catalog.update(items[turn % ITEMS], name=f"Garden spade, number {turn}")
            latencies.append(time.perf_counter() - start)
        return latencies

    def run() -> Sample:
        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            latencies = [each for of_it in pool.map(work, range(threads)) for each in of_it]
            return Sample(time.perf_counter() - start, latencies)

    return run


def pgbench(conninfo: str, statement: str, at_once: int) -> Way:
    """Run one statement repeatedly with pgbench; it measures the rate and logs every latency."""
    data, metadata = msgspec.json.encode(NEW[0]).decode(), msgspec.json.encode(BENCH).decode()

    def run() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            filled = statement.format(data=data, metadata=metadata)
            (Path(folder) / "script.sql").write_text(f"{' '.join(filled.split())};")
            program = [str(embedded_binaries() / "pgbench"), "--no-vacuum", "--protocol=prepared", "--log"]
            load = [f"--client={at_once}", f"--transactions={COMMANDS // at_once}", "--file=script.sql"]
            subprocess.run([*program, *load, conninfo], cwd=folder, check=True, capture_output=True)
            (log,) = Path(folder).glob("pgbench_log.*")
            return _logged(log.read_text())

    return run


def _logged(log: str) -> Sample:
    """Each line: client, transaction, microseconds it took, script, and when it ended, in seconds and microseconds."""
    lines = [[int(field) for field in line.split()] for line in log.splitlines()]
    latencies = [line[2] / 1e6 for line in lines]
    ends = [line[4] + line[5] / 1e6 for line in lines]
    first = min(end - latency for end, latency in zip(ends, latencies, strict=True))
    return Sample(max(ends) - first, latencies)


async def measure(report: Report, conninfo: str, catalog: peer.PeerCatalog) -> None:
    their_items = [catalog.create(**msgspec.to_builtins(item)) for item in NEW]
    turns = count()
    async with Database(conninfo, PoolSettings(size=max(AT_ONCE))) as database:
        ours = Ours(database, asyncio.get_running_loop())
        await ours.fill()
        update = ours.update()
        for at_once in AT_ONCE:
            threads = min(at_once, PEER_AT_ONCE)
            peers = f"eventsourcing, {threads} thread{'s' if threads > 1 else ''}"
            ways = {
                "pgbench, INSERT of an event (floor)": pgbench(conninfo, INSERT, at_once),
                "pgbench, INSERT of event and document": pgbench(conninfo, INSERT_BOTH, at_once),
                "append_to_stream": ours.many(ours.append, at_once),
                "handler: create an item": ours.many(ours.create, at_once),
                "handler: update an item": ours.many(update, at_once),
                peers: theirs(catalog, their_items, turns, threads),
            }
            samples = await asyncio.to_thread(sampled, ways, ROUNDS)
            sizes = {"items": ITEMS, "at_once": at_once, "round": COMMANDS}
            report.loads(f"Commands, {at_once} at a time", samples, "commands", peers=(peers,), sizes=sizes)


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(TABLES)
        with (
            reporting("append", connection) as report,
            peer.opened(another_database(conninfo, "peer")) as catalog,
        ):
            asyncio.run(measure(report, conninfo, catalog))
    console.print(
        f"Medians of {ROUNDS} rounds of {COMMANDS} in turns, ours through one psycopg pool, all in one process."
    )


if __name__ == "__main__":
    main()
