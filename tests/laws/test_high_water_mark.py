"""The high-water mark is safe: a reader that stops at it misses no event, despite late commits and rollbacks."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.store.high_water_mark import advance_mark
from tests.support.appending import append, error_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.toy_aggregate import ToyBuilt, ToyPlayed

DUCK = ToyBuilt(name="duck", weight=3, box="red")
WRITERS = 8
EVENTS = 20_000


def write(conninfo: str, seed: int, count: int, start: Barrier) -> int:
    """Append about `count` events, some in transactions held open, some rolled back; return the number committed."""
    chance = random.Random(seed)
    committed = 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        start.wait()
        while committed < count:
            events = [DUCK] + [ToyPlayed(minutes=1)] * chance.randrange(4)
            kind = chance.random()
            if kind < 0.8:
                append(connection, None, events)
                committed += len(events)
                continue
            with connection.transaction(force_rollback=kind > 0.9):
                append(connection, None, events)
                connection.execute("select pg_sleep(%s)", (chance.random() * 0.01,))
            committed += len(events) if kind <= 0.9 else 0
    return committed


async def follow(conninfo: str, done: Event, to_the_mark: bool) -> list[int]:
    """The positions that a reader sees if it always asks for those after its last one."""
    seen: list[int] = []
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        last_round = False
        while not last_round:
            last_round = done.is_set()
            upto = (await advance_mark(connection)).position if to_the_mark else 2**62
            query = "select position from catalog.events where position > %s and position <= %s order by position"
            rows = await (await connection.execute(query, (seen[-1] if seen else 0, upto))).fetchall()
            seen += [position for (position,) in rows]
    return seen


def test_a_reader_that_stops_at_the_mark_sees_every_event_once_and_a_naive_one_does_not(
    log: psycopg.Connection,
) -> None:
    """The naive reader is the control: if it lost nothing, this test would prove nothing."""
    start, done = Barrier(WRITERS), Event()
    other = psycopg.connect(log.info.dsn, dbname="postgres")
    other.execute("select 1")
    with other, ThreadPoolExecutor(WRITERS + 2) as pool:
        writers = [pool.submit(write, log.info.dsn, n, EVENTS // WRITERS, start) for n in range(WRITERS)]
        to_the_mark = pool.submit(asyncio.run, follow(log.info.dsn, done, True))
        naive = pool.submit(asyncio.run, follow(log.info.dsn, done, False))
        committed = sum(writer.result() for writer in writers)
        done.set()
    other.close()
    in_the_log = [position for (position,) in log.execute("select position from catalog.events order by position")]
    assert len(in_the_log) >= committed >= EVENTS
    assert to_the_mark.result() == in_the_log
    assert len(naive.result()) < len(in_the_log)


def mark(log: psycopg.Connection) -> tuple[int, object]:
    row = log.execute("select position, instant from catalog.settled").fetchone()
    assert row is not None
    return row


async def settle_soon(conninfo: str) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await asyncio.wait_for(advance_mark(connection), PATIENCE_SECONDS)


def test_a_log_without_events_or_with_only_gaps_can_be_settled(log: psycopg.Connection) -> None:
    for _ in range(3):
        with log.transaction(force_rollback=True):
            _, _, burnt, _, _ = append(log, None, [DUCK])
        asyncio.run(settle_soon(log.info.dsn))
        assert mark(log)[0] == burnt


def test_the_mark_waits_for_an_append_that_is_under_way_and_for_nobody_else(log: psycopg.Connection) -> None:
    with psycopg.connect(log.info.dsn) as idle, psycopg.connect(log.info.dsn) as appending:
        idle.execute("select count(*) from catalog.events")
        _, _, position, recorded_at, _ = append(appending, None, [DUCK])
        before = mark(log)
        with pytest.raises(TimeoutError):
            asyncio.run(settle_for_a_moment(log.info.dsn))
        assert mark(log) == before
        later = append(log, None, [DUCK])
        appending.commit()
        asyncio.run(settle_soon(log.info.dsn))
        assert mark(log)[0] >= later[2] > position
        assert mark(log)[1] >= later[3] > recorded_at  # type: ignore[operator]


async def settle_for_a_moment(conninfo: str) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await asyncio.wait_for(advance_mark(connection), 0.2)


def test_whatever_begins_after_an_instant_was_noted_is_recorded_later_even_if_the_clock_steps_back(
    log: psycopg.Connection,
) -> None:
    """Noting an instant an hour ahead simulates a clock that steps back an hour."""
    (noted,) = log.execute(
        "update catalog.settled set noted_instant = clock_timestamp() + interval '1 hour' returning noted_instant"
    ).fetchone() or (None,)
    assert noted is not None
    _, _, _, recorded_at, _ = append(log, None, [DUCK])
    assert noted < recorded_at < noted + timedelta(seconds=1)
    asyncio.run(settle_soon(log.info.dsn))
    assert mark(log)[1] == noted


def test_an_append_that_could_not_see_the_mark_is_refused(log: psycopg.Connection) -> None:
    for isolation in ("repeatable read", "serializable"):
        with log.transaction():
            log.execute(f"set transaction isolation level {isolation}")
            with pytest.raises(psycopg.Error) as refused:
                append(log, None, [DUCK])
            assert refused.value.sqlstate == "SW005"
            raise psycopg.Rollback
    assert error_of(log, "select catalog.append_to_stream(null, null, '[]', '{}')")[0] == "SW004"
