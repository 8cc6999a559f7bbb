"""What is written in any phase of a rebuild is in the rebuilt tables once, and searches find its old and new texts."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from app.domain.erasure import OwnerEraser
from app.engine.background.rebuild_status import RebuildUnderWay
from app.engine.events.event import Metadata
from app.engine.postgres.pool import single_connection_database
from app.engine.projection.rollup import AnyReadModel
from app.main import PROJECTIONS, item_decider
from app.settings import read_settings
from tests.support.append_gate import WAITING_AT_THE_GATE
from tests.support.erasure_checks import tables_with
from tests.support.every_event import all_labels
from tests.support.held_rebuild import INDEXING, PHASES, SWAPPING, WAITING_BATCHES, rebuild_held
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.phase_writer import OWNER_TO_FORGET, PhaseWriter
from tests.support.read_model_checks import assert_everything_is_found, assert_read_models
from tests.support.workload import audit, catch_up_all, differences, not_applied_once

AFTERWARDS = "the new tables serve"
WRITERS_AT_THE_GATE = 3


def forget(conninfo: str, owner: str) -> None:
    async def erase() -> None:
        async with single_connection_database(conninfo, read_settings().pool) as database:
            await OwnerEraser(conninfo, database, item_decider).erase(owner, Metadata(user_id="olga"))

    asyncio.run(erase())


@pytest.mark.parametrize("read_model", PROJECTIONS, ids=lambda each: each.name)
def test_every_kind_of_event_in_every_phase_of_a_rebuild_is_kept_once(
    connection: psycopg.Connection, read_model: AnyReadModel
) -> None:
    conninfo = connection.info.dsn
    audit(conninfo)
    writer = PhaseWriter(connection, old_streams=20)
    asyncio.run(catch_up_all(conninfo))

    def do(phase: str) -> None:
        """Of a rollup, the serving generation has some of the events before the swap, and not the others."""
        writer.write(phase)
        if read_model.is_async():
            asyncio.run(catch_up_all(conninfo, 20))
            writer.write(phase)
        if phase == INDEXING and read_model.is_async():
            forget(conninfo, OWNER_TO_FORGET)
        elif phase == INDEXING:
            with pytest.raises(RebuildUnderWay):
                forget(conninfo, OWNER_TO_FORGET)

    def while_swapping(go_on: Callable[[], None]) -> None:
        held = batches_held if read_model.is_async() else appends_held
        held(connection, writer, go_on)

    rebuild_held(connection, read_model, do, while_swapping)
    forget(conninfo, OWNER_TO_FORGET)
    writer.write(AFTERWARDS)
    asyncio.run(catch_up_all(conninfo, 20))
    assert writer.labels == dict.fromkeys((*PHASES, AFTERWARDS), all_labels())
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []
    assert_read_models(conninfo)
    assert assert_everything_is_found(conninfo) > 100
    assert tables_with(connection, writer.secret) == set()


def appends_held(connection: psycopg.Connection, writer: PhaseWriter, go_on: Callable[[], None]) -> None:
    """The gate is closed: writers wait, and continue after the swap."""
    conninfo = connection.info.dsn

    def write(_: int) -> None:
        with psycopg.connect(conninfo, autocommit=True) as own:
            writer.write(SWAPPING, own)

    with ThreadPoolExecutor(WRITERS_AT_THE_GATE) as pool:
        writing = [pool.submit(write, n) for n in range(WRITERS_AT_THE_GATE)]
        until(lambda: fetch_value(connection, WAITING_AT_THE_GATE) == WRITERS_AT_THE_GATE)
        go_on()
        assert [each.result() for each in writing] == [None] * WRITERS_AT_THE_GATE


def batches_held(connection: psycopg.Connection, writer: PhaseWriter, go_on: Callable[[], None]) -> None:
    """The checkpoint is locked: nobody who appends waits, and an ordinary batch continues after the swap."""
    writer.write(SWAPPING)
    with ThreadPoolExecutor(1) as pool:
        batch: Future[None] = pool.submit(asyncio.run, catch_up_all(connection.info.dsn, 20))
        until(lambda: fetch_value(connection, WAITING_BATCHES) == 1)
        go_on()
        batch.result()
