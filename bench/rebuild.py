"""How long does a rebuild take? The floor: copying the last event of each stream, without any fold.

python -m bench.rebuild        100,000 items with 1,000,000 events; SCALE=small: a tenth of it
"""

import asyncio
import time
from collections.abc import Callable

import psycopg
import psycopg.sql

from app.document_tables import tables_of
from app.events import Event
from app.generations import AnyReadModel
from app.projection import Projection
from app.projector import register
from app.rebuild import rebuild
from app.table_sql import create
from app.verify import verify
from bench.data import ITEMS, fill
from bench.measure import a_database, console, in_turns, report, say_where
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners

ROUNDS = 3
READ_MODELS: tuple[AnyReadModel, ...] = (Items, Owners, Categories)

FLOOR = """
create table copied as
select distinct on (stream_id) stream_id, version, recorded_at, data
from catalog.events
order by stream_id, version desc
"""


class Bare(Projection[Item, Event]):
    """The same documents without any index but the key's, as the floor has none."""

    rules = Items.rules


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        say_where(connection)
        connection.execute(psycopg.sql.SQL(create(tables_of(Bare)[0])))
        register(connection, [*READ_MODELS, Bare])
        events = fill(connection)

        def floor() -> None:
            connection.execute(FLOOR)
            connection.execute("drop table copied")

        def rebuilding(read_model: AnyReadModel) -> Callable[[], object]:
            return lambda: asyncio.run(rebuild(conninfo, read_model))

        ways: dict[str, Callable[[], object]] = {
            "copying each stream's last event (floor)": floor,
            "rebuild of Items, without its indexes": rebuilding(Bare),
            **{f"rebuild of {each.__name__}": rebuilding(each) for each in READ_MODELS},
        }
        report(f"{ITEMS:,} items, {events:,} events", in_turns(ways, ROUNDS), events, "events")
        for read_model in READ_MODELS:
            start = time.perf_counter()
            verified = asyncio.run(verify(conninfo, read_model))
            assert not verified.differing
            console.print(f"verify {read_model.name}: {time.perf_counter() - start:.1f} s, 0 differences")
    console.print(f"Medians of {ROUNDS} rounds in turns.")


if __name__ == "__main__":
    main()
