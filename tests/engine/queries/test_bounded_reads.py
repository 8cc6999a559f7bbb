"""One read looks at a bounded number of rows: within the bound it is answered, beyond it refused or paged."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec import structs

import app.engine.queries.changes
import app.engine.queries.listing
import app.engine.store.log_reader
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents
from app.engine.queries.listing import Listing, Near
from app.engine.store.log_reader import EventFilter, LogEntry, read_settled
from app.errors import TooExpensive
from projections.items import Items
from tests.support.many_items import CREATE_ITEMS, SWAP_EVERY_SECOND_ITEM
from tests.support.patience import patient_settings

ITEMS = 60
NEWEST = Listing(order="created_at", limit=5)
FAR = Near(latitude=-50, longitude=-160)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Reader:
    """Reads synchronously, on one event loop and one pool."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.run = runner.run
        self.database = database
        self.items = Documents(database, Items)

    def ids(self, listing: Listing) -> list[int]:
        return [item["id"] for item in msgspec.json.decode(self.run(self.items.list_page(listing)).json)]

    def why_refused(self, listing: Listing) -> str:
        """The pointer to the parameter that makes the read too expensive."""
        with pytest.raises(TooExpensive) as refused:
            self.ids(listing)
        problems: Any = refused.value.facts["errors"]
        return str(problems[0]["pointer"])


@pytest.fixture(scope="module")
def reader(module_conninfo: str) -> Iterator[Reader]:
    """A database of items named Thing 1 to Thing 60, of which every second was swapped later."""
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        connection.execute(CREATE_ITEMS, (ITEMS,))
        connection.execute(SWAP_EVERY_SECOND_ITEM, (ITEMS,))
        connection.execute("update catalog.settled set position = 2 ^ 40, instant = now()")
    with asyncio.Runner() as runner:
        database = Database(module_conninfo, patient_settings().pool)
        runner.run(database.__aenter__())
        yield Reader(runner, database)
        runner.run(database.__aexit__())


@pytest.fixture(scope="module")
def then(reader: Reader) -> datetime:
    """An instant at which all items were created and none was swapped."""

    async def ask() -> datetime:
        async with reader.database.connection() as connection:
            query = "select max(recorded_at) from catalog.events where version = 1"
            row = await (await connection.execute(query)).fetchone()
        assert row is not None
        created: datetime = row[0]
        return created

    return reader.run(ask())


@pytest.fixture(params=["now", "then"])
def asked(request: pytest.FixtureRequest, then: datetime) -> Listing:
    return structs.replace(NEWEST, as_of=then if request.param == "then" else None)


def lower(monkeypatch: pytest.MonkeyPatch, **bounds: int) -> None:
    for name, value in bounds.items():
        monkeypatch.setattr(app.engine.queries.listing, name, value)


