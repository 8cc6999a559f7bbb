"""A rebuild that fails, is killed or is cancelled has changed nothing, and what it left is cleaned up."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.background.projector import Projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildFailed
from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.projection.rollup import AnyReadModel
from app.main import PROJECTIONS
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append
from tests.support.rebuilds import leftovers, rebuilt, some_items
from tests.support.workload import (
    SPADE,
    catch_up_all,
    differences,
    poison,
    run_for_a_while,
    until,
)


def test_a_rebuild_that_fails_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    some_items(connection)
    poison(connection)
    before = connection.execute("select * from catalog.owners").fetchall()
    with pytest.raises(RebuildFailed, match="owners cannot be rebuilt"):
        rebuilt(connection, Owners)
    assert leftovers(connection) == []
    assert connection.execute("select * from catalog.owners").fetchall() == before


KILLED = """
import asyncio, os, signal, sys
from app.engine.background import rebuild, rebuild_swap
from app.main import PROJECTIONS

async def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

rebuild_swap.Swap._record = die
asyncio.run(rebuild.rebuild(sys.argv[1], next(each for each in PROJECTIONS if each.name == sys.argv[2])))
"""


def kill_a_rebuild(connection: psycopg.Connection, read_model: AnyReadModel) -> None:
    """It is killed at its last step, in the transaction that would have swapped it in."""
    command = [sys.executable, "-c", KILLED, connection.info.dsn, read_model.name]
    assert subprocess.run(command, check=False).returncode == -9
    locked = "select count(*) from pg_locks join pg_database on pg_database.oid = database"
    locked += " where locktype = 'advisory' and datname = current_database()"
    until(lambda: connection.execute(locked).fetchone() == (0,))


@pytest.mark.parametrize("read_model", [Items, Owners])
def test_a_killed_rebuild_has_changed_nothing_and_the_next_one_begins_anew(
    connection: psycopg.Connection, read_model: AnyReadModel
) -> None:
    some_items(connection)
    kill_a_rebuild(connection, read_model)
    assert leftovers(connection) != []
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []
    rebuilt(connection, read_model)
    assert leftovers(connection) == []
    assert differences(connection.info.dsn) == []


def test_a_projector_that_starts_cleans_up_after_a_killed_rebuild_and_rebuilds_what_has_other_rules(
    connection: psycopg.Connection,
) -> None:
    some_items(connection)
    kill_a_rebuild(connection, Items)
    connection.execute("update catalog.projections set fingerprint = 'of other rules' where name <> 'items'")
    connection.execute("update catalog.owners set document = document || '{\"total_items\": 7}'")
    ended = Event()
    current = sorted((each.name, fingerprint(each)) for each in PROJECTIONS)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run_for_a_while(Projector(connection.info.dsn, PROJECTIONS), ended))
        try:
            query = "select name, fingerprint from catalog.projections order by 1"
            until(lambda: connection.execute(query).fetchall() == current and leftovers(connection) == [])
        finally:
            ended.set()
    assert differences(connection.info.dsn) == []


def test_a_cancelled_rebuild_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    some_items(connection)

    async def cancelled() -> None:
        task = asyncio.create_task(rebuild(connection.info.dsn, Items))
        async with await AsyncConnection.connect(connection.info.dsn) as reader:
            await reader.execute("select count(*) from catalog.items")
            await asyncio.to_thread(until, lambda: ("items_next",) in leftovers(connection))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())
    assert leftovers(connection) == []
