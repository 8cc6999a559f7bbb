"""How much does the past cost to read? The floor: the same question about the present.

python -m bench.as_of        100,000 items with 1,000,000 events; SCALE=small: a fiftieth of it
"""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from msgspec import structs
from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import SQL, Composed
from rich.table import Table

from app.engine.background.checkpoints import register
from app.engine.background.rebuild import rebuild
from app.engine.postgres.bulkheads import CostlyRead
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents, RollupDocuments
from app.engine.queries.listing import Listing, Near
from bench.data import ITEMS, SEED, TOWN, fill, words
from bench.measure import a_database, console, in_turns, progress, sampled, scaled
from bench.rows import Report, Row, reporting
from projections.items import Items
from projections.owners import Owners

ROUNDS = scaled(tiny=1, small=3, full=15)
EXPLAINED = scaled(tiny=1, small=1, full=5)
"""How often each query is explained, to measure its time in the database."""
PAST = {"0.1 %": 0.001, "1 %": 0.01, "25 %": 0.25, "50 %": 0.5, "90 %": 0.9, "99.9 %": 0.999, "100 %": 1.0}
"""Which part of the history lies before the instant."""

NOW = "now (floor)"
INSIDE = "in the database"

PAGE = Listing(order="created_at", equal={"status": "active"}, limit=21)
"""The service asks for 20 rows and one more, which tells whether there is another page."""
VOCABULARY = words(random.Random(SEED))
MIDDLE = Near(latitude=TOWN[0], longitude=TOWN[1])

LISTINGS = {
    "newest, category and status (the default)": structs.replace(
        PAGE, equal={"category": "category 3", "status": "active"}
    ),
    "newest, status": PAGE,
    "newest, any status": structs.replace(PAGE, equal={}),
    "newest, an owner of few": structs.replace(PAGE, equal={"owner_id": f"owner {ITEMS // 20}", "status": "active"}),
    "newest, the owner of most": structs.replace(PAGE, equal={"owner_id": "owner 0", "status": "active"}),
    "newest, offset 1,000": structs.replace(PAGE, offset=1_000),
    "newest, no such category": structs.replace(PAGE, equal={"category": "none", "status": "active"}),
    "updated": structs.replace(PAGE, order="updated_at"),
    "updated, category": structs.replace(
        PAGE, order="updated_at", equal={"category": "category 3", "status": "active"}
    ),
    "updated, no such category": structs.replace(
        PAGE, order="updated_at", equal={"category": "none", "status": "active"}
    ),
    "by name": structs.replace(PAGE, order="name"),
    "by name, category": structs.replace(PAGE, order="name", equal={"category": "category 3", "status": "active"}),
    "search, a rare word": structs.replace(PAGE, search=VOCABULARY[-100]),
    "search, a common word": structs.replace(PAGE, search=VOCABULARY[0]),
    "search, part of a word": structs.replace(PAGE, search=VOCABULARY[300][1:4]),
    "search, no such word": structs.replace(PAGE, search="xylophone"),
    "within 5 km": structs.replace(PAGE, near=structs.replace(MIDDLE, within_km=5.0)),
    "within 200 m": structs.replace(PAGE, near=structs.replace(MIDDLE, within_km=0.2)),
    "nearest": structs.replace(PAGE, order=None, near=MIDDLE),
}


class Explaining(AsyncConnection):
    """Also explains each query, and sums its execution times in the database."""

    milliseconds = 0.0

    async def execute(self, query: Any, params: Any = None, **options: Any) -> AsyncCursor[Any]:
        text = query.decode() if isinstance(query, bytes) else query
        whole = Composed([SQL("explain (analyze, format json) "), SQL(text) if isinstance(text, str) else text])
        (shown,) = await (await super().execute(whole, params)).fetchone() or (b"",)
        self.milliseconds += float(shown.split(b'"Execution Time":')[1].split(b"\n")[0])
        return await super().execute(query, params, **options)


