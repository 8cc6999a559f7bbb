"""How long does a rebuild take? The floor: copying the last event of each stream, without any fold.

python -m bench.rebuild        100,000 items with 1,000,000 events; SCALE=small: a tenth of it
"""

import asyncio
import os
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
from bench.measure import a_database, console, in_turns, report, say_where
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners

ITEMS = 10_000 if os.environ.get("SCALE") == "small" else 100_000
ROUNDS = 3
READ_MODELS: tuple[AnyReadModel, ...] = (Items, Owners, Categories)

STREAMS = """
insert into catalog.streams (stream_id, version, recorded_at)
overriding system value
select id, case when id %% 50000 = 7 then 10000 else 1 + floor(-ln(1 - random()) * 9.5)::integer end, '2026-02-01'
from generate_series(1, %(items)s) as id
"""
EVENTS = """
insert into catalog.events (event_id, stream_id, version, type, data, metadata, recorded_at)
select gen_random_uuid(), stream_id, version, type, data, '{"user_id": "bench"}', '2026-01-01'::timestamptz + age
from (
    select stream_id, event.version, interval '1 day' * (10.0 * stream_id / %(items)s + 0.002 * event.version) as age,
        case
            when event.version = 1 then 'item_created'
            when event.version %% 4 = 0 then 'item_status_changed'
            else 'item_updated'
        end as type,
        case
            when event.version = 1 then jsonb_build_object(
                'name', 'Garden spade ' || stream_id, 'description', repeat('Sharp, hardly used. ', 5),
                'category', 'category ' || (30 * random() ^ 2)::integer,
                'image_urls', jsonb_build_array('https://images.example/spade.jpg'),
                'location_lat', 52.52, 'location_lon', 13.405,
                'owner_id', 'owner ' || (%(items)s / 10 * random() ^ 2)::integer, 'status', 'active')
            when event.version %% 4 = 0 then jsonb_build_object(
                'old_status', 'active', 'new_status', (array['active', 'swapped', 'archived'])[1 + stream_id %% 3],
                'reason', null)
            when event.version %% 4 = 1 then jsonb_build_object(
                'previous_values', jsonb_build_object('category', 'x'),
                'changes', jsonb_build_object('category', 'category ' || (30 * random() ^ 2)::integer))
            else jsonb_build_object(
                'previous_values', jsonb_build_object('name', 'x'),
                'changes', jsonb_build_object('name', 'Spade, as new, number ' || event.version))
        end as data
    from catalog.streams
    cross join lateral generate_series(1, streams.version) as event (version)
) as happened
order by age
"""
FLOOR = """
create table copied as
select distinct on (stream_id) stream_id, version, recorded_at, data
from catalog.events
order by stream_id, version desc
"""


class Bare(Projection[Item, Event]):
    """The same documents without any index but the key's, as the floor has none."""

    rules = Items.rules


def fill(connection: psycopg.Connection) -> int:
    """A log as a year of use would leave it: streams of very unequal length, interleaved. How many events it has."""
    connection.execute(psycopg.sql.SQL(STREAMS), {"items": ITEMS})
    connection.execute(psycopg.sql.SQL(EVENTS), {"items": ITEMS})
    connection.execute("select setval('catalog.streams_stream_id_seq', %s)", (ITEMS,))
    connection.execute("vacuum analyze catalog.streams, catalog.events")
    (events,) = connection.execute("select count(*) from catalog.events").fetchone() or (0,)
    return int(events)


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
