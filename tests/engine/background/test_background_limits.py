"""The background gives up, tries again and helps when its limits say so, and not before."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from app.engine.background import projection_admin, rebuild_swap, two_connections
from app.engine.background import projector as projecting
from app.engine.background.projection_admin import ProjectionAdmin
from app.engine.background.projector import Projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildUnderWay
from app.engine.background.two_connections import TwoConnections
from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.pool import Database
from app.engine.postgres.session_settings import REBUILD
from app.errors import Unavailable
from app.main import PROJECTIONS
from projections.items import Items
from tests.support.appending import append
from tests.support.held_rebuild import HOLDS_LOCK
from tests.support.patience import patient_settings
from tests.support.workload import SPADE, differences, poison

REBUILT = "select last_rebuild ->> 'ended_at', last_rebuild ->> 'error' from catalog.projections where name = %s"

SLEEPS = "select count(*) from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'"
CANCEL = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'"


@contextmanager
def other_client(conninfo: str, statement: str) -> Iterator[psycopg.Connection]:
    """Another client, in a transaction that has executed a statement."""
    with psycopg.connect(conninfo) as opened:
        opened.execute(statement.encode())
        yield opened


@pytest.mark.parametrize(
    "statement", ["select 1 from catalog.items", "set transaction isolation level repeatable read; select 1"]
)
def test_a_swap_gives_up_if_a_transaction_stays_too_long_and_the_old_documents_serve(
    connection: psycopg.Connection, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reads the table, the other has an older snapshot. With more time the same rebuild ends when they do."""
    append(connection, None, [SPADE])
    conninfo = connection.info.dsn
    with other_client(conninfo, statement):
        with monkeypatch.context() as patch:
            patch.setattr(rebuild_swap, "SWAP_GIVE_UP_SECONDS", 0.2)
            with pytest.raises(Unavailable, match="long transactions held the old one for"):
                asyncio.run(asyncio.wait_for(rebuild(conninfo, Items), 60))
        ((_, error),) = connection.execute(REBUILT, ("items",)).fetchall()
        assert error is not None
        assert "long transactions" in error
        assert connection.execute("select count(*) from catalog.items").fetchone() == (1,)
        assert connection.execute("select to_regclass('catalog.items_next')").fetchone() == (None,)
    asyncio.run(rebuild(conninfo, Items))
    ((_, error),) = connection.execute(REBUILT, ("items",)).fetchall()
    assert error is None
    assert differences(conninfo) == []


