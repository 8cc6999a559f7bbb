"""Reading one's own writes: a reader waits, briefly, until what it reads has got to the position of a command."""

import asyncio
import time
from collections.abc import Mapping

from psycopg import AsyncConnection

from app.database import Database
from app.errors import Unavailable
from app.store import check_handed_out

PATIENCE_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.01

LOG_HAS_IT = """
select exists (select from catalog.events where position = %(position)s)
    or (select position >= %(position)s from catalog.settled)
"""
"""Inline documents are as new as the log. A position that was handed out and not used counts once it is settled."""
PROJECTION_HAS_IT = "select position >= %(position)s from catalog.projections where name = %(projection)s"


async def wait_until_reached(database: Database, position: int, projection: str | None = None) -> None:
    """Until inline documents, or those of a background projection, are as of `position`.

    Raises AheadOfLog for a position that no event ever had, Unavailable if it takes too long.
    """
    query = LOG_HAS_IT if projection is None else PROJECTION_HAS_IT
    given = {"position": position, "projection": projection}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        async with database.connection() as connection:
            if await _is_so(connection, query, given):
                return
            await check_handed_out(connection, position)
        if time.monotonic() > deadline:
            raise Unavailable(f"What is read has not got to position {position} yet. Try again.")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _is_so(connection: AsyncConnection, query: str, given: Mapping[str, object]) -> bool:
    return await (await connection.execute(query.encode(), given, prepare=True)).fetchone() == (True,)
