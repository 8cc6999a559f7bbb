"""An import writes what as many appends would write, all of it or nothing, despite other writers and rebuilds."""

import asyncio
import json
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from app.engine.background.rebuild import rebuild
from app.engine.background.verify import verify
from app.engine.events.event import EventRegistry
from app.main import PROJECTIONS
from tests.support.appending import METADATA, append, error_of
from tests.support.operator_commands import fetch_value
from tests.support.patience import until_equal
from tests.support.random_histories import item_created, item_events, toy_events
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.workload import catch_up_all

IMPORTS = 5
NDJSON = {"Content-Type": "application/x-ndjson"}
ARRIVING = "select catalog.begin_import()"
APPEND = "select first_position, last_position from catalog.append_new_streams(%s)"

LOGGED = """
select stream_id, version, type, data, metadata, recorded_at, event_id
from catalog.events
where position between %s and %s
order by position
"""
STORED = """
select items.version,
    items.document - 'id' - 'created_at' - 'updated_at' as document,
    items.document ->> 'id' = id::text as has_its_id,
    array[items.document ->> 'created_at', items.document ->> 'updated_at', catalog.rfc3339(valid_from)]
        = array_fill(catalog.rfc3339(recorded_at), array[3]) as has_its_instant,
    (select words::text || found::text from catalog.items_words as found where found.id = stream_id) as words,
    (select array_agg(place::text || (since = recorded_at)) from catalog.items_places as p where p.id = stream_id),
    (select count(*) from catalog.items_history as h where h.id = stream_id) as replaced
from catalog.events
left join catalog.items on items.id = stream_id
where stream_id = %s
"""
REFOLD = "select catalog.refold_items(%(id)s) + catalog.refold_toys(%(id)s)"


def imported(connection: psycopg.Connection, events: Sequence[Any]) -> list[Any]:
    """Import the events; return what the log then holds of them."""
    with connection.transaction():
        connection.execute(ARRIVING)
        with connection.cursor() as cursor:
            rows = [(Jsonb(json.loads(EventRegistry.encode([event]))[0]),) for event in events]
            cursor.executemany("insert into arriving values (%s)", rows)
        positions = connection.execute(APPEND, (METADATA,)).fetchone()
    return connection.execute(LOGGED, positions).fetchall()


@given(st.lists(item_created | item_events | toy_events, min_size=1, max_size=5))
def test_an_import_stores_what_as_many_appends_would_have_stored(log: psycopg.Connection, events: list[Any]) -> None:
    """This holds for any events, including those that no stream begins with."""
    alone = [append(log, None, [event])[0] for event in events]
    together = imported(log, events)
    logged = "select type, data, metadata, version from catalog.events where stream_id = any (%s) order by position"
    ids = [row[0] for row in together]
    assert ids == sorted(ids)
    assert log.execute(logged, (ids,)).fetchall() == log.execute(logged, (alone,)).fetchall()
    assert len({row[5] for row in together}) == 1
    for one_by_one, in_bulk in zip(alone, ids, strict=True):
        assert log.execute(STORED, (in_bulk,)).fetchone() == log.execute(STORED, (one_by_one,)).fetchone()
        assert fetch_value(log, "select version from catalog.streams where stream_id = %s", in_bulk) == 1
        (wrong,) = log.execute(REFOLD, {"id": in_bulk}).fetchone() or (None,)
        assert wrong == 0


SPADES = [{"type": "item_created", **an_item(name=f"Spade {n}")} for n in range(3_000)]


def test_ids_and_positions_follow_the_order_of_the_input(connection: psycopg.Connection) -> None:
    """The import is larger than a few pages of Postgres."""
    rows = imported_objects(connection, SPADES)
    assert [json.loads(json.dumps(row[3]))["name"] for row in rows] == [spade["name"] for spade in SPADES]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len({row[6] for row in rows}) == len(rows)
    assert all(row[6].version == 7 for row in rows)


def imported_objects(connection: psycopg.Connection, objects: list[dict[str, Any]]) -> list[Any]:
    with connection.transaction():
        connection.execute(ARRIVING)
        with connection.cursor().copy("copy arriving from stdin") as copy:
            for each in objects:
                copy.write_row((json.dumps(each),))
        positions = connection.execute(APPEND, (METADATA,)).fetchone()
    return connection.execute(LOGGED, positions).fetchall()