@pytest.mark.parametrize("starts_within_seconds", [0.0, 0.05, 60.0])
def test_a_rebuild_that_waits_for_an_append_is_accepted_after_a_moment(
    connection: psycopg.Connection, starts_within_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With much patience the start is waited for: here until the append ends."""
    monkeypatch.setattr(projection_admin, "REBUILD_STARTS_WITHIN_SECONDS", starts_within_seconds)
    append(connection, None, [SPADE])
    conninfo = connection.info.dsn

    async def run() -> None:
        database = Database(conninfo, patient_settings().pool)
        async with database, ProjectionAdmin(conninfo, database, PROJECTIONS) as admin:
            with other_client(conninfo, "select pg_advisory_xact_lock_shared(catalog.append_gate())") as appending:
                starting = asyncio.create_task(admin.start_rebuild("items"))
                if starts_within_seconds < 1:
                    await starting
                while not await is_locked(admin):  # noqa: ASYNC110, nothing tells when it begins
                    await asyncio.sleep(0)
                assert starting.done() == (starts_within_seconds < 1)
                with pytest.raises(RebuildUnderWay):
                    await rebuild(conninfo, Items)
                appending.rollback()
            await starting
            await asyncio.wait(admin._rebuilds)

    async def is_locked(admin: ProjectionAdmin) -> bool:
        lock = ("ExclusiveLock", rebuild_lock_key("items"))
        return bool(admin._rebuilds) and connection.execute(HOLDS_LOCK, lock).fetchone() == (True,)

    asyncio.run(asyncio.wait_for(run(), 120))
    ((ended, error),) = connection.execute(REBUILT, ("items",)).fetchall()
    assert (ended is not None, error) == (True, None)


@pytest.mark.parametrize(("retry_seconds", "attempts"), [(600.0, 1), (0.0, 3)])
def test_a_projection_that_cannot_be_rebuilt_is_tried_again_after_a_time(
    connection: psycopg.Connection, retry_seconds: float, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "FAILED_REBUILD_RETRY_SECONDS", retry_seconds)
    poison(connection)
    connection.execute("update catalog.projections set fingerprint = 'of other rules' where name = 'owners'")
    projector = Projector(connection.info.dsn, PROJECTIONS)
    ended = set()
    for _ in range(3):
        asyncio.run(projector.maintain())
        ((at, error),) = connection.execute(REBUILT, ("owners",)).fetchall()
        assert error is not None
        ended.add(at)
    assert len(ended) == attempts


@pytest.mark.parametrize(
    ("worked_seconds", "pause"), [(0.0, 0.01), (0.01, 0.01), (0.03, 0.03), (0.05, 0.05), (9.0, 0.05)]
)
def test_the_pause_after_a_round_is_as_long_as_the_round_within_bounds(worked_seconds: float, pause: float) -> None:
    assert projecting.BACK_OFF_SECONDS == (0.01, 0.05)
    assert projecting._back_off(worked_seconds) == pause


class Pieces:
    """Work for two connections, until the second one has done a piece of it."""

    def __init__(self) -> None:
        self.of_first = self.of_second = 0
        self.first: WatchedConnection | None = None

    async def do_next(self, connection: WatchedConnection) -> bool:
        is_first = connection is self.first
        self.of_first += is_first
        self.of_second += not is_first
        await connection.execute("select 1")
        return not self.of_second

    async def run(self, conninfo: str) -> None:
        async with await WatchedConnection.open(conninfo, REBUILD) as self.first:
            await TwoConnections(conninfo, self.first).run(self.do_next)


@pytest.mark.parametrize("checks", [1, 2, two_connections.IDLE_CHECKS])
def test_the_second_connection_helps_once_no_other_client_has_worked_for_as_many_checks(
    connection: psycopg.Connection, checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client sleeps in a statement, which counts as work, until it has been seen and is cancelled."""
    monkeypatch.setattr(two_connections, "IDLE_CHECKS", checks)
    conninfo, seen = connection.info.dsn, list[bool]()
    others_are_active, pieces = TwoConnections._others_are_active, Pieces()

    async def note(self: TwoConnections, second: Any) -> bool:
        seen.append(await others_are_active(self, second))
        return seen[-1]

    async def run() -> None:
        async with await WatchedConnection.open(conninfo) as busy:
            sleeping = asyncio.create_task(busy.execute("select pg_sleep(600)"))
            while connection.execute(SLEEPS).fetchone() != (1,):  # noqa: ASYNC110, nothing tells when it begins
                await asyncio.sleep(0)
            monkeypatch.setattr(TwoConnections, "_others_are_active", note)
            working = asyncio.create_task(pieces.run(conninfo))
            while len(seen) < 3 * checks + 1 or pieces.of_first < 3:  # noqa: ASYNC110, the same
                await asyncio.sleep(0)
            assert (all(seen), pieces.of_second) == (True, 0)
            connection.execute(CANCEL)
            await asyncio.gather(sleeping, return_exceptions=True)
            await working

    asyncio.run(asyncio.wait_for(run(), 60))
    assert pieces.of_second == 1
    assert seen[-checks - 1 :] == [True, *[False] * checks]


def test_the_second_connection_helps_at_once_while_no_other_client_works(connection: psycopg.Connection) -> None:
    pieces = Pieces()
    asyncio.run(asyncio.wait_for(pieces.run(connection.info.dsn), 60))
    assert pieces.of_second == 1
