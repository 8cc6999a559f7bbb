"""The connections of a process: a cancelled task loses no connection, and no task waits in vain.

Only failures of the database are reported as Unavailable.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.postgres.bulkheads import SEARCHES
from app.engine.postgres.pool import Database
from app.errors import Unavailable
from app.settings import Settings
from tests.support.patience import PATIENCE_SECONDS, patient_settings
from tests.support.pgbouncer_process import needs_pgbouncer, pgbouncer

ROUNDS = 30
AT_ONCE = 60


@needs_pgbouncer
def test_behind_a_pooler_those_who_are_called_off_cost_nobody_a_connection(conninfo: str, tmp_path: Path) -> None:
    with pgbouncer(conninfo, tmp_path, size=AT_ONCE) as pooler:
        _call_off_and_count(pooler.conninfo, 0, patient_settings(pooler="transaction"))


@pytest.mark.parametrize("seed", range(3))
def test_those_who_are_called_off_cost_nobody_a_connection(conninfo: str, seed: int) -> None:
    _call_off_and_count(conninfo, seed, patient_settings())


def _call_off_and_count(conninfo: str, seed: int, settings: Settings) -> None:
    """Many tasks wait for few connections, and are cancelled while they wait, query and return one."""
    chance = random.Random(seed)

    async def ask(database: Database) -> None:
        async with database.connection() as connection:
            await connection.execute("select 1")

    async def call_off_some(database: Database) -> None:
        asking = [asyncio.create_task(ask(database)) for _ in range(AT_ONCE)]
        while pending := [task for task in asking if not task.done()]:
            await asyncio.sleep(0)
            if chance.random() < 0.5:
                chance.choice(pending).cancel()

    async def all_at_once(database: Database) -> None:
        """As many tasks as connections, each of which holds one until all have one."""
        everybody = asyncio.Barrier(database.pool.max_size)

        async def hold() -> None:
            async with database.connection():
                await everybody.wait()

        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as holding:
            for _ in range(database.pool.max_size):
                holding.create_task(hold())

    async def run() -> None:
        async with Database(conninfo, settings.pool) as database:
            for _ in range(ROUNDS):
                await call_off_some(database)
            await all_at_once(database)

    asyncio.run(run())


async def _use_a_closed_cursor(connection: AsyncConnection) -> None:
    cursor = await connection.execute("select 1")
    await cursor.close()
    await cursor.fetchone()


async def _use_what_we_closed(connection: AsyncConnection) -> None:
    await connection.close()
    await connection.execute("select 1")


async def _read_what_is_not_there(connection: AsyncConnection) -> None:
    await (await connection.execute("set jit = off")).fetchone()


async def _ask_for_too_much(connection: AsyncConnection) -> None:
    await connection.execute(f"select {'(' * 20_000}1{')' * 20_000}".encode())


async def _ask_what_was_not_prepared(connection: AsyncConnection) -> None:
    await connection.execute("select currval('catalog.log_position_seq')")


@pytest.mark.parametrize(
    "mistake",
    [
        _use_a_closed_cursor,
        _use_what_we_closed,
        _read_what_is_not_there,
        _ask_for_too_much,
        _ask_what_was_not_prepared,
    ],
)
def test_a_mistake_of_ours_stays_what_it_is(
    conninfo: str, mistake: Callable[[AsyncConnection], Awaitable[Any]]
) -> None:
    async def run() -> None:
        async with Database(conninfo, patient_settings().pool) as database:
            with pytest.raises(psycopg.Error):
                async with database.connection() as connection:
                    await mistake(connection)
            async with database.connection() as connection:
                await connection.execute("select 1")

    asyncio.run(run())


@pytest.mark.parametrize("asked", [1, 2])
def test_a_connection_that_was_closed_under_us_is_the_database_that_went_away(conninfo: str, asked: int) -> None:
    """Also on its second use, for which the driver raises the same error as for our own mistakes."""

    async def run() -> None:
        async with Database(conninfo, patient_settings().pool) as database:
            with pytest.raises(Unavailable, match="went away"):
                await _ask_what_is_terminated(conninfo, database, asked)

    asyncio.run(run())


async def _ask_what_is_terminated(conninfo: str, database: Database, asked: int) -> None:
    async with database.connection() as connection:
        await _terminate(conninfo, connection.info.backend_pid)
        for _ in range(asked - 1):
            with pytest.raises(psycopg.Error):
                await connection.execute("select 1")
        await connection.execute("select 1")


async def _terminate(conninfo: str, pid: int) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as another:
        await another.execute("select pg_terminate_backend(%s, 5000)", (pid,))


@pytest.mark.parametrize(("allowed", "limit"), [(0.25, "250ms"), (8, "2s")])
def test_a_costly_read_has_no_more_time_than_any_statement(conninfo: str, allowed: float, limit: str) -> None:
    async def run() -> None:
        settings = patient_settings(statement_timeout_seconds=allowed)
        async with Database(conninfo, settings.pool) as database, database.costly(SEARCHES) as connection:
            assert await (await connection.execute("show statement_timeout")).fetchone() == (limit,)

    asyncio.run(run())
