"""Compare listings with the reference model: as of any instant, on pages of any size."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, islice
from typing import Any

import msgspec
from msgspec import structs

from app.engine.events.event import Recorded
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents, ListingPage, RollupDocuments
from app.engine.queries.listing import Listing
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners
from tests.support.patience import patient_settings
from tests.support.reference_model import ReferenceModel, distance_of

BEFORE_EVERYTHING = datetime(1, 1, 1, tzinfo=UTC)
AFTER_EVERYTHING = datetime(2200, 1, 1, tzinfo=UTC)


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


@contextmanager
def reader_of(conninfo: str) -> Iterator[Reader]:
    with asyncio.Runner() as runner:
        database = Database(conninfo, patient_settings().pool)
        runner.run(database.__aenter__())
        yield Reader(runner, database)
        runner.run(database.__aexit__())


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
