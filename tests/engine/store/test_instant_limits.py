"""What is the future, what is too old, and how long a reader waits: on both sides of each bound."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.postgres.pool import Database
from app.engine.queries import read_your_writes
from app.engine.queries.read_router import ReadRouter
from app.engine.queries.read_your_writes import wait_for_position
from app.engine.store import high_water_mark
from app.engine.store.high_water_mark import (
    CLOCK_TOLERANCE,
    HighWaterMark,
    check_not_in_future,
    current_instant_after_appends,
)
from app.errors import Malformed, Unavailable
from tests.support.appending import append
from tests.support.patience import patient_settings
from tests.support.workload import SPADE, catch_up_all

MICROSECOND = timedelta(microseconds=1)
ONE_MINUTE_AHEAD = "update catalog.settled set noted_instant = now() + interval '1 minute' returning noted_instant"


@contextmanager
def holding_gate(conninfo: str) -> Iterator[psycopg.Connection]:
    """Another session, in a transaction that holds the append gate as an append does."""
    with psycopg.connect(conninfo) as opened:
        opened.execute("select pg_advisory_xact_lock_shared(catalog.append_gate())")
        yield opened


async def until_noted(connection: psycopg.Connection, instant: datetime) -> None:
    """Wait until somebody has begun to settle the instant."""
    noted = "select noted_instant > %s from catalog.settled"
    while connection.execute(noted, (instant,)).fetchone() != (True,):  # noqa: ASYNC110, nothing tells when
        await asyncio.sleep(0)


async def on_connection(conninfo: str, ask: Any) -> Any:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
        return await ask(opened)


@pytest.mark.parametrize("tolerance", [CLOCK_TOLERANCE, timedelta(0), timedelta(minutes=1)])
def test_a_clients_clock_may_be_ahead_by_the_tolerance_and_not_by_a_microsecond_more(
    connection: psycopg.Connection, tolerance: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(high_water_mark, "CLOCK_TOLERANCE", tolerance)
    ((newest,),) = connection.execute(ONE_MINUTE_AHEAD).fetchall()

    async def ask(opened: AsyncConnection) -> None:
        await check_not_in_future(opened, newest + tolerance)
        with pytest.raises(Malformed):
            await check_not_in_future(opened, newest + tolerance + MICROSECOND)

    asyncio.run(on_connection(connection.info.dsn, ask))


@pytest.mark.parametrize("patience_seconds", [0.0, 0.05])
def test_an_instant_is_not_settled_while_an_append_runs_and_a_patient_reader_sees_its_end(
    connection: psycopg.Connection, patience_seconds: float
) -> None:
    *_, instant, _ = append(connection, None, [SPADE])

    async def run() -> None:
        async with Database(connection.info.dsn, patient_settings().pool) as database:
            mark = HighWaterMark(database)
            with holding_gate(connection.info.dsn) as appending:
                assert not await mark.is_settled(instant, patience_seconds)
                patient = asyncio.create_task(mark.is_settled(instant, 60))
                await until_noted(connection, instant)
                assert not patient.done()
                appending.rollback()
            assert await patient
            assert await mark.is_settled(instant, 0)

    asyncio.run(run())


@pytest.mark.parametrize("patience_seconds", [0.0, 0.05])
def test_the_present_is_told_though_an_append_does_not_end(
    connection: psycopg.Connection, patience_seconds: float
) -> None:
    *_, before, _ = append(connection, None, [SPADE])

    async def ask(opened: AsyncConnection) -> datetime:
        return await current_instant_after_appends(opened, patience_seconds)

    with holding_gate(connection.info.dsn):
        assert asyncio.run(on_connection(connection.info.dsn, ask)) >= before


@pytest.mark.parametrize(("seconds", "is_answered"), [("10", True), ("0", False)])
def test_a_replica_tells_the_present_unless_an_event_waits_too_long_to_be_settled(
    connection: psycopg.Connection, seconds: str, is_answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The query is that of a replica, on the primary. The wait is shortened instead of waited for."""
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(connection.info.dsn))
    ((settled,),) = connection.execute("select instant from catalog.settled").fetchall()
    append(connection, None, [SPADE])
    query = high_water_mark.CURRENT_INSTANT
    assert (query.count("pg_is_in_recovery()"), query.count("'10 seconds'")) == (2, 1)
    query = query.replace("pg_is_in_recovery()", "true").replace("'10 seconds'", f"'{seconds} seconds'")
    monkeypatch.setattr(high_water_mark, "CURRENT_INSTANT", query)
    told = on_connection(connection.info.dsn, current_instant_after_appends)
    if is_answered:
        assert asyncio.run(told) == settled
    else:
        with pytest.raises(Unavailable, match="too old"):
            asyncio.run(told)


def test_a_reader_waits_for_its_position_as_long_as_it_may(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, position, *_ = append(connection, None, [SPADE])

    async def run() -> None:
        async with Database(connection.info.dsn, patient_settings().pool) as database:
            router = ReadRouter(database)
            await wait_for_position(router, position)
            for too_short in (-1.0, 0.0, 0.05):
                monkeypatch.setattr(read_your_writes, "POSITION_WAIT_SECONDS", too_short)
                with pytest.raises(Unavailable, match="have not reached position"):
                    await wait_for_position(router, position, "owners")
            monkeypatch.setattr(read_your_writes, "POSITION_WAIT_SECONDS", 60.0)
            patient = asyncio.create_task(wait_for_position(router, position, "owners"))
            await asyncio.sleep(0)
            await catch_up_all(connection.info.dsn)
            await patient
            monkeypatch.setattr(read_your_writes, "POSITION_WAIT_SECONDS", -1.0)
            await wait_for_position(router, position, "owners")

    asyncio.run(run())
