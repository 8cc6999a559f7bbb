"""How many commands a second? The handler, the function under it, and the floor: bare INSERTs of the same rows.

python -m bench.append
"""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
from psycopg.types.json import Jsonb

from app.database import Database
from app.events import Metadata
from app.handler import CommandHandler
from app.item import CreateItem
from app.main import item_decider
from app.settings import Settings
from bench.measure import a_database, console, in_turns, report, say_where

COMMANDS = 600
ROUNDS = 7
AT_ONCE = (1, 4, 16)

TABLES = """
create schema bare;
create table bare.events (like catalog.events including all);
create table bare.items (id integer primary key, document jsonb not null);
create sequence bare.ids;
"""
INSERT = """
with event as (
    insert into bare.events (event_id, stream_id, version, type, data, metadata, recorded_at)
    values (gen_random_uuid(), nextval('bare.ids'), 1, 'item_created', %(data)s, %(metadata)s, clock_timestamp())
    returning stream_id, data
)
insert into bare.items select stream_id, data from event returning document
"""
APPEND = "select documents from catalog.append_to_stream(null, null, %(events)s, %(metadata)s)"

SPADE = CreateItem(
    name="Garden spade",
    description="Sharp, hardly used. " * 5,
    category="tools",
    image_urls=("https://images.example/spade.jpg",),
    location_lat=52.52,
    location_lon=13.405,
    owner_id="alice",
)


async def measure(conninfo: str) -> None:
    fields = {name: getattr(SPADE, name) for name in SPADE.__struct_fields__}
    parameters = {
        "data": Jsonb(fields),
        "events": Jsonb([{"type": "item_created", **fields}]),
        "metadata": Jsonb({"user_id": "bench"}),
    }
    async with Database(conninfo, Settings(catalog_pool_size=16)) as database:
        handler = CommandHandler(database, item_decider)

        async def execute(statement: str) -> None:
            async with database.connection() as connection:
                await connection.execute(statement, parameters, prepare=True)

        async def command() -> None:
            await handler.handle(SPADE, Metadata(user_id="bench"))

        loop = asyncio.get_running_loop()
        for at_once in AT_ONCE:

            def many(way: Callable[[], Awaitable[None]], at_once: int = at_once) -> Callable[[], object]:
                return lambda: asyncio.run_coroutine_threadsafe(_run(way, at_once), loop).result()

            ways = {
                "INSERT of event and document (floor)": many(lambda: execute(INSERT)),
                "append_to_stream": many(lambda: execute(APPEND)),
                "handler: create an item": many(command),
            }
            seconds = await asyncio.to_thread(in_turns, ways, ROUNDS)
            report(f"Commands, {at_once} at a time", seconds, COMMANDS, "commands")


async def _run(way: Callable[[], Awaitable[None]], at_once: int) -> None:
    async def worker() -> None:
        for _ in range(COMMANDS // at_once):
            await way()

    await asyncio.gather(*(worker() for _ in range(at_once)))


def main() -> None:
    with a_database() as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(TABLES)
            say_where(connection)
        asyncio.run(measure(conninfo))
    console.print(f"Medians of {ROUNDS} rounds of {COMMANDS} in turns, through one psycopg pool.")


if __name__ == "__main__":
    main()
