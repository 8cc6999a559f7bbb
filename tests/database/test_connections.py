"""The connections of a process: whoever is called off at whatever moment, none is lost and nobody waits for nothing."""

import asyncio
import random

import pytest

from app.database import Database
from app.settings import Settings

ROUNDS = 30
AT_ONCE = 60


@pytest.mark.parametrize("seed", range(3))
def test_those_who_are_called_off_cost_nobody_a_connection(conninfo: str, seed: int) -> None:
    """Many wait for few connections, and are called off while they wait, ask, and give back."""
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
        """As many as there may be, each with a connection of its own until all have one."""
        everybody = asyncio.Barrier(database.pool.max_size)

        async def hold() -> None:
            async with database.connection():
                await everybody.wait()

        async with asyncio.timeout(10), asyncio.TaskGroup() as holding:
            for _ in range(database.pool.max_size):
                holding.create_task(hold())

    async def run() -> None:
        async with Database(conninfo, Settings()) as database:
            for _ in range(ROUNDS):
                await call_off_some(database)
            await all_at_once(database)

    asyncio.run(run())
