"""Reading one's own writes: a reader waits, briefly, until what it reads has got to the position of a command.

A replica is waited for only a moment: the primary has it already, and answering from there costs less than waiting.
"""

import asyncio
import time
from collections.abc import Mapping

from psycopg import AsyncConnection

from app.engine.queries.read_router import Reads
from app.engine.store.log_reader import check_handed_out
from app.errors import Unavailable

PATIENCE_SECONDS = 2.0
REPLICA_PATIENCE_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 0.01

LOG_HAS_IT = """
select exists (select from catalog.events where position = %(position)s)
    or (select position >= %(position)s from catalog.settled)
"""
"""Inline documents are as new as the log. A position that was handed out and not used counts once it is settled."""
REPLICA_HAS_IT = """
select coalesce(
    (select recorded_at <= settled.instant from catalog.events where position = %(position)s),
    settled.position >= %(position)s
)
from catalog.settled
"""
"""A page of a listing there is as of the settled instant: see now_without_appends."""
PROJECTION_HAS_IT = "select position >= %(position)s from catalog.projections where name = %(projection)s"


async def wait_until_reached(reads: Reads, position: int, projection: str | None = None) -> None:
    """Until inline documents, or those of a background projection, are as of `position`, where the request reads.

    Raises AheadOfLog for a position that no event ever had, Unavailable if it takes too long.
    """
    given = {"position": position, "projection": projection}
    if reads.on_replica:
        if await _replica_has_it(reads, REPLICA_HAS_IT if projection is None else PROJECTION_HAS_IT, given):
            return
        reads.go_to_the_primary()
    query = LOG_HAS_IT if projection is None else PROJECTION_HAS_IT
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        async with reads.connection() as connection:
            if await _is_so(connection, query, given):
                return
            await check_handed_out(connection, position)
        if time.monotonic() > deadline:
            raise Unavailable(f"What is read has not got to position {position} yet. Try again.")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _replica_has_it(reads: Reads, query: str, given: Mapping[str, object]) -> bool:
    """Which positions were handed out it cannot tell: only the primary's sequence knows."""
    deadline = time.monotonic() + REPLICA_PATIENCE_SECONDS
    while True:
        async with reads.connection() as connection:
            if await _is_so(connection, query, given):
                return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _is_so(connection: AsyncConnection, query: str, given: Mapping[str, object]) -> bool:
    return await (await connection.execute(query.encode(), given, prepare=True)).fetchone() == (True,)