@pytest.mark.parametrize("search", ["+", "++++", "+ ++ +", "g+"])
def test_a_search_that_no_index_serves_is_refused_once_it_has_walked_far_enough(
    reader: Reader, asked: Listing, search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there are no more documents than the walk may compare, the search is answered."""
    for order in ("created_at", "updated_at", "name"):
        listing = structs.replace(asked, order=order, search=search)
        lower(monkeypatch, CANDIDATES_MAX=0, CANDIDATES_IN_LAST_STEP_MAX=0, WALKED_MAX=3 * ITEMS)
        assert reader.ids(listing) == []
        lower(monkeypatch, WALKED_MAX=3 * (ITEMS // 2 - 1))
        assert reader.why_refused(listing) == "/search"
    listing = structs.replace(asked, order=None, near=FAR, search=search)
    lower(monkeypatch, WALKED_MAX=ITEMS)
    assert reader.ids(listing) == []
    lower(monkeypatch, WALKED_MAX=ITEMS // 2 - 1)
    assert reader.why_refused(listing) == "/search"


def test_a_walk_that_meets_a_page_within_its_bound_is_answered(
    reader: Reader, asked: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk that ends after exactly a page does not know whether more follow, so the next page is refused."""
    lower(monkeypatch, CANDIDATES_MAX=0, CANDIDATES_IN_LAST_STEP_MAX=0, WALKED_MAX=10)
    listing = structs.replace(asked, equal={"status": "active"}, search="thing", limit=10)
    page = reader.run(reader.items.list_page(listing))
    assert len(msgspec.json.decode(page.json)) == 10
    assert page.last is not None
    assert reader.ids(structs.replace(listing, as_of=page.as_of, after=page.last)) != []
    assert reader.why_refused(structs.replace(listing, limit=21)) == "/search"


def test_where_the_walk_ends_too_early_all_candidates_are_looked_at(
    reader: Reader, asked: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matches are the oldest items."""
    listing = structs.replace(asked, search="rare2")
    expected = reader.ids(listing)
    lower(monkeypatch, CANDIDATES_MAX=0, CANDIDATES_IN_LAST_STEP_MAX=11, WALKED_MAX=3)
    assert reader.ids(listing) == expected == [29, 28, 27, 26, 25]
    lower(monkeypatch, CANDIDATES_IN_LAST_STEP_MAX=10)
    assert reader.why_refused(listing) == "/search"


@pytest.mark.parametrize("offset", [9, 10, 30, 50])
def test_a_walk_that_ends_before_the_offset_is_not_an_empty_page(
    reader: Reader, asked: Listing, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower(monkeypatch, CANDIDATES_MAX=0, CANDIDATES_IN_LAST_STEP_MAX=0, WALKED_MAX=10)
    listing = structs.replace(asked, equal={"status": "active"}, search="thing", offset=offset, limit=20)
    assert reader.why_refused(listing) == "/search"
    lower(monkeypatch, OFFSET_MAX=5)
    assert reader.why_refused(listing) in ("/search", "/offset")


@pytest.mark.parametrize("how", [{}, {"search": "thing"}, {"order": None, "near": FAR}])
def test_an_offset_is_refused_where_so_many_are_passed_over_and_not_where_there_are_fewer(
    reader: Reader, asked: Listing, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = structs.replace(asked, **how)
    lower(monkeypatch, OFFSET_MAX=ITEMS - 1, OFFSET_BY_DISTANCE_MAX=ITEMS - 1)
    assert len(reader.ids(structs.replace(listing, offset=ITEMS - 1))) == 1
    assert reader.why_refused(structs.replace(listing, offset=ITEMS)) == "/offset"
    lower(monkeypatch, OFFSET_MAX=ITEMS, OFFSET_BY_DISTANCE_MAX=ITEMS)
    assert reader.ids(structs.replace(listing, offset=2**31 - 1)) == []


@pytest.mark.parametrize("equal", [{}, {"status": "swapped"}, {"owner_id": "owner7"}, {"owner_id": "nobody"}])
def test_changes_are_the_same_however_few_streams_a_page_looks_at(
    reader: Reader, then: datetime, equal: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for since, until in ((BEGINNING, then), (then, datetime.now(UTC)), (BEGINNING, datetime.now(UTC))):
        expected = reader.run(reader.items.changed_between(since, until, equal, 0, ITEMS))
        assert expected.upto is None
        with monkeypatch.context() as patch:
            patch.setattr(app.engine.queries.changes, "EVENTS_MAX", 3)
            patch.setattr(app.engine.queries.changes, "STREAMS_MAX", 7)
            pages = [reader.run(reader.items.changed_between(since, until, equal, 0, 5))]
            while (upto := pages[-1].upto) is not None:
                pages.append(reader.run(reader.items.changed_between(since, until, equal, upto, 5)))
        assert [change for page in pages for change in page.changes] == expected.changes
        assert max(len(page.changes) for page in pages) <= 5
        assert len(pages) >= ITEMS // 7


@pytest.mark.parametrize(
    "sought",
    [
        EventFilter(user_id="tester"),
        EventFilter(user_id="nobody"),
        EventFilter(correlation_id="none"),
        EventFilter(type="item_status_changed"),
        EventFilter(type="item_deleted"),
        EventFilter(stream_id=7),
        EventFilter(stream_id=7, type="item_status_changed"),
        EventFilter(user_id="nobody", since=BEGINNING, until=datetime.now(UTC) + timedelta(days=1)),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_log_is_the_same_however_few_events_a_page_looks_at(
    reader: Reader, sought: EventFilter, backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [event for event in pages_of(reader, EventFilter(), backwards, 1000)[0] if is_sought(event, sought)]
    assert pages_of(reader, sought, backwards, 1000)[0] == expected
    monkeypatch.setattr(app.engine.store.log_reader, "SCANNED_EVENTS_MAX", 4)
    found, pages = pages_of(reader, sought, backwards, 3)
    assert found == expected
    assert pages >= (1 if sought.stream_id else ITEMS // 4)


def pages_of(reader: Reader, sought: EventFilter, backwards: bool, limit: int) -> tuple[list[LogEntry], int]:
    """All matching events, and the number of their pages."""

    async def read(after: int, before: int | None) -> app.engine.store.log_reader.LogPage:
        async with reader.database.connection() as connection:
            return await read_settled(connection, after, limit, sought, before)

    found: list[LogEntry] = []
    upto, pages, more = (2**62 if backwards else 0), 0, True
    while more:
        page = reader.run(read(0, upto) if backwards else read(upto, None))
        found += page.events
        upto, pages, more = page.upto, pages + 1, page.more
    return found, pages


def is_sought(event: LogEntry, sought: EventFilter) -> bool:
    metadata = msgspec.json.decode(event.metadata)
    return (
        sought.type in (None, event.type)
        and sought.stream_id in (None, event.stream_id)
        and sought.user_id in (None, metadata["user_id"])
        and sought.correlation_id in (None, metadata.get("correlation_id"))
    )
