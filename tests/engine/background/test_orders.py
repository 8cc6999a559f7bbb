"""The background's orders: who compares the checkpoint, and what a swap sees, whoever comes in between."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from psycopg import AsyncConnection, errors, sql

from app.domain.events import ItemChanges, ItemUpdated
from app.engine.background.checkpoints import catch_up
from app.engine.background.generation import Generation, RollupGeneration
from app.engine.background.rebuild import rebuild
from app.main import PROJECTIONS
from projections.items import Items
from projections.owners import Owners
from tests.support.append_gate import WAITING_AT_THE_GATE
from tests.support.appending import append
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.workload import SPADE, SWAPPED, audit, catch_up_all, differences, is_caught_up, not_applied_once

ROLLUPS = [each.name for each in PROJECTIONS if each.is_async()]
ENDS_WITHIN_SECONDS = 60
BLOCKED = "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
SETTLE = "select catalog.publish_mark(position, instant) from catalog.begin_mark()"
SILENCE_LIMIT = "select current_setting('idle_session_timeout')"
TABLES = (
    "select relname from pg_class where relnamespace = 'catalog'::regnamespace and relkind in ('r', 'p') order by 1"
)
EDITED = ItemUpdated(
    changes=ItemChanges(name="Rake", description="Ten teeth.", location_lat=1.5),
    previous_values=ItemChanges(),
)


def catch_up_once(conninfo: str, rollup: str) -> None:
    """One batch from the beginning, by a process that has just read the checkpoint."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        function = sql.Identifier("catalog", f"catch_up_{rollup}")
        connection.execute(sql.SQL("select {}(0, 1000)").format(function))


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
@pytest.mark.parametrize("rollup", ROLLUPS)
def test_of_two_processes_at_one_checkpoint_the_second_applies_nothing(
    connection: psycopg.Connection, rollup: str, commits: bool
) -> None:
    """It waits for the first one; if that one rolls back, it applies the batch itself."""
    conninfo = connection.info.dsn
    audit(conninfo)
    append(connection, None, [SPADE, SWAPPED])
    connection.execute(SETTLE)
    with psycopg.connect(conninfo) as first, ThreadPoolExecutor(1) as pool:
        first.execute(f"select catalog.catch_up_{rollup}(0, 1000)".encode())
        second = pool.submit(catch_up_once, conninfo, rollup)
        until(lambda: second.done() or fetch_value(connection, BLOCKED, first.info.backend_pid) == 1, "it waits")
        assert not second.done()
        if commits:
            first.commit()
            with pytest.raises(errors.DatabaseError, match="is not at position 0 any more") as refused:
                second.result(timeout=ENDS_WITHIN_SECONDS)
            assert refused.value.sqlstate == "SW006"
        else:
            first.rollback()
            second.result(timeout=ENDS_WITHIN_SECONDS)
    asyncio.run(catch_up_all(conninfo))
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []


@pytest.mark.parametrize("rollup", ROLLUPS)
def test_whatever_a_batch_waits_for_it_applies_each_event_once(connection: psycopg.Connection, rollup: str) -> None:
    """Each table is locked in turn. While the batch waits for it, events are stored and settled."""
    conninfo, waited_for = connection.info.dsn, set()
    audit(conninfo)

    async def one_batch() -> None:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
            await catch_up(opened, rollup)

    for (table,) in connection.execute(TABLES).fetchall():
        stream, *_ = append(connection, None, [SPADE])
        connection.execute(SETTLE)
        with psycopg.connect(conninfo) as locking, ThreadPoolExecutor(1) as pool:
            locking.execute(sql.SQL("lock table {}").format(sql.Identifier("catalog", table)))
            batch = pool.submit(asyncio.run, one_batch())
            until(
                lambda: batch.done() or fetch_value(connection, BLOCKED, locking.info.backend_pid) > 0,  # noqa: B023
                "it waits, or does not need the table",
            )
            if not batch.done():
                waited_for.add(table)
                append(locking, stream, [SWAPPED])
                append(locking, None, [SPADE])
                locking.execute(SETTLE)
            locking.commit()
            batch.result(timeout=ENDS_WITHIN_SECONDS)
    assert waited_for >= {"settled", "log", "projections", f"{rollup}_members"}
    asyncio.run(catch_up_all(conninfo))
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []


@pytest.mark.parametrize("rollup", ROLLUPS)
def test_an_event_that_another_process_has_applied_meanwhile_stops_nothing(
    connection: psycopg.Connection, rollup: str
) -> None:
    """The process that failed stops the projection behind the checkpoint that it has read."""
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(connection.info.dsn))
    connection.execute("select catalog.stop_projection(%s, 0, 'it fails here')", (rollup,))
    stopped = "select name from catalog.projections where state <> 'running' or error is not null"
    assert connection.execute(stopped).fetchall() == []
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(connection.info.dsn))
    assert is_caught_up(connection.info.dsn)


