"""Law 3 for collections: listings, an owner's items, rollups and statistics as of T use only events up to T."""

from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app.engine.queries.listing
from app.domain.events import ItemChanges, ItemUpdated
from app.engine.queries.listing import Listing, Near
from app.errors import TooExpensive
from projections.categories import Categories
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append, json_as_bytes
from tests.support.listing_checks import AFTER_EVERYTHING, Reader, assert_listed, items_of, moments, reader_of
from tests.support.random_histories import ELSEWHERE, PLACES, RADII_KM, listings, many_items
from tests.support.reference_model import ReferenceModel, append_steps, empty_catalog, whole_log
from tests.support.workload import SPADE

instants = st.lists(st.tuples(st.integers(0, 50), st.sampled_from((-1, 0, 1))), min_size=1, max_size=2)
"""The number of an event, and how many microseconds after it."""


@pytest.fixture(scope="module")
def reader(module_conninfo: str) -> Iterator[Reader]:
    with reader_of(module_conninfo) as opened:
        yield opened


@pytest.fixture(scope="module")
def writer(module_conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        json_as_bytes(connection)
        yield connection


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
