"""Law 3 for collections: listings, an owner's items, rollups and statistics as of T use only events up to T."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, islice, product
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import app.engine.queries.listing
from app.domain.events import ItemChanges, ItemUpdated
from app.engine.events.event import Recorded
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents, ListingPage, RollupDocuments
from app.engine.queries.listing import Listing, Near
from app.errors import TooExpensive
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners
from tests.support.appending import append, json_as_bytes
from tests.support.patience import patient_settings
from tests.support.random_histories import ELSEWHERE, PLACES, RADII_KM, listings, many_items
from tests.support.reference_model import ReferenceModel, append_steps, distance_of, empty_catalog, whole_log
from tests.support.workload import SPADE

BEFORE_EVERYTHING = datetime(1, 1, 1, tzinfo=UTC)
AFTER_EVERYTHING = datetime(2200, 1, 1, tzinfo=UTC)

instants = st.lists(st.tuples(st.integers(0, 50), st.sampled_from((-1, 0, 1))), min_size=1, max_size=2)
"""The number of an event, and how many microseconds after it."""


class Reader:
    """Reads documents synchronously, on one event loop and one pool."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.run = runner.run
        self.items = Documents(database, Items)
        self.owners = RollupDocuments(database, Owners)
        self.categories = RollupDocuments(database, Categories)

    def pages(self, asked: Listing, limits: list[int]) -> Iterator[ListingPage]:
        """Every page; each begins after the last key of the page before."""
        for limit in islice(cycle(limits), 100):
            page = self.run(self.items.list_page(structs.replace(asked, limit=limit)))
            yield page
            if page.last is None:
                return
            asked = structs.replace(asked, after=page.last, as_of=page.as_of)
        raise AssertionError("the pages do not end")


@pytest.fixture(scope="module")
def reader(module_conninfo: str) -> Iterator[Reader]:
    with asyncio.Runner() as runner:
        database = Database(module_conninfo, patient_settings().pool)
        runner.run(database.__aenter__())
        yield Reader(runner, database)
        runner.run(database.__aexit__())


@pytest.fixture(scope="module")
def writer(module_conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        json_as_bytes(connection)
        yield connection


def moments(log: list[Recorded[Any]], chosen: list[tuple[int, int]]) -> list[datetime]:
    recorded = sorted({event.recorded_at for event in log})
    near = [recorded[n % len(recorded)] + timedelta(microseconds=shift) for n, shift in chosen if recorded]
    return [*near, AFTER_EVERYTHING if near else BEFORE_EVERYTHING]


def items_of(page: ListingPage, asked: Listing) -> list[Item]:
    """The items of a page without their distances, which are checked: present if asked for, and correct."""
    found = msgspec.json.decode(page.json, type=list[dict[str, Any]])
    distances = [item.pop("distance_km", None) for item in found]
    items = msgspec.convert(found, list[Item])
    for item, distance in zip(items, distances, strict=True):
        assert (distance is None) == (asked.near is None)
        assert distance is None or abs(distance - distance_of(item, asked)) < 0.0006
    return items


@settings(max_examples=40)
@given(
    steps=many_items,
    chosen=instants,
    asked=st.lists(listings, min_size=1, max_size=4),
    limits=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    few=st.sampled_from((0, 3, app.engine.queries.listing.RECENTLY_REPLACED_MAX)),
    bounds=st.sampled_from(({}, {"CANDIDATES_MAX": 0}, {"CANDIDATES_MAX": 0, "WALKED_MAX": 3})),
)
def test_a_listing_as_of_an_instant_has_each_item_of_then_once_and_in_order_on_pages_of_any_size(
    reader: Reader,
    writer: psycopg.Connection,
    steps: list[Any],
    chosen: list[tuple[int, int]],
    asked: list[Listing],
    limits: list[int],
    few: int,
    bounds: dict[str, int],
) -> None:
    """The answer is the same for every plan.

    Documents that were replaced since are looked up or walked to. Candidates are known, or documents are walked in
    order, or the walk ends too early and all candidates are compared.
    """
    empty_catalog(writer)
    append_steps(writer, steps)
    log = whole_log(writer, Items.registry)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"RECENTLY_REPLACED_MAX": few, **bounds}.items():
            patch.setattr(app.engine.queries.listing, name, value)
        for listing in asked:
            try:
                assert_listed(reader, log, chosen, [listing], limits)
            except TooExpensive:
                assert "WALKED_MAX" in bounds
                assert listing.order is None or not any(map(str.isalnum, listing.search))


