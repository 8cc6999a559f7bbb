"""The demo's year: a past that is right by all that the catalogue checks, and put only where nobody could be misled."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from app.cli.catalog import main
from app.demo.seed_year import Town, fill
from app.engine.background.verify import verify
from app.engine.store.high_water_mark import advance_mark
from app.errors import SetupError
from app.main import PROJECTIONS
from tests.support.interleaving import connect_interleaved
from tests.support.operator_commands import eventually, fetch_value
from tests.support.service_process import running_service

SPREAD = """
select count(*), count(distinct recorded_at::date), max(recorded_at) - min(recorded_at), max(recorded_at) < now(),
    count(distinct type), count(distinct metadata ->> 'user_id')
from catalog.events
"""


def rows(conninfo: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def test_it_is_a_year_of_all_kinds_of_events_by_many(conninfo: str) -> None:
    events = fill(conninfo)
    ((count, days, span, is_past, kinds, owners),) = rows(conninfo, SPREAD)
    assert count == events > 2_000
    assert days > 300
    assert timedelta(days=355) < span < timedelta(days=366)
    assert (is_past, kinds) == (True, 5)
    assert owners > 30


def test_positions_are_in_order_of_time_and_versions_have_no_holes(conninfo: str) -> None:
    fill(conninfo)
    wrong = """
    select * from (
        select recorded_at > lag(recorded_at) over (order by position) as later,
            version = row_number() over (partition by stream_id order by recorded_at) as counted
        from catalog.events
    ) as event where later = false or not counted
    """
    assert rows(conninfo, wrong) == []
    assert rows(conninfo, "select * from catalog.events where event_id::text !~ '^[0-9a-f-]{14}7'") == []


def test_every_document_is_what_the_log_says_and_the_service_goes_on_from_there(conninfo: str) -> None:
    events = fill(conninfo)
    with running_service({"DATABASE_URL": conninfo}) as (url, _):
        body = {
            "name": "Rake",
            "description": "Ten teeth.",
            "category": "garden",
            "image_urls": ["page/pictures/spade.svg"],
            "location_lat": 51.3,
            "location_lon": 12.3,
            "owner_id": "Ada",
        }
        made = httpx.post(f"{url}/api/v2/items", json=body)
        assert int(made.headers["X-Position"]) == events + 1
        owner = httpx.get(f"{url}/api/v2/owners/Ada", params={"min_position": events + 1})
        assert owner.status_code == 200
    for read_model in PROJECTIONS:
        verified = asyncio.run(verify(conninfo, read_model))
        assert verified.checked > 9
        assert verified.differing == []


def test_the_same_seed_is_the_same_year_and_another_one_another() -> None:
    until = datetime(2026, 5, 1, tzinfo=UTC)
    year = Town(3, until).live()
    assert year == Town(3, until).live()
    assert year != Town(4, until).live()


def test_a_catalogue_with_items_is_left_alone(conninfo: str) -> None:
    events = fill(conninfo)
    assert fill(conninfo) == 0
    assert rows(conninfo, "select count(*) from catalog.events") == [(events,)]


def test_an_empty_one_whose_past_has_been_told_keeps_it(conninfo: str) -> None:
    """That there was nothing then may be in a cache for good."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("select catalog.publish_mark(position, instant) from catalog.begin_mark()")
    with pytest.raises(SetupError, match="must stay true"):
        fill(conninfo)
    assert rows(conninfo, "select count(*) from catalog.events") == [(0,)]


def test_an_empty_one_with_an_instant_about_to_be_settled_stays_empty(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("select catalog.begin_mark()")
    with pytest.raises(SetupError, match="must stay true"):
        fill(conninfo)


def test_the_mark_waits_until_the_year_is_stored(conninfo: str, connection: psycopg.Connection) -> None:
    """A lock holds up the last step, when all events are written and none is committed."""
    statements: list[str] = []

    async def advance() -> int:
        async with await connect_interleaved(conninfo, statements.append) as marking:
            return (await advance_mark(marking)).position

    with ThreadPoolExecutor(2) as pool, psycopg.connect(conninfo) as locking:
        locking.execute("lock table catalog.items in exclusive mode")
        filling = pool.submit(fill, conninfo)
        is_held_up = "select count(*) = 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
        eventually(lambda: fetch_value(connection, is_held_up, locking.info.backend_pid), "the events are written")
        advancing = pool.submit(asyncio.run, advance())
        eventually(lambda: len(statements) > 4 or advancing.done(), "the mark is noted, and the holders are seen")
        assert not advancing.done()
        assert fetch_value(connection, "select position from catalog.settled") == 0
        locking.rollback()
        assert advancing.result(timeout=60) == filling.result(timeout=60)
    assert fetch_value(connection, "select count(*) from catalog.log where recorded_at > now()") == 0


@pytest.mark.parametrize(
    "setting",
    [
        {"DATABASE_URL": "postgresql://nowhere/x"},
        {"CATALOG_ENV": "production", "CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": "x" * 32},
    ],
)
def test_no_other_database_than_our_own_gets_it(setting: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(main, ["serve", "--demo"])
    assert ran.exit_code == 1
