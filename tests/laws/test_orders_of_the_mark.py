"""The mark is right whatever happens between two of its statements: appends begin, end, or are held open."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.postgres.connections import read_json_as_bytes
from app.engine.store import log_reader
from app.engine.store.high_water_mark import advance_mark, current_instant_after_appends
from app.engine.store.log_reader import EventFilter, read_settled
from tests.support.appending import append
from tests.support.interleaving import AppendsHeldOpen, connect_interleaved
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.workload import SPADE

ROUNDS = 5
ENDS_WITHIN_SECONDS = 60
SETTLE = "select catalog.publish_mark(position, instant) from catalog.begin_mark()"
NOTED_INSTANT = "select noted_instant from catalog.settled"
MARK = "select position, instant from catalog.settled"


@pytest.fixture(scope="module")
def catalog(module_conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_conninfo, autocommit=True) as opened:
        yield opened


async def advanced(connection: AsyncConnection) -> tuple[int, datetime]:
    mark = await advance_mark(connection)
    return mark.position, mark.instant


async def now(connection: AsyncConnection) -> tuple[int, datetime]:
    return 0, await current_instant_after_appends(connection, timeout_seconds=60)


@pytest.mark.parametrize("find", [advanced, now])
def test_no_event_up_to_what_is_settled_is_committed_later(
    module_conninfo: str, find: Callable[[AsyncConnection], Awaitable[tuple[int, datetime]]]
) -> None:
    """An append begins before each statement and stays open for three. Later appends are not waited for."""

    async def settled() -> tuple[int, datetime]:
        connection = await connect_interleaved(module_conninfo, appends)
        async with connection:
            return await find(connection)

    for _ in range(ROUNDS):
        with AppendsHeldOpen(module_conninfo) as appends:
            position, instant = asyncio.run(settled())
            assert [each for each in appends.open if each.position <= position or each.recorded_at <= instant] == []
            assert appends.open, "appends are open that began later"


def test_an_append_that_begins_while_the_mark_is_being_noted_is_waited_for(
    module_conninfo: str, catalog: psycopg.Connection
) -> None:
    """A lock keeps begin_mark from noting anything until an append has taken its position."""
    statements: list[str] = []

    async def advance() -> tuple[int, datetime]:
        async with await connect_interleaved(module_conninfo, statements.append) as connection:
            return await advanced(connection)

    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(module_conninfo) as locking,
        psycopg.connect(module_conninfo) as appending,
    ):
        locking.execute("select from catalog.settled for update")
        advancing = pool.submit(asyncio.run, advance())
        is_blocked = "select count(*) = 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
        until(lambda: fetch_value(catalog, is_blocked, locking.info.backend_pid), "the mark waits to be noted")
        _, _, position, _, _ = append(appending, None, [SPADE])
        locking.rollback()
        until(lambda: sum("gate_holders" in each for each in statements) >= 3 or advancing.done(), "it looks again")
        assert not advancing.done()
        assert fetch_value(catalog, "select position from catalog.settled") < position
        appending.commit()
        settled, _ = advancing.result(timeout=60)
    assert settled >= position


def test_a_mark_that_is_published_late_moves_nothing_back(catalog: psycopg.Connection) -> None:
    append(catalog, None, [SPADE])
    slow = catalog.execute("select * from catalog.begin_mark()").fetchone()
    append(catalog, None, [SPADE])
    catalog.execute(SETTLE)
    newest = catalog.execute(MARK).fetchone()
    assert slow is not None
    catalog.execute("select catalog.publish_mark(%s, %s)", slow)
    assert catalog.execute(MARK).fetchone() == newest


def test_nothing_is_published_that_was_not_noted(catalog: psycopg.Connection) -> None:
    catalog.execute(SETTLE)
    before = catalog.execute(MARK).fetchone()
    position, noted = fetch_value(catalog, "select last_value from catalog.log_position_seq"), "noted_instant"
    for ahead in (f"{position}, {noted} + interval '1 microsecond'", f"{position + 1}, {noted}"):
        catalog.execute(f"select catalog.publish_mark({ahead}) from catalog.settled".encode())
        assert catalog.execute(MARK).fetchone() == before


@pytest.mark.parametrize(
    "event_filter", [EventFilter(), EventFilter(type="item_created"), EventFilter(user_id="tester")]
)
@pytest.mark.parametrize("scanned_max", [2, 200_000])
def test_pages_read_while_events_are_settled_miss_and_repeat_none(
    conninfo: str, event_filter: EventFilter, scanned_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each statement an event is stored and settled: the mark and the events must be of one snapshot."""
    monkeypatch.setattr(log_reader, "SCANNED_EVENTS_MAX", scanned_max)
    with psycopg.connect(conninfo, autocommit=True) as other:

        def store_one(_: str) -> None:
            append(other, None, [SPADE])
            other.execute(SETTLE)

        async def read_pages() -> tuple[list[int], int]:
            seen, upto = [], 0
            async with await connect_interleaved(conninfo, store_one) as connection:
                read_json_as_bytes(connection)
                for _ in range(30):
                    page = await read_settled(connection, upto, 3, event_filter)
                    seen += [event.position for event in page.events]
                    upto = page.upto
            return seen, upto

        seen, upto = asyncio.run(read_pages())
        stored = [position for (position,) in other.execute("select position from catalog.log order by position")]
    assert seen == [position for position in stored if position <= upto]
    assert len(seen) >= 30


async def present(conninfo: str) -> datetime:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
        return await current_instant_after_appends(opened, ENDS_WITHIN_SECONDS)


def test_the_present_has_the_append_that_it_waited_for_though_the_clock_has_stepped_back(
    connection: psycopg.Connection,
) -> None:
    """Such an append is recorded just after the pending instant, and so later than the clock."""
    connection.execute("update catalog.settled set noted_instant = clock_timestamp() + interval '1 hour'")
    with psycopg.connect(connection.info.dsn) as slow, ThreadPoolExecutor(1) as pool:
        _, _, _, recorded_at, _ = append(slow, None, [SPADE])
        now = pool.submit(asyncio.run, present(connection.info.dsn))
        until(lambda: fetch_value(connection, WAITS_FOR_APPENDS) or now.done(), "it waits for the append")
        assert not now.done()
        slow.commit()
        assert now.result(ENDS_WITHIN_SECONDS) >= recorded_at


WAITS_FOR_APPENDS = """
select exists (
    select from pg_stat_activity
    where datname = current_database()
        and pid <> pg_backend_pid()
        and query like '%%gate_holders()%%'
)
"""