def assert_listed(
    reader: Reader, log: list[Recorded[Any]], chosen: list[tuple[int, int]], asked: list[Listing], limits: list[int]
) -> None:
    for instant in moments(log, chosen):
        world = ReferenceModel(log, instant)
        for listing in [structs.replace(each, as_of=instant) for each in asked]:
            expected = world.listed(listing)
            pages = list(reader.pages(listing, limits))
            sizes = [len(items_of(page, listing)) for page in pages]
            assert sizes[:-1] == list(chain.from_iterable([limits] * len(pages)))[: len(pages) - 1]
            assert [item for page in pages for item in items_of(page, listing)] == expected
            window = structs.replace(listing, limit=1, offset=1 + chosen[0][0] % 5)
            cut = expected[window.offset : window.offset + window.limit]
            assert items_of(reader.run(reader.items.list_page(window)), window) == cut


@settings(max_examples=30)
@given(
    steps=many_items,
    asked=st.lists(listings, min_size=1, max_size=4),
    limits=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_a_listing_of_the_present_is_made_of_all_events_though_the_clock_has_stepped_back(
    reader: Reader, writer: psycopg.Connection, steps: list[Any], asked: list[Listing], limits: list[int]
) -> None:
    """All instants of the log are in the future of the clock here."""
    empty_catalog(writer)
    append_steps(writer, steps)
    world = ReferenceModel(whole_log(writer, Items.registry))
    for listing in asked:
        pages = list(reader.pages(listing, limits))
        assert [item for page in pages for item in items_of(page, listing)] == world.listed(listing)


def test_from_every_place_and_within_every_radius_the_same_is_near_then_and_now(
    reader: Reader, writer: psycopg.Connection
) -> None:
    """Also across the poles and the 180th meridian. Every item was in Berlin before it moved; Berlin finds none now."""
    empty_catalog(writer)
    for place in PLACES:
        moved = ItemChanges(location_lat=place[0], location_lon=place[1])
        append(writer, None, [SPADE, ItemUpdated(changes=moved, previous_values=ItemChanges())])
    log = whole_log(writer, Items.registry)
    middle = log[len(log) // 2].recorded_at
    for (latitude, longitude), within_km in product((*PLACES, *ELSEWHERE), (*RADII_KM, None)):
        near = Near(latitude=latitude, longitude=longitude, within_km=within_km)
        for instant in (AFTER_EVERYTHING, middle):
            asked = Listing(order=None, near=near, as_of=instant, limit=100)
            assert items_of(reader.run(reader.items.list_page(asked)), asked) == ReferenceModel(log, instant).listed(
                asked
            )


@settings(max_examples=50)
@given(steps=many_items, chosen=instants)
def test_items_shelves_rollups_and_statistics_as_of_an_instant_are_made_of_the_events_until_then(
    reader: Reader, writer: psycopg.Connection, steps: list[Any], chosen: list[tuple[int, int]]
) -> None:
    empty_catalog(writer)
    streams = append_steps(writer, steps)
    log = whole_log(writer, Items.registry)
    for instant in moments(log, chosen):
        world = ReferenceModel(log, instant)
        assert_items(reader, world, streams, instant)
        counted = reader.run(reader.items.count_by("category", "status", as_of=instant))
        assert {tuple(keys): count for *keys, count in counted} == world.counted("category", "status")
        for owner in ("ann", "Ann", "zoë", "nobody"):
            shelf = Listing(order="created_at", equal={"owner_id": owner}, as_of=instant, limit=2**31 - 1)
            assert items_of(reader.run(reader.items.list_page(shelf)), shelf) == world.listed(shelf)
        assert all_of(writer, "owners_as_of", Owners(), instant) == world.owners()
        assert all_of(writer, "categories_as_of", Categories(), instant) == world.categories()
        for owner in (*world.owners(), "nobody"):
            found = reader.run(reader.owners.get(owner, instant))
            assert (found and Owners().canonical_json(found)) == world.owners().get(owner)
        for category in (*world.categories(), "nothing"):
            found = reader.run(reader.categories.get(category, instant))
            assert (found and Categories().canonical_json(found)) == world.categories().get(category)


def assert_items(reader: Reader, world: ReferenceModel, streams: list[int], instant: datetime) -> None:
    for stream in [*streams, 2**31 - 1]:
        found = reader.run(reader.items.get_as_of(stream, instant))
        item = world.items.get(stream)
        assert (found and Items().canonical_json(found.json)) == (item and Items().canonical_json(item))
        assert found is None or (item and (found.version, found.valid_from) == (item.version, item.updated_at))


def all_of(
    connection: psycopg.Connection, function: str, rollup: Owners | Categories, instant: datetime
) -> dict[str, bytes]:
    """Every document of a rollup as of an instant."""
    rows = connection.execute(f"select key, document from catalog.{function}(%s)".encode(), (instant,)).fetchall()
    return {key: rollup.canonical_json(document) for key, document in rows}
