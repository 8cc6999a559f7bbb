"""Law 3, second half: an answer as of a settled instant never changes, despite any writers and any clock."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any

import msgspec
import psycopg
from msgspec import structs

from app.engine.background.rebuild import rebuild
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents, RollupDocuments
from app.engine.queries.listing import Listing, Near
from app.engine.store.high_water_mark import advance_mark
from projections.items import Item, Items
from projections.owners import Owners
from tests.support.appending import append, json_as_bytes
from tests.support.patience import patient_settings
from tests.support.reference_model import ReferenceModel, whole_log
from tests.support.settable_clock import settable_clock
from tests.support.workload import SPADE, SWAPPED, write_directly

WRITERS = 4
SECONDS = 2.5
INSTANTS_MIN = 6
"""A busy machine reads on until it has as many."""
OWNERS = [f"owner {n}" for n in range(3)]
LISTINGS = (
    Listing(order="created_at", equal={"status": "active"}, limit=20),
    Listing(order="updated_at", equal={"category": "category 1"}, limit=50),
    Listing(order="name", search="spades", limit=20, offset=3),
    Listing(order=None, near=Near(latitude=52.0, longitude=13.0), limit=20),
    Listing(order="created_at", equal={"owner_id": OWNERS[0]}, limit=1000),
)

Answers = tuple[Any, ...]


class Reader:
    """Makes every kind of read as of an instant."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.items = Documents(database, Items)
        self.owners = RollupDocuments(database, Owners)

    async def settled_instant(self) -> datetime:
        async with self.database.connection() as connection:
            return (await advance_mark(connection)).instant

    async def answers(self, instant: datetime) -> Answers:
        pages = [await self.items.list_page(structs.replace(each, as_of=instant)) for each in LISTINGS]
        counted = await self.items.count_by("category", "status", as_of=instant)
        owners = [await self.owners.get(owner, instant) for owner in OWNERS]
        items = [await self.items.get_as_of(stream, instant) for stream in range(1, 20)]
        return ([(page.json, page.last) for page in pages], sorted(counted), owners, items)


@asynccontextmanager
async def a_reader(conninfo: str) -> Any:
    async with Database(conninfo, patient_settings().pool) as database:
        yield Reader(database)


async def read_again_and_again(conninfo: str, until: float) -> dict[datetime, Answers]:
    """Repeat the reads as of each instant; every answer must equal the first one, which is returned."""
    first: dict[datetime, Answers] = {}
    async with a_reader(conninfo) as reader:
        while time.monotonic() < until or len(first) < INSTANTS_MIN:
            instant = await reader.settled_instant()
            first[instant] = await reader.answers(instant)
            earlier = list(first)[len(first) // 2]
            assert await reader.answers(earlier) == first[earlier]
    return first


async def read_all(conninfo: str, instants: list[datetime]) -> dict[datetime, Answers]:
    async with a_reader(conninfo) as reader:
        return {instant: await reader.answers(instant) for instant in instants}


def test_answers_as_of_settled_instants_stay_the_same_among_writers_who_hold_on_and_roll_back(
    connection: psycopg.Connection,
) -> None:
    """Rebuilds swap all tables meanwhile. At the end some of the answers are recomputed from the log."""
    conninfo, start, ended = connection.info.dsn, Barrier(WRITERS + 1), Event()
    with ThreadPoolExecutor(WRITERS + 2) as pool:
        writers = [pool.submit(write_directly, conninfo, n, start, lambda _: ended.is_set()) for n in range(WRITERS)]
        try:
            start.wait()
            reading = pool.submit(asyncio.run, read_again_and_again(conninfo, time.monotonic() + SECONDS))
            asyncio.run(rebuild(conninfo, Items))
            first = reading.result()
        finally:
            ended.set()
        assert all(writer.result() for writer in writers)
    assert len(first) >= INSTANTS_MIN
    assert asyncio.run(read_all(conninfo, list(first))) == first
    json_as_bytes(connection)
    log = whole_log(connection, Items.registry)
    for instant in list(first)[:: len(first) // 5]:
        assert_as_recomputed(ReferenceModel(log, instant), first[instant])


def assert_as_recomputed(world: ReferenceModel, answers: Answers) -> None:
    pages, counted, owners, _ = answers
    for listing, (page, _) in zip(LISTINGS, pages, strict=True):
        if listing.near is None:
            expected = world.listed(listing)[listing.offset : listing.offset + listing.limit]
            assert msgspec.json.decode(page, type=list[Item]) == expected
    assert {tuple(keys): count for *keys, count in counted} == world.counted("category", "status")
    assert [owner and Owners().canonical_json(owner) for owner in owners] == [world.owners().get(o) for o in OWNERS]


def test_the_past_does_not_change_when_the_clock_steps_back(connection: psycopg.Connection) -> None:
    """The clock steps back an hour after an instant was settled, and later forward again."""
    conninfo = connection.info.dsn
    with settable_clock(connection) as set_clock:
        streams = [append(connection, None, [SPADE, SWAPPED])[0] for _ in range(5)]
        first = asyncio.run(settle_and_read(conninfo))
        recorded = [append(connection, streams[0], [SPADE])[3]]
        first |= asyncio.run(settle_and_read(conninfo))
        assert max(first) > recorded[0] > min(first)
        for amount in (timedelta(hours=-1), timedelta(hours=-2), timedelta(0)):
            mark = max(first)
            set_clock(amount)
            recorded = [append(connection, stream, [SWAPPED])[3] for stream in streams]
            recorded += [append(connection, None, [SPADE, SWAPPED])[3] for _ in range(3)]
            assert min(recorded) > mark
            assert asyncio.run(read_all(conninfo, list(first))) == first
            first |= asyncio.run(settle_and_read(conninfo))
            assert max(first) >= mark
        assert max(first) > max(recorded)
    assert asyncio.run(read_all(conninfo, list(first))) == first


async def settle_and_read(conninfo: str) -> dict[datetime, Answers]:
    async with a_reader(conninfo) as reader:
        instant = await reader.settled_instant()
        return {instant: await reader.answers(instant)}


def test_without_the_mark_the_past_would_change_when_the_clock_steps_back(connection: psycopg.Connection) -> None:
    """The control: if the past stayed the same without the mark, the test above would prove nothing."""
    with settable_clock(connection) as set_clock:
        append(connection, None, [SPADE])
        first = asyncio.run(settle_and_read(connection.info.dsn))
        set_clock(timedelta(hours=-1))
        connection.execute("update catalog.settled set noted_instant = '-infinity'")
        append(connection, None, [SPADE])
        assert asyncio.run(read_all(connection.info.dsn, list(first))) != first
