"""What a rebuild that was killed leaves behind: tables and progress, but no lock, by which it is told.

Locks here are a session's: they go with the connection of whoever has them.
"""

import hashlib
from collections.abc import Sequence

from psycopg import AsyncConnection

from app.generations import generation_of
from app.rebuild_facts import ENDED_EARLY
from app.rebuild_sql import AnyReadModel, Step, tables_of


def lock_key(name: str) -> int:
    """The advisory lock that whoever rebuilds this projection holds."""
    return int.from_bytes(hashlib.sha256(f"catalog rebuild {name}".encode()).digest()[:8], signed=True)


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock for as long as the connection lasts, unless somebody has it."""
    cursor = await connection.execute("select pg_try_advisory_lock(%s)", (key,))
    return await cursor.fetchone() == (True,)


async def forget_killed_rebuilds(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> None:
    """Take away what rebuilds that were killed left behind: their tables and their progress."""
    for read_model in read_models:
        if await _is_left(connection, read_model) and await try_lock(connection, lock_key(read_model.name)):
            await forget(connection, read_model, ENDED_EARLY)


async def _is_left(connection: AsyncConnection, read_model: AnyReadModel) -> bool:
    """Whether there is anything of a rebuild, be it under way or killed."""
    names = [f"catalog.{table.next}" for table in tables_of(read_model)]
    cursor = await connection.execute(LEFT, (names, read_model.name))
    return await cursor.fetchone() == (True,)


LEFT = """
select exists (select from unnest(%s::text[]) as name where to_regclass(name) is not null)
    or exists (select from catalog.projections where name = %s and rebuild is not null)
"""


async def forget(connection: AsyncConnection, read_model: AnyReadModel, why: str) -> None:
    """Undo an unfinished rebuild of which this connection holds the lock, keep why it failed, and give the lock up."""
    await generation_of(read_model).do(connection, Step.DISCARD)
    await connection.execute("select catalog.end_rebuild(%s, %s)", (read_model.name, why))
    await connection.execute("select pg_advisory_unlock(%s)", (lock_key(read_model.name),))
