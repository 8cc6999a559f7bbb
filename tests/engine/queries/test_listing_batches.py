"""A listing is the same however it is fetched: in batches of any size, by circles of any size, behind any offset."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec import structs

from app.engine.postgres.bulkheads import DEEP_PAGES, NEAR, SEARCHES, CostlyRead
from app.engine.queries import documents, listing, listing_rows
from app.engine.queries.listing import Listing, Near, SortKey, costly_read_of
from app.errors import TooExpensive
from projections.items import Items
from tests.support.appending import append, json_as_bytes
from tests.support.listing_checks import Reader, items_of, reader_of
from tests.support.reference_model import ReferenceModel, whole_log
from tests.support.workload import SPADE

ITEMS = 7
NEWEST = Listing(order="created_at", limit=ITEMS)


@pytest.fixture(scope="module")
def writer(module_conninfo: str) -> Iterator[psycopg.Connection]:
    """A connection to a catalog of seven items on one meridian, each twice as far from the equator as the last."""
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        json_as_bytes(connection)
        for number in range(ITEMS):
            append(connection, None, [structs.replace(SPADE, location_lat=2.0**number / 2, location_lon=0.0)])
        yield connection


@pytest.fixture(scope="module")
def reader(writer: psycopg.Connection, module_conninfo: str) -> Iterator[Reader]:
    with reader_of(module_conninfo) as opened:
        yield opened


def ids_of_all(reader: Reader, limit: int, most_bytes: int) -> list[int] | None:
    found = reader.run(reader.items.list_all(structs.replace(NEWEST, limit=limit), most_bytes))
    return None if found is None else [item["id"] for item in msgspec.json.decode(found)]


@pytest.mark.parametrize("fetched", [1, 3, ITEMS - 1, ITEMS, ITEMS + 1, documents.FETCH_ROWS])
def test_a_whole_listing_is_fetched_in_batches_of_any_size_up_to_its_limits(
    reader: Reader, fetched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "FETCH_ROWS", fetched)
    everything = list(range(ITEMS, 0, -1))
    whole = reader.run(reader.items.list_all(NEWEST, 2**20))
    assert whole is not None
    documents_bytes = len(whole) - len("[]") - (ITEMS - 1)
    assert ids_of_all(reader, ITEMS, documents_bytes) == everything
    assert ids_of_all(reader, ITEMS + 1, 2**20) == everything
    assert ids_of_all(reader, ITEMS, documents_bytes - 1) is None
    assert ids_of_all(reader, ITEMS - 1, 2**20) is None


@pytest.mark.parametrize("candidates", [1, 4, ITEMS, listing.CANDIDATES_IN_LAST_STEP_MAX])
@pytest.mark.parametrize(("first_km", "factor"), [(0.25, 2.0), (60.0, 1.5), (30_000.0, 2.0)])
@pytest.mark.parametrize("within_km", [None, 1000.0])
def test_the_nearest_are_found_in_circles_of_any_size(
    reader: Reader,
    writer: psycopg.Connection,
    candidates: int,
    first_km: float,
    factor: float,
    within_km: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If a circle has too many candidates, all documents are walked through. Pages begin behind the last one."""
    monkeypatch.setattr(listing, "CANDIDATES_IN_LAST_STEP_MAX", candidates)
    monkeypatch.setattr(listing_rows, "FIRST_RADIUS_KM", first_km)
    monkeypatch.setattr(listing_rows, "RADIUS_FACTOR", factor)
    near = Near(latitude=0.0, longitude=0.0, within_km=within_km)
    asked = Listing(order=None, near=near, limit=2)
    expected = ReferenceModel(whole_log(writer, Items.registry)).listed(asked)
    assert len(expected) == (ITEMS if within_km is None else 5)
    found = [item for page in reader.pages(asked, [2]) for item in items_of(page, asked)]
    assert found == expected
    for offset in range(ITEMS):
        window = structs.replace(asked, offset=offset)
        assert items_of(reader.run(reader.items.list_page(window)), window) == expected[offset : offset + 2]


def test_a_page_that_a_circle_fills_needs_no_walk(
    reader: Reader, writer: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first circles have fewer documents than a page, so larger ones are searched."""
    bounds = {"CANDIDATES_IN_LAST_STEP_MAX": 4, "WALKED_MAX": 1}
    for name, value in bounds.items():
        monkeypatch.setattr(listing, name, value)
    asked = Listing(order=None, near=Near(latitude=0.0, longitude=0.0), search="spade", limit=2)
    expected = ReferenceModel(whole_log(writer, Items.registry)).listed(asked)
    assert len(expected) == ITEMS
    assert items_of(reader.run(reader.items.list_page(asked)), asked) == expected[:2]


def test_the_first_circle_of_a_later_page_is_at_least_as_large_as_the_last_distance(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def radii(after_km: float, within_km: float) -> list[float]:
        near = Near(latitude=0.0, longitude=0.0, within_km=within_km)
        return list(listing_rows._radii(near, SortKey(after_km, 1)))

    monkeypatch.setattr(listing_rows, "FIRST_RADIUS_KM", 1.0)
    assert radii(0.0, 5.0) == [1.0, 2.0, 4.0]
    assert radii(2.0, 4.0) == [2.0]
    assert radii(2.1, 9.0) == [4.0, 8.0]
    assert radii(5.0, 4.0) == []


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        ({"offset": 2}, None),
        ({"offset": 3}, DEEP_PAGES),
        ({"offset": 3, "search": "x"}, SEARCHES),
        ({"search": "x"}, SEARCHES),
        ({"offset": 3, "near": Near(latitude=0.0, longitude=0.0)}, NEAR),
    ],
)
def test_a_listing_is_a_costly_read_behind_a_large_offset(
    asked: dict[str, Any], cost: CostlyRead | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "CHEAP_OFFSET_MAX", 2)
    assert costly_read_of(structs.replace(NEWEST, **asked)) is cost


@pytest.mark.parametrize(("offset", "pointer"), [(1, "/search"), (2, "/search"), (3, "/offset")])
def test_the_offset_is_to_blame_where_it_is_large_and_else_the_search(
    reader: Reader, offset: int, pointer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = {"CANDIDATES_MAX": 0, "CANDIDATES_IN_LAST_STEP_MAX": 0, "WALKED_MAX": 3, "CHEAP_OFFSET_MAX": 2}
    for name, value in bounds.items():
        monkeypatch.setattr(listing, name, value)
    with pytest.raises(TooExpensive) as refused:
        reader.run(reader.items.list_page(structs.replace(NEWEST, search="spade", offset=offset)))
    problems: Any = refused.value.facts["errors"]
    assert [problem["pointer"] for problem in problems] == [pointer]