def test_an_import_is_recorded_after_what_is_about_to_be_settled_and_waited_for(
    connection: psycopg.Connection, conninfo: str
) -> None:
    connection.execute("update catalog.settled set noted_instant = clock_timestamp() + interval '1 hour'")
    with psycopg.connect(conninfo) as importing:
        importing.execute(ARRIVING)
        importing.execute("insert into arriving values (%s)", (Jsonb(SPADES[0]),))
        assert fetch_value(connection, "select count(*) from catalog.gate_holders()") == 0
        importing.execute(APPEND, (METADATA,))
        assert fetch_value(connection, "select count(*) from catalog.gate_holders()") == 1
    assert fetch_value(
        connection, "select min(recorded_at) > (select noted_instant from catalog.settled) from catalog.events"
    )


def test_an_import_must_see_what_is_settled_by_now(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute(ARRIVING)
        assert error_of(connection, APPEND, (METADATA,))[0] == "SW005"


@pytest.fixture
def api(conninfo: str) -> Iterator[httpx.Client]:
    with (
        running_service({"DATABASE_URL": conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=60) as client,
    ):
        yield client


def lines(count: int) -> list[bytes]:
    return [json.dumps(an_item(name=f"Spade {n}")).encode() + b"\n" for n in range(count)]


def nothing_is_stored(connection: psycopg.Connection) -> bool:
    tables = ("events", "streams", "items", "items_words", "items_places")
    counts = " + ".join(f"(select count(*) from catalog.{table})" for table in tables)
    return bool(fetch_value(connection, f"select {counts}") == 0)


def test_a_bad_last_line_of_ten_thousand_stores_nothing(api: httpx.Client, connection: psycopg.Connection) -> None:
    response = api.post("/items/import", content=iter([*lines(9_999), b'{"name": "no more"}']), headers=NDJSON)
    assert (response.status_code, response.json()["line"]) == (422, 10_000)
    assert nothing_is_stored(connection)
    assert fetch_value(connection, "select is_called from catalog.streams_stream_id_seq") is False, "no id was used up"


def test_a_service_that_is_killed_while_it_imports_stores_nothing(
    connection: psycopg.Connection, conninfo: str
) -> None:
    """The service is killed while the import waits at the append gate, after most of its work."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with psycopg.connect(conninfo) as closing, running_service({"DATABASE_URL": conninfo}) as (url, process):
        closing.execute("select pg_advisory_xact_lock(catalog.append_gate())")

        def send() -> None:
            with pytest.raises(httpx.TransportError):
                httpx.post(f"{url}/api/v2/items/import", content=b"".join(lines(100)), headers=NDJSON, timeout=60)

        client = threading.Thread(target=send)
        client.start()
        until_equal(lambda: fetch_value(connection, waiting), 1, "the import does not wait")
        process.send_signal(signal.SIGKILL)
        process.wait()
        client.join()
        others = (
            "select count(*) from pg_stat_activity where application_name = 'catalog' and datname = current_database()"
        )
        until_equal(lambda: fetch_value(connection, others), 0, "the connections did not end")
    assert nothing_is_stored(connection)


def test_imports_appends_and_rebuilds_at_once_leave_what_the_log_says(
    api: httpx.Client, connection: psycopg.Connection, conninfo: str
) -> None:
    """Each read model is rebuilt while items are imported: swaps wait for imports, and imports for swaps."""
    begun, rebuilt = threading.Event(), threading.Event()

    def rebuild_all() -> None:
        try:
            for read_model in PROJECTIONS:
                asyncio.run(rebuild(conninfo, read_model, lambda _: begun.set()))
        finally:
            rebuilt.set()

    def write() -> None:
        with httpx.Client(base_url=api.base_url, timeout=60) as client:
            while not rebuilt.is_set():
                item = client.post("/items", json=an_item()).json()
                assert client.put(f"/items/{item['id']}", json={"name": "Border spade"}).status_code == 200

    assert api.post("/items/import", content=b"".join(lines(2_000)), headers=NDJSON).status_code == 200
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(rebuild_all), pool.submit(write)]
        assert begun.wait(60)
        for _ in range(IMPORTS):
            response = api.post("/items/import", content=b"".join(lines(500)), headers=NDJSON)
            assert response.status_code == 200, response.text
        for other in others:
            other.result()
    asyncio.run(catch_up_all(conninfo))
    for read_model in PROJECTIONS:
        assert asyncio.run(verify(conninfo, read_model)).differing == []
    stored = fetch_value(connection, "select count(*) from catalog.items where document ->> 'name' ~ '^Spade'")
    assert stored == 2_000 + 500 * IMPORTS
