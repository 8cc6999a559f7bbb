"""The plans of the hot queries, on enough data for the planner to care."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest
from msgspec import structs
from psycopg.sql import SQL, Composable, Composed, Identifier

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.queries.candidate_queries import candidate_queries
from app.engine.queries.changes import FROM_ALL_STREAMS
from app.engine.queries.documents import rollup_as_of
from app.engine.queries.listing import Listing, Near
from app.engine.queries.listing_query import Query, listing_query
from app.engine.store.event_store import LAST_INSTANT, LAST_VERSION, READ_ADJACENT_VERSIONS, READ_STREAM
from app.engine.store.log_reader import EventFilter, settled_query
from projections.items import Items
from tests.support.databases import database_like
from tests.support.many_items import CREATE_ITEMS, SWAP_EVERY_SECOND_ITEM

ITEMS = 4000
Parameters = Sequence[object] | dict[str, Any]


@pytest.fixture(scope="module")
def filled(server: EmbeddedPostgres, template: str) -> Iterator[psycopg.Connection]:
    with database_like(server, template) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(CREATE_ITEMS, (ITEMS,))
        connection.execute(SWAP_EVERY_SECOND_ITEM, (ITEMS,))
        connection.execute("vacuum analyze")
        yield connection


@pytest.fixture(scope="module")
def then(filled: psycopg.Connection) -> datetime:
    """When all items had been created and none was changed: half of the documents of then are history now."""
    row = filled.execute("select max(recorded_at) from catalog.events where version = 1").fetchone()
    assert row is not None
    created: datetime = row[0]
    return created


def plan(connection: psycopg.Connection, query: str | Composable, parameters: Parameters = ()) -> str:
    whole = Composed([SQL("explain "), SQL(query) if isinstance(query, str) else query])
    return "\n".join(line for (line,) in connection.execute(whole, parameters))


def test_the_version_check_of_an_append_finds_its_stream_by_key(filled: psycopg.Connection) -> None:
    check = "update catalog.streams set version = version + 1 where stream_id = 7 and version = 1"
    assert "Index Scan using streams_pkey" in plan(filled, check)


def test_a_stream_is_read_in_order_from_its_index(filled: psycopg.Connection) -> None:
    read = plan(filled, READ_STREAM, (7, LAST_INSTANT, LAST_VERSION))
    assert "using log_by_stream" in read
    assert "Seq Scan" not in read


def test_a_version_and_those_around_it_are_found_by_key(filled: psycopg.Connection) -> None:
    """None of the others is read, once it is known which version it is."""
    given = {"stream_id": 7, "until": LAST_INSTANT, "version": LAST_VERSION}
    read = plan(filled, READ_ADJACENT_VERSIONS, given)
    assert "Backward using log_by_stream" in read
    assert "Index Cond: ((stream_id = chosen.stream_id) AND (version = near.version))" in read
    assert "Seq Scan on log" not in read


def test_an_item_is_read_by_key(filled: psycopg.Connection) -> None:
    query = "select version, valid_from, document from catalog.items where id = %s"
    assert indexes_of(filled, plan(filled, query, (7,))) == {"items_pkey"}


def test_the_fold_is_inlined_and_reads_only_its_stream(filled: psycopg.Connection) -> None:
    for bounds in ("7", "7, now()", "7, p_version => 3"):
        fold = plan(filled, f"select version, valid_from, document from catalog.fold_items({bounds})")
        assert "log_by_stream" in fold
        assert "Function Scan" not in fold
        assert "Seq Scan" not in fold


def listing(**asked: Any) -> Query:
    return listing_query(Items, Listing(**{"order": "created_at", "limit": 20, **asked}))


def indexes_of(connection: psycopg.Connection, shown: str) -> set[str]:
    """The names of the indexes in a plan, as the tables have them; their partitions' have others."""
    named = set(re.findall(r"Index (?:Only )?Scan (?:Backward )?(?:using|on) (\w+)", shown))
    query = (
        "select coalesce(parent.relname, own.relname) from pg_class as own"
        " left join pg_inherits on inhrelid = own.oid left join pg_class as parent on parent.oid = inhparent"
        " where own.relname = any (%s) and own.relkind = 'i'"
    )
    return {name for (name,) in connection.execute(query, (list(named),))}


def test_a_search_finds_its_candidates_by_the_words_index(filled: psycopg.Connection) -> None:
    (query,) = candidate_queries(Items, Listing(order="created_at", limit=20, search="are77"), 1000)
    assert indexes_of(filled, plan(filled, *query)) == {"items_words_found"}


def test_the_vicinity_of_a_place_finds_its_candidates_by_the_index_of_places(filled: psycopg.Connection) -> None:
    near = Near(latitude=10, longitude=20, within_km=0.25)
    (query,) = candidate_queries(Items, Listing(order=None, limit=20, near=near), 1000)
    assert indexes_of(filled, plan(filled, *query)) == {"items_places_found"}


