"""The plans of the hot queries, on enough data for the planner to care."""

import re
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from app.database import Database
from app.documents import Documents
from app.postgres import EmbeddedPostgres
from app.settings import Settings
from app.store import LAST_INSTANT, LAST_VERSION, READ_STREAM
from projections.items import Items
from tests.conftest import database_like

ITEMS = 4000

FILL = """
select count(catalog.append_to_stream(null, null, jsonb_build_array(jsonb_build_object(
    'type', 'item_created', 'name', 'Thing ' || n, 'description', 'word' || n %% 97 || ' rare' || n,
    'category', 'category' || n %% 40, 'image_urls', '[]'::jsonb, 'location_lat', 1.5, 'location_lon', 2.5,
    'owner_id', 'owner' || n %% 30, 'status', 'active')), '{"user_id": "tester"}'))
from generate_series(1, %s) n
"""


@pytest.fixture(scope="module")
def filled(server: EmbeddedPostgres, template: str) -> Iterator[psycopg.Connection]:
    with database_like(server, template) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(FILL, (ITEMS,))
        connection.execute("vacuum analyze")
        yield connection


def plan(connection: psycopg.Connection, query: str | Composed, parameters: Sequence[object] = ()) -> str:
    whole = Composed([SQL("explain "), query if isinstance(query, Composed) else SQL(query)])
    return "\n".join(line for (line,) in connection.execute(whole, parameters))


@pytest.fixture(scope="module")
def documents(filled: psycopg.Connection) -> Documents:
    """What the service asks through; only to see its queries."""
    return Documents(Database(filled.info.dsn, Settings()), Items)


def test_the_version_check_of_an_append_finds_its_stream_by_key(filled: psycopg.Connection) -> None:
    check = "update catalog.streams set version = version + 1 where stream_id = 7 and version = 1"
    assert "Index Scan using streams_pkey" in plan(filled, check)


def test_a_stream_is_read_in_order_from_its_index(filled: psycopg.Connection) -> None:
    read = plan(filled, READ_STREAM, (7, LAST_INSTANT, LAST_VERSION))
    assert "using events_by_stream" in read
    assert "Seq Scan" not in read


def test_an_item_is_read_by_key(filled: psycopg.Connection) -> None:
    query = "select version, valid_from, document from catalog.items where id = %s"
    assert "Index Scan using items_pkey" in plan(filled, query, (7,))


def test_the_fold_is_inlined_and_reads_only_its_stream(filled: psycopg.Connection) -> None:
    for bounds in ("7", "7, '2026-01-15'", "7, p_version => 3"):
        fold = plan(filled, f"select version, valid_from, document from catalog.fold_items({bounds})")
        assert "events_by_stream" in fold
        assert "Function Scan" not in fold
        assert "Seq Scan" not in fold


def test_a_search_uses_the_words_index(filled: psycopg.Connection, documents: Documents) -> None:
    query, parameters = documents.listing({"status": "active"}, "created_at", search="rare77")
    assert "Bitmap Index Scan on items_words" in plan(filled, query, [*parameters, 20, 0])


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"status": "active"}, "items_by_status_newest"),
        ({"category": "category7", "status": "active"}, "items_by_category_status_newest"),
        ({"owner_id": "owner7", "status": "active"}, "items_by_owner_id_status_newest"),
    ],
)
def test_a_listing_comes_in_order_from_the_index_of_its_filters(
    filled: psycopg.Connection, documents: Documents, filters: dict[str, str], index: str
) -> None:
    query, parameters = documents.listing(filters, "created_at")
    listing = plan(filled, query, [*parameters, 20, 0])
    assert re.search(rf"Index Scan using {index}\b", listing)
    assert "Sort" not in listing


def test_the_lag_is_looked_up_without_reading_all_that_is_behind(filled: psycopg.Connection) -> None:
    lag = plan(filled, "select * from catalog.projection_lag")
    assert lag.count("Limit") == 2
    assert lag.count("using events_pkey") == 2


def test_the_lag_counts_up_to_its_limit_and_is_as_old_as_the_first_event(
    connection: psycopg.Connection,
) -> None:
    connection.execute(
        "insert into catalog.events (event_id, stream_id, version, type, data, metadata, recorded_at)"
        " select gen_random_uuid(), 1, n, 'item_deleted', '{}', '{}',"
        " case n when 1 then now() - interval '1 hour' else now() - interval '2 hours' end"
        " from generate_series(1, 100200) as n"
    )
    query = "select distinct lag_events, round(lag_seconds / 3600) from catalog.projection_lag"
    assert connection.execute(query).fetchall() == [(100_001, 1.0)]
