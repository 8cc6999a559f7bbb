"""How much does it cost to keep the past? The floor: the same appends to a projection that keeps none.

python -m bench.history        10,000 items with 100,000 events; SCALE=small: a tenth of it
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from typing import ClassVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from app.domain.events import Event
from app.engine.postgres.pool import Database, PoolSettings
from app.engine.projection.projection import Projection
from app.schema import migrate, schema_of
from bench.data import fill
from bench.measure import a_database, another_database, console, in_turns, scaled
from bench.rows import Report, reporting
from projections.items import Item, Items

ITEMS = scaled(tiny=100, small=1_000, full=10_000)
COMMANDS = scaled(tiny=20, small=100, full=800)
ROUNDS = scaled(tiny=1, small=3, full=9)
AT_ONCE = (1, 4)

APPEND = "select documents from catalog.append_to_stream(%s, null, %s, %s)"
INDEXES = """
select indexrelid::regclass::text
from pg_index
where indrelid = 'catalog.items_history'::regclass
    and not indisprimary
"""

STATUSES = ("swapped", "archived", "active")


class Forgetful(Projection[Item, Event]):
    """Items without a history."""

    name: ClassVar[str] = Items.name
    rules = Items.rules
    indexes = Items.indexes


def changed_status(turn: int) -> dict[str, object]:
    return {"type": "item_status_changed", "old_status": "active", "new_status": STATUSES[turn % 3], "reason": None}


def edited(turn: int) -> dict[str, object]:
    changes = {"name": f"Garden spade, number {turn % 5}"}
    return {"type": "item_updated", "changes": changes, "previous_values": {"name": "Spade"}}


CHANGES = {"changes of status": changed_status, "edits of a name": edited}


def prepare(conninfo: str, projection: type[Projection[Item, Event]]) -> None:
    """A year's log, and everything folded from it."""
    migrate(conninfo, schema_of([projection]))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        fill(connection, ITEMS)
        connection.execute("select sum(catalog.refold_items(stream_id)) from catalog.streams")
        connection.execute("vacuum analyze")


def drop_indexes(conninfo: str) -> None:
    """All indexes of the history except its key."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for (index,) in connection.execute(INDEXES).fetchall():
            connection.execute(sql.SQL(f"drop index {index}"))


async def measure(report: Report, conninfos: dict[str, str]) -> None:
    """Make the same changes to the same items in each database, in turns."""
    async with AsyncExitStack() as stack:
        pools = {
            name: await stack.enter_async_context(Database(conninfo, PoolSettings(size=max(AT_ONCE))))
            for name, conninfo in conninfos.items()
        }
        loop = asyncio.get_running_loop()
        for (what, change), at_once in [(each, at_once) for each in CHANGES.items() for at_once in AT_ONCE]:
            ways = {name: _appending(loop, pool, change, at_once) for name, pool in pools.items()}
            seconds = await asyncio.to_thread(in_turns, ways, ROUNDS)
            sizes = {"items": ITEMS, "at_once": at_once, "round": COMMANDS}
            report.times(f"{what.capitalize()}, {at_once} at a time", seconds, COMMANDS, "commands", sizes=sizes)


def _appending(
    loop: asyncio.AbstractEventLoop, database: Database, change: Callable[[int], dict[str, object]], at_once: int
) -> Callable[[], object]:
    """The items in turn, each after all others; busy ones are treated alike."""
    turns = count()

    async def append() -> None:
        turn = next(turns)
        async with database.connection() as connection:
            given = (1 + turn * 7 % ITEMS, Jsonb([change(turn)]), Jsonb({"user_id": "bench"}))
            await connection.execute(APPEND, given, prepare=True)

    return lambda: asyncio.run_coroutine_threadsafe(_run(append, at_once), loop).result()


async def _run(way: Callable[[], Awaitable[None]], at_once: int) -> None:
    async def worker() -> None:
        for _ in range(COMMANDS // at_once):
            await way()

    await asyncio.gather(*(worker() for _ in range(at_once)))


def main() -> None:
    with (
        a_database() as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
        reporting("history", connection) as report,
    ):
        forgetful, temporal = another_database(conninfo, "forgetful"), another_database(conninfo, "temporal")
        prepare(forgetful, Forgetful)
        prepare(temporal, Items)
        bare = another_database(conninfo, "bare", "temporal")
        drop_indexes(bare)
        ways = {"without history (floor)": forgetful, "history without its indexes": bare, "history": temporal}
        asyncio.run(measure(report, ways))
    console.print(f"{ITEMS:,} items. Medians of {ROUNDS} rounds of {COMMANDS} in turns, through a pool each.")


if __name__ == "__main__":
    main()