def test_candidates_are_looked_up_by_key_now_and_then(filled: psycopg.Connection, then: datetime) -> None:
    asked = Listing(order="created_at", limit=20, equal={"status": "active"}, search="are77")
    for as_of, indexes in ((None, {"items_pkey"}), (then, {"items_pkey", "items_history_pkey"})):
        shown = plan(filled, *listing_query(Items, structs.replace(asked, as_of=as_of), [7, 77, 777]))
        assert indexes_of(filled, shown) == indexes


@pytest.mark.parametrize("equal", [{"status": "active"}, {}, {"category": "category7"}])
@pytest.mark.parametrize("order", ["created_at", "updated_at", "name"])
def test_a_search_without_candidates_walks_the_index_of_its_order_and_no_farther_than_its_bound(
    filled: psycopg.Connection, then: datetime, equal: dict[str, str], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each document on the way is looked up by its key among the words, for its stems; none is sorted."""
    monkeypatch.setattr("app.engine.queries.listing.WALKED_MAX", 30)
    for as_of in (None, then):
        query, given = listing(equal=equal, order=order, as_of=as_of, search="z+")
        shown = plan(filled, SQL("(analyze, costs off, timing off) ") + query, given)
        assert "Seq Scan" not in shown
        walks = [int(rows) for rows in re.findall(r"WindowAgg \(actual rows=(\d+)", shown)]
        assert 0 < max(walks) <= 31
        assert "items_words_pkey" in indexes_of(filled, shown)


def test_all_candidates_at_last_are_looked_up_by_key(filled: psycopg.Connection) -> None:
    asked = Listing(order="created_at", limit=20, search="are7")
    shown = plan(filled, *listing_query(Items, asked, list(range(1, 1100))))
    assert indexes_of(filled, shown) == {"items_pkey", "items_words_pkey"}


def test_changes_of_much_are_looked_up_stream_by_stream(filled: psycopg.Connection, then: datetime) -> None:
    source = SQL(FROM_ALL_STREAMS).format(as_of=Identifier("catalog", "items_as_of"))
    given = {"since": "2000-01-01", "until": then, "after": 100, "upto": 200, "limit": 20}
    shown = plan(filled, SQL("select * from {} as changed order by id limit 20").format(source), given)
    assert indexes_of(filled, shown) == {"streams_pkey", "items_pkey", "items_history_pkey"}


def test_filtered_events_of_a_stream_are_found_by_its_index(filled: psycopg.Connection) -> None:
    for sought in (EventFilter(stream_id=7), EventFilter(stream_id=7, user_id="nobody")):
        query, given = settled_query(0, 100, sought, None)
        assert indexes_of(filled, plan(filled, query, given)) == {"log_by_stream", "log_pkey", "personal_pkey"}


def test_filtered_events_are_passed_over_no_farther_than_the_bound(
    filled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.execute("update catalog.settled set position = 2 ^ 40")
    monkeypatch.setattr("app.engine.store.log_reader.SCANNED_EVENTS_MAX", 50)
    for before in (None, 2**62):
        query, given = settled_query(0, 100, EventFilter(user_id="nobody"), before)
        shown = plan(filled, SQL("(analyze, costs off, timing off) ") + query, given)
        assert re.search(r"WindowAgg \(actual rows=51", shown)
        assert "Seq Scan on log" not in shown


@pytest.mark.parametrize(
    ("filters", "order", "index"),
    [
        ({"status": "active"}, "created_at", "by_status_created_at"),
        ({}, "created_at", "by_status_created_at"),
        ({"category": "category7", "status": "active"}, "created_at", "by_category_status_created_at"),
        ({"owner_id": "owner7", "status": "active"}, "created_at", "by_owner_id_status_created_at"),
        ({"status": "active"}, "updated_at", "by_status_updated_at"),
        ({"status": "active"}, "name", "by_status_name"),
    ],
)
def test_a_listing_comes_in_order_from_the_index_of_its_filters_now_and_then(
    filled: psycopg.Connection, then: datetime, filters: dict[str, str], order: str, index: str
) -> None:
    for as_of, tables in ((None, ["items"]), (then, ["items", "items_history"])):
        shown = plan(filled, *listing(equal=filters, order=order, as_of=as_of))
        replaced = {"items_history_replaced"} if as_of else set()
        assert indexes_of(filled, shown) == {f"{table}_{index}" for table in tables} | replaced
        assert "Seq Scan" not in shown


def test_as_of_an_instant_the_index_decides_what_was_valid(filled: psycopg.Connection, then: datetime) -> None:
    """Nothing is left to filter, so that rows that were not valid then are not visited."""
    equal = {"category": "category7", "status": "active"}
    query, given = listing(equal=equal, as_of=then)
    shown = plan(filled, SQL("(analyze, costs off, timing off) ") + query, given)
    assert "Rows Removed by Filter" not in shown


def test_as_of_a_moment_ago_the_history_is_not_walked(filled: psycopg.Connection) -> None:
    """Next to nothing of it was valid then: the walk would pass all of it, and find no page."""
    (ago,) = (
        filled.execute("select recorded_at from catalog.events order by recorded_at desc offset 10").fetchone() or ()
    )
    query, given = listing(equal={"status": "active"}, as_of=ago)
    shown = plan(filled, SQL("(analyze, costs off, timing off) ") + query, given)
    walks = re.findall(r"^.* using items_history\w*_status_created_at.*$", shown, re.MULTILINE)
    assert all("never executed" in walk for walk in walks)
    replaced = re.search(r"CTE Scan on replaced_since.*rows=(\d+)", shown)
    assert replaced is not None
    assert int(replaced[1]) == 10


def test_an_owner_as_of_an_instant_is_added_up_from_the_index(filled: psycopg.Connection, then: datetime) -> None:
    owned = plan(filled, rollup_as_of("owners"), (then, "owner7"))
    of_owner = "by_owner_id_status_created_at"
    assert indexes_of(filled, owned) == {f"items_{of_owner}", f"items_history_{of_owner}"}


def test_the_lag_is_looked_up_without_reading_all_that_is_behind(filled: psycopg.Connection) -> None:
    lag = plan(filled, "select * from catalog.projection_lag")
    assert lag.count("Limit") == 2
    assert lag.count("using log_pkey") == 2


def test_the_lag_counts_up_to_its_limit_and_is_as_old_as_the_first_event(
    connection: psycopg.Connection,
) -> None:
    connection.execute(
        "insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)"
        " select gen_random_uuid(), 1, n, 'item_deleted', '{}', '{}',"
        " case n when 1 then now() - interval '1 hour' else now() - interval '2 hours' end"
        " from generate_series(1, 100200) as n"
    )
    query = "select distinct lag_events, round(lag_seconds / 3600) from catalog.projection_lag"
    assert connection.execute(query).fetchall() == [(100_001, 1.0)]


@pytest.fixture(params=["now", "in the past"])
def session(request: pytest.FixtureRequest, filled: psycopg.Connection, then: datetime) -> Iterator[psycopg.Connection]:
    """A session of an analyst's, who looks at the present, or has set catalog.as_of."""
    if request.param == "in the past":
        filled.execute("select set_config('catalog.as_of', %s, false)", (then.isoformat(),))
    yield filled
    filled.execute("reset catalog.as_of")


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("select * from items where id = 7", {"items_pkey", "items_history_pkey"}),
        (
            "select name from items where owner_id = 'owner7'",
            {"items_by_owner_id_status_created_at", "items_history_by_owner_id_status_created_at"},
        ),
        (
            "select name from items where category = 'category7' and status = 'active'",
            {"items_by_category_status_created_at", "items_history_by_category_status_created_at"},
        ),
        (
            "select * from owners where owner_id = 'owner7'",
            {"items_by_owner_id_status_created_at", "items_history_by_owner_id_status_created_at"},
        ),
        ("select * from item_versions where id = 7", {"items_pkey", "items_history_pkey"}),
        ("select * from item_at(7, now() - interval '1 month')", {"items_pkey", "items_history_pkey"}),
        ("select * from items_as_of(now()) where id = 7", {"items_pkey", "items_history_pkey"}),
        ("select * from item_diff(7, '2026-01-01', now())", {"items_pkey", "items_history_pkey"}),
        ("select * from item_events where item_id = 7", {"log_by_stream", "personal_pkey"}),
        ("select item_id, version, user_id from item_events where item_id = 7", {"log_by_stream"}),
        (
            "select * from audit_trail where recorded_at > now() + interval '1 day'",
            {"log_by_recorded_at", "personal_pkey"},
        ),
        ("select user_id from audit_trail where recorded_at > now() + interval '1 day'", {"log_by_recorded_at"}),
        (
            "select * from changes_between(now() + interval '1 day', now() + interval '2 days')",
            {"log_by_recorded_at", "items_pkey", "items_history_pkey"},
        ),
        (
            "select * from catalog.items_changed_between(now() + interval '1 day', now() + interval '2 days')"
            " where id > 7 order by id limit 20",
            {"log_by_recorded_at", "items_pkey", "items_history_pkey"},
        ),
    ],
)
def test_what_analysts_ask_for_by_a_field_is_found_by_an_index_now_and_then(
    session: psycopg.Connection, query: str, indexes: set[str]
) -> None:
    shown = plan(session, query)
    assert indexes_of(session, shown) == indexes
    assert not re.search("Seq Scan on (items|log|personal)|Function Scan on item", shown)


def test_the_history_is_left_alone_in_the_present(filled: psycopg.Connection) -> None:
    for query in ("select count(*) from items", "select count(*) from owners"):
        shown = plan(filled, f"(analyze, costs off, timing off) {query}")
        (history,) = re.findall(r"^.*Scan.* on items_history_live.*$", shown, re.MULTILINE)
        assert "never executed" in history
        assert "One-Time Filter" in shown