class One(Database):
    """A database with one connection, so that the pool is not measured."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.one = connection

    @asynccontextmanager
    async def connection(self, *_: Any, **limits: Any) -> AsyncIterator[AsyncConnection]:
        yield self.one

    @asynccontextmanager
    async def costly(self, read: CostlyRead, wait_seconds: float | None = None) -> AsyncIterator[AsyncConnection]:
        yield self.one


Question = Callable[[Database, datetime | None], Awaitable[object]]
"""A query as of an instant, or of the present."""


def listed(listing: Listing) -> Question:
    async def ask(database: Database, instant: datetime | None) -> object:
        async with database.connection() as connection:
            return await Documents(database, Items)._rows(connection, structs.replace(listing, as_of=instant))

    return ask


def item(item_id: int) -> Question:
    async def ask(database: Database, instant: datetime | None) -> object:
        documents = Documents(database, Items)
        return await (documents.get_as_of(item_id, instant) if instant else documents.get(item_id))

    return ask


async def first_page(database: Database, instant: datetime | None) -> object:
    return await Documents(database, Items).list_page(structs.replace(PAGE, limit=20, as_of=instant))


async def stats(database: Database, instant: datetime | None) -> object:
    return await Documents(database, Items).count_by("category", "status", as_of=instant)


def owner(key: str) -> Question:
    return lambda database, instant: RollupDocuments(database, Owners).get(key, instant)


async def day(database: Database, instant: datetime | None) -> object:
    """The changes of the preceding day."""
    until = instant or LAST_DAY
    return await Documents(database, Items).changed_between(until - timedelta(days=1), until, {}, 0, 21)


LAST_DAY = datetime.fromisoformat("2024-12-31T12:00:00Z")

OTHERS: dict[str, Question] = {
    "newest, status, with a link to its next page": first_page,
    "an item of few events": item(1),
    "the item of most events": item(7),
    "an owner of few": owner(f"owner {ITEMS // 20}"),
    "the owner of most": owner("owner 0"),
    "the statistics": stats,
    "20 of the changes of a day": day,
}


def measure(
    report: Report, conninfo: str, instants: list[datetime | None], questions: Mapping[str, Question], title: str
) -> None:
    names = [NOW, *PAST]
    table, inside = _table(title), _table(f"{title}: {INSIDE}")
    with asyncio.Runner() as runner, progress(len(questions)) as step:
        plain, explaining = (runner.run(_connected(kind, conninfo)) for kind in (AsyncConnection, Explaining))
        assert isinstance(explaining, Explaining)

        def asking(question: Question, instant: datetime | None) -> Callable[[], object]:
            return lambda: runner.run(_awaited(question(One(plain), instant)))

        def explained(question: Question, instant: datetime | None) -> Callable[[], float]:
            def ask() -> float:
                explaining.milliseconds = 0.0
                runner.run(_awaited(question(One(explaining), instant)))
                return explaining.milliseconds / 1000

            return ask

        for name, question in questions.items():
            step(name)
            at = list(zip(names, instants, strict=True))
            seconds = in_turns({label: asking(question, instant) for label, instant in at}, ROUNDS)
            _show(table, name, report.times(name, seconds, in_a_table=False))
            seconds = sampled({label: explained(question, instant) for label, instant in at}, EXPLAINED)
            _show(inside, name, report.times(f"{name}, {INSIDE}", seconds, in_a_table=False))
        for connection in (plain, explaining):
            runner.run(connection.close())
    console.print(table, inside)


async def _connected(kind: type[AsyncConnection[Any]], conninfo: str) -> AsyncConnection[Any]:
    connection = await kind.connect(conninfo, autocommit=True)
    read_json_as_bytes(connection)
    await AsyncConnection.execute(connection, "set timezone to 'UTC'")
    return connection


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("", "now", *PAST, "median ×", "worst ×"):
        table.add_column(heading, justify="left" if not heading else "right")
    return table


def _show(table: Table, name: str, rows: list[Row]) -> None:
    ratios = [row.ratios[NOW] for row in rows[1:]]
    times = [f"{row.median_seconds * 1000:,.2f}" for row in rows]
    table.add_row(name, *times, f"{statistics.median(ratios):.1f}", f"{max(ratios):.1f}")


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        register(connection, [Items, Owners])
        events = fill(connection)
        with progress(events) as step:
            for read_model in (Items, Owners):
                asyncio.run(
                    rebuild(conninfo, read_model, lambda told: step(f"{told.projection}, {told.phase}", told.done))
                )
        connection.execute("vacuum")
        query = "select recorded_at from catalog.events order by position offset %s limit 1"
        instants = [
            instant
            for share in PAST.values()
            for (instant,) in connection.execute(query, (min(int(events * share), events - 1),))
        ]
        title = f"{ITEMS:,} items, {events:,} events; as of when so much of the history had happened; ms"
        with reporting("as_of", connection) as report:
            for questions in ({name: listed(each) for name, each in LISTINGS.items()}, OTHERS):
                measure(report, conninfo, [None, *instants], questions, title)
    console.print(f"Medians of {ROUNDS} rounds in turns, in the database of {EXPLAINED}. × is the floor: the present.")


if __name__ == "__main__":
    main()
