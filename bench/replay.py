"""How long does it take to replay one item, in Postgres and in Python? The floor: reading its rows.

python -m bench.replay
"""

from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from app.store import LAST_INSTANT, LAST_VERSION, READ_STREAM, StoredEvent, recorded
from bench.measure import a_database, console, in_turns, report, say_where
from projections.items import Items

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 15

CREATE = """
select stream_id from catalog.append_to_stream(null, null, jsonb_build_array(jsonb_build_object(
    'type', 'item_created', 'name', 'Garden spade', 'description', repeat('Sharp, hardly used. ', 5),
    'category', 'tools', 'image_urls', jsonb_build_array('https://images.example/spade.jpg'),
    'location_lat', 52.52, 'location_lon', 13.405, 'owner_id', 'alice', 'status', 'active')), '{"user_id": "bench"}')
"""

CHANGE = """
select count(catalog.append_to_stream(%s, null, jsonb_build_array(case n %% 5
    when 0 then jsonb_build_object('type', 'item_status_changed', 'old_status', 'active', 'new_status', 'swapped',
        'reason', null)
    when 1 then jsonb_build_object('type', 'item_updated', 'previous_values', jsonb_build_object('category', 'x'),
        'changes', jsonb_build_object('category', 'category ' || n))
    else jsonb_build_object('type', 'item_updated', 'previous_values', jsonb_build_object('name', 'x'),
        'changes', jsonb_build_object('name', 'Spade ' || n)) end), '{"user_id": "bench"}'))
from generate_series(2, %s) n
"""


def replay(connection: psycopg.Connection, events: int) -> None:
    (stream_id,) = connection.execute(CREATE).fetchone() or (0,)
    connection.execute(CHANGE, (stream_id, events))
    connection.execute("vacuum analyze catalog.events")
    items = Items()

    def read() -> list[tuple[Any, ...]]:
        return connection.execute(READ_STREAM, (stream_id, LAST_INSTANT, LAST_VERSION), prepare=True).fetchall()

    def fold_in_python() -> object:
        return items.fold(recorded(stream_id, Items.tags, StoredEvent(*row)) for row in read())

    def fold_in_sql() -> object:
        return connection.execute("select document from catalog.fold_items(%s)", (stream_id,), prepare=True).fetchone()

    seconds = in_turns(
        {"reading its rows (floor)": read, "SQL fold": fold_in_sql, "Python fold": fold_in_python}, ROUNDS
    )
    report(f"One item with {events:,} events", seconds, events, "events")


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        set_json_loads(lambda stored: bytes(stored) if isinstance(stored, bytes) else stored.encode(), connection)
        say_where(connection)
        for events in SIZES:
            replay(connection, events)
    console.print(f"Medians of {ROUNDS} rounds in turns.")


if __name__ == "__main__":
    main()
