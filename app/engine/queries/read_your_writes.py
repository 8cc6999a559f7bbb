"""Reading one's own writes: a reader waits, briefly, until what it reads has got to the position of a command.

A replica is waited for only a moment: the primary has it already, and answering from there costs less than waiting.
"""

import asyncio
import time
from collections.abc import Mapping

from psycopg import AsyncConnection

from app.engine.queries.read_router import ReadRouter
from app.engine.store.log_reader import check_position_exists
from app.errors import Unavailable

POSITION_WAIT_SECONDS = 2.0
REPLICA_WAIT_SECONDS = 0.1
POSITION_POLL_SECONDS = 0.01

LOG_HAS_POSITION = """
select exists (select from catalog.events where position = %(position)s)
    or (select position >= %(position)s from catalog.settled)
"""
"""Inline documents are as new as the log. A position that was handed out and not used counts once it is settled."""
REPLICA_HAS_POSITION = """
select coalesce(
    (select recorded_at <= settled.instant from catalog.events where position = %(position)s),
    settled.position >= %(position)s
)
from catalog.settled
"""
"""A page of a listing there is as of the settled instant: see current_instant_after_appends."""
PROJECTION_HAS_POSITION = "select position >= %(position)s from catalog.projections where name = %(projection)s"


async def wait_for_position(read_router: ReadRouter, position: int, projection: str | None = None) -> None:
    """Until inline documents, or those of a background projection, are as of `position`, where the request reads.

    Raises AheadOfLog for a position that no event ever had, Unavailable if it takes too long.
    """
    given = {"position": position, "projection": projection}
    if read_router.on_replica:
        if await _replica_has_position(
            read_router, REPLICA_HAS_POSITION if projection is None else PROJECTION_HAS_POSITION, given
        ):
            return
        read_router.use_primary()
    query = LOG_HAS_POSITION if projection is None else PROJECTION_HAS_POSITION
    deadline = time.monotonic() + POSITION_WAIT_SECONDS
    while True:
        async with read_router.connection() as connection:
            if await _holds(connection, query, given):
                return
            await check_position_exists(connection, position)
        if time.monotonic() > deadline:
            raise Unavailable(f"What is read has not got to position {position} yet. Try again.")
        await asyncio.sleep(POSITION_POLL_SECONDS)


async def _replica_has_position(read_router: ReadRouter, query: str, given: Mapping[str, object]) -> bool:
    """Which positions were handed out it cannot tell: only the primary's sequence knows."""
    deadline = time.monotonic() + REPLICA_WAIT_SECONDS
    while True:
        async with read_router.connection() as connection:
            if await _holds(connection, query, given):
                return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POSITION_POLL_SECONDS)


async def _holds(connection: AsyncConnection, query: str, given: Mapping[str, object]) -> bool:
    return await (await connection.execute(query.encode(), given, prepare=True)).fetchone() == (True,)