@pytest.mark.parametrize("batch_events", [1, 2, 1000])
@pytest.mark.parametrize("rollup", ROLLUPS)
def test_a_batch_of_any_size_stops_at_the_mark_though_later_events_are_committed(
    connection: psycopg.Connection, rollup: str, batch_events: int
) -> None:
    """An append with an earlier position is still open."""
    conninfo = connection.info.dsn
    audit(conninfo)
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))
    (mark,) = connection.execute("select position from catalog.settled").fetchone() or (0,)
    with psycopg.connect(conninfo) as slow:
        append(slow, None, [SPADE])
        append(connection, None, [SPADE, SWAPPED])
        batch = f"select catalog.catch_up_{rollup}(%s, %s)"
        assert fetch_value(connection, batch, mark, batch_events) == mark
        slow.commit()
    asyncio.run(catch_up_all(conninfo))
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []


def test_a_swap_has_the_last_events_before_the_gate_closed_and_none_is_written_to_the_old_tables(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One append is committed just before the gate closes, another one waits while it is closed."""
    conninfo, close = connection.info.dsn, Generation.close_append_gate
    edited, waiting = (append(connection, None, [SPADE])[0] for _ in range(2))
    appended: list[Future[None]] = []

    def edit_later() -> None:
        with psycopg.connect(conninfo, autocommit=True) as other:
            append(other, waiting, [EDITED])

    with ThreadPoolExecutor(1) as pool:

        async def close_between_two_appends(generation: Generation, opened: AsyncConnection) -> bool:
            append(connection, edited, [EDITED])
            append(connection, None, [SPADE])
            closed = await close(generation, opened)
            appended.append(pool.submit(edit_later))
            until(lambda: fetch_value(connection, WAITING_AT_THE_GATE) == 1, "it waits for the swap")
            return closed

        monkeypatch.setattr(Generation, "close_append_gate", close_between_two_appends)
        asyncio.run(rebuild(conninfo, Items))
        for each in appended:
            each.result(timeout=ENDS_WITHIN_SECONDS)
    assert appended
    found = connection.execute("select version, document ->> 'name' from catalog.items order by id").fetchall()
    assert found[:2] == [(1 + len(appended), "Rake")] * 2
    assert len(found) == 2 + len(appended)
    asyncio.run(catch_up_all(conninfo))
    assert differences(conninfo) == []


def test_a_rebuild_that_falls_silent_while_the_gate_is_closed_is_ended_by_the_server(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a rebuild that hangs would keep every writer waiting. Before and after, it may be silent."""
    close, reopen, limits = Generation.close_append_gate, Generation.open_append_gate, []

    async def look(opened: AsyncConnection) -> None:
        row = await (await opened.execute(SILENCE_LIMIT)).fetchone()
        limits.append(row and row[0])

    async def closed(generation: Generation, opened: AsyncConnection) -> bool:
        await look(opened)
        is_closed = await close(generation, opened)
        await look(opened)
        return is_closed

    async def reopened(generation: Generation, opened: AsyncConnection) -> None:
        await reopen(generation, opened)
        await look(opened)

    monkeypatch.setattr(Generation, "close_append_gate", closed)
    monkeypatch.setattr(Generation, "open_append_gate", reopened)
    append(connection, None, [SPADE])
    asyncio.run(rebuild(connection.info.dsn, Items))
    assert limits == ["0", "10s", "0"]


def test_a_swap_of_a_rollup_has_what_was_applied_before_its_checkpoint_was_locked_and_nothing_is_applied_after(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch is committed just before the checkpoint is locked, another one waits while it is locked."""
    conninfo, lock = connection.info.dsn, RollupGeneration.lock_for_swap
    stream, *_ = append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))
    batches: list[Future[None]] = []

    def apply_two_more() -> None:
        with psycopg.connect(conninfo, autocommit=True) as other:
            append(other, stream, [SWAPPED])
            append(other, None, [SPADE])
        asyncio.run(catch_up_all(conninfo))

    with ThreadPoolExecutor(1) as pool:

        async def lock_between_two_batches(generation: RollupGeneration, opened: AsyncConnection) -> int:
            await asyncio.to_thread(apply_two_more)
            position = await lock(generation, opened)
            batches.append(pool.submit(apply_two_more))
            swapping = opened.info.backend_pid
            until(lambda: batches[-1].done() or fetch_value(connection, BLOCKED, swapping) == 1, "it waits")
            assert not batches[-1].done()
            return position

        monkeypatch.setattr(RollupGeneration, "lock_for_swap", lock_between_two_batches)
        asyncio.run(rebuild(conninfo, Owners))
        assert [each.result(timeout=ENDS_WITHIN_SECONDS) for each in batches]
    assert is_caught_up(conninfo)
    assert differences(conninfo) == []
