"""One projector leads and works; each wake-up is noticed, also one that comes just after a look for work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import AsyncConnection

from app.concurrency import cancel_and_wait
from app.engine.background import projector as projector_module
from app.engine.background.projector import Projector
from app.engine.postgres import advisory_locks
from app.engine.postgres.advisory_locks import LEADER_LOCK
from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.in_process_service import until
from tests.support.operator_commands import fetch_value
from tests.support.workload import SPADE, is_caught_up


@asynccontextmanager
async def running(*projectors: Projector) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in projectors]
    try:
        yield
    finally:
        await cancel_and_wait(*tasks)


class Tries(Projector):
    """A projector that counts how often it has looked for work."""

    looks = 0

    async def _has_work(self, connection: AsyncConnection) -> bool:
        self.looks += 1
        return await super()._has_work(connection)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each try for the leader's lock has given. The projectors try all the time."""
    results: list[bool] = []
    original = advisory_locks.try_lock

    async def try_lock(connection: AsyncConnection, key: int) -> bool:
        got = await original(connection, key)
        if key == LEADER_LOCK:
            results.append(got)
        return got

    monkeypatch.setattr(projector_module, "try_lock", try_lock)
    monkeypatch.setattr(projector_module, "LEADER_RETRY_SECONDS", 0.01)
    return results


def test_nobody_works_while_another_session_leads(connection: psycopg.Connection, tried: list[bool]) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])

    async def follow_and_lead() -> None:
        first, second = Tries(conninfo, PROJECTIONS), Tries(conninfo, PROJECTIONS)
        with psycopg.connect(conninfo, autocommit=True) as leader:
            leader.execute("select pg_advisory_lock(%s)", (LEADER_LOCK,))
            async with running(first, second):
                await until(lambda: len(tried) >= 10, "both try")
                assert not any(tried)
                assert (first.leads, second.leads, first.looks, second.looks) == (False, False, 0, 0)
                assert fetch_value(connection, "select position from catalog.settled") == 0
                leader.close()
                await until(lambda: is_caught_up(conninfo), "one of them works")
                seen = len(tried)
                await until(lambda: len(tried) >= seen + 5, "the other one still tries")
                assert sum(tried) == 1
                assert sorted((first.leads, second.leads)) == [False, True]
                assert min(first.looks, second.looks) == 0
        assert (first.leads, second.leads) == (False, False)

    asyncio.run(follow_and_lead())


class Overtaken(Projector):
    """A projector for which events are stored just after each of its first looks for work."""

    def __init__(self, connection: psycopg.Connection, times: int) -> None:
        super().__init__(connection.info.dsn, PROJECTIONS)
        self._other = connection
        self.left = times

    async def _has_work(self, connection: AsyncConnection) -> bool:
        found = await super()._has_work(connection)
        if self.left:
            self.left -= 1
            append(self._other, None, [SPADE])
            self.wake()
        return found


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_wake_up_that_comes_just_after_the_look_for_work_is_not_lost(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The projector would look again after an hour."""
    monkeypatch.setattr(projector_module, "IDLE_SECONDS", (3600.0, 3600.0))

    async def overtake() -> None:
        projector = Overtaken(connection, times)
        async with running(projector):
            await until(lambda: projector.left == 0 and is_caught_up(connection.info.dsn), "it is woken")

    asyncio.run(overtake())
    assert fetch_value(connection, "select count(*) from catalog.log") == times


class Pausing(Projector):
    """A projector that finds what the test says, and notes how long it would pause. At the end it pauses for ever."""

    def __init__(self, conninfo: str, finds: list[bool]) -> None:
        super().__init__(conninfo, [])
        self.finds = finds
        self.pauses: list[float] = []

    async def _has_work(self, _: AsyncConnection) -> bool:
        return self.finds.pop(0)

    async def _wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self.finds:
            await asyncio.Event().wait()


def test_pauses_get_longer_while_there_is_nothing_to_do_and_begin_anew_after_work(conninfo: str) -> None:
    """Otherwise another process's event would wait for the longest pause, though the log is busy."""
    idle, work = False, True

    async def pauses() -> list[float]:
        projector = Pausing(conninfo, [*[idle] * 8, work, idle, idle, work, work])
        async with running(projector):
            await until(lambda: len(projector.pauses) == 13, "it pauses")
        return projector.pauses

    least, most = projector_module.IDLE_SECONDS
    doubled = [min(least * 2**n, most) for n in range(1, 9)]
    assert doubled[-1] == most
    assert asyncio.run(pauses()) == [*doubled, least, least * 2, least * 4, least, least]


def test_an_idle_projector_is_woken_once_for_each_event_and_looks_no_more_often(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "IDLE_SECONDS", (3600.0, 3600.0))
    conninfo = connection.info.dsn

    async def wake_often() -> int:
        projector = Tries(conninfo, PROJECTIONS)
        async with running(projector):
            await until(lambda: projector.looks == 1, "it looks when it begins to lead")
            for _ in range(5):
                append(connection, None, [SPADE])
                projector.wake()
                await until(lambda: is_caught_up(conninfo), "it is woken")
            async with await AsyncConnection.connect(conninfo, autocommit=True) as other:
                for _ in range(50):  # so often could the database have been asked for work meanwhile
                    await other.execute("select")
        return projector.looks

    assert asyncio.run(wake_often()) <= 6
