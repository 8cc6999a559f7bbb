"""Read-your-writes: a reader waits briefly until the documents it reads include the event at a given position.

A replica is waited for only a moment: the primary has the event already, and reading there costs less than waiting.
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
"""Inline documents are as new as the log. A position that no event got counts as reached once it is settled."""
REPLICA_HAS_POSITION = """
select coalesce(
    (select recorded_at <= settled.instant from catalog.events where position = %(position)s),
    settled.position >= %(position)s
)
from catalog.settled
"""
"""On a replica a page of a listing is as of the settled instant: see current_instant_after_appends."""
PROJECTION_HAS_POSITION = "select position >= %(position)s from catalog.projections where name = %(projection)s"


async def wait_for_position(read_router: ReadRouter, position: int, projection: str | None = None) -> None:
    """Wait until inline documents, or those of an async projection, include `position` on the request's server.

    Switches the request to the primary if the replica is behind. Raises AheadOfLog if the position was never assigned,
    and Unavailable if the wait takes too long.
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
            raise Unavailable(f"The documents have not reached position {position} yet. Try again.")
        await asyncio.sleep(POSITION_POLL_SECONDS)


async def _replica_has_position(read_router: ReadRouter, query: str, given: Mapping[str, object]) -> bool:
    """Whether the replica reaches the position in time. It cannot tell whether the position was ever assigned."""
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
