"""The high-water mark: up to where the log can no longer grow, found by a grace period and never by a time-out.

Positions become visible out of order, and a reader that remembers the last one it saw loses events. So: note the
newest position handed out and the clock; list who holds the append gate; when exactly those are gone, everything up
to what was noted is decided. Writers are not slowed down, and whoever is not appending is not waited for.
"""

import asyncio
import math
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import cast

from msgspec import Struct
from psycopg import AsyncConnection, errors

from app.engine.postgres.pool import Database
from app.errors import Malformed, Unavailable

GATE_POLL_SECONDS = 0.005

MARK_COMMIT_SECONDS = 0.5
"""While a synchronous replica is lost, a commit waits for it for ever."""

CLOCK_TOLERANCE = timedelta(seconds=1)
"""A client's clock may be so much ahead of the database's."""

NEWEST_INSTANT = """
select newest.instant, extract(epoch from newest.instant - now.instant)::double precision
from catalog.settled
cross join (select clock_timestamp() as instant) as now
cross join lateral (
    select greatest(now.instant, settled.noted_instant, (select max(events.recorded_at) from catalog.events)) as instant
) as newest
"""
"""The database's clock, or the newest instant of the log where the clock is behind that, having stepped back; and for
how many seconds it is. Until then is the past."""

IS_SETTLED = "select instant >= %s from catalog.settled"


class Mark(Struct, frozen=True):
    """Every event up to `position`, and every one recorded up to `instant`, is committed or will never be."""

    position: int
    instant: datetime


class HighWaterMark:
    """What this process knows to be settled, and how it finds out more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known_settled = datetime.min.replace(tzinfo=UTC)

    def is_known_settled(self, instant: datetime) -> bool:
        """Whether it is settled as far as this process has seen."""
        return instant <= self._known_settled

    async def is_settled(self, instant: datetime, timeout_seconds: float = 0.5) -> bool:
        """Whether no event will be recorded at or before `instant` any more; waits a little for it to be known.

        Raises Malformed for an instant in the future.
        """
        if instant > self._known_settled:
            async with self._database.connection() as connection:
                self._known_settled = max(
                    self._known_settled, await self._advance(connection, instant, timeout_seconds)
                )
        return instant <= self._known_settled

    async def _advance(self, connection: AsyncConnection, instant: datetime, timeout_seconds: float) -> datetime:
        query = "select instant from catalog.settled where isfinite(instant)"
        (settled,) = await (await connection.execute(query, prepare=True)).fetchone() or (self._known_settled,)
        if instant > settled:
            await check_not_in_future(connection, instant)
            try:
                async with asyncio.timeout(MARK_COMMIT_SECONDS + timeout_seconds):
                    return (await advance_mark(connection, timeout_seconds)).instant
            except (TimeoutError, errors.ReadOnlySqlTransaction):
                pass  # appends or a commit take long; or an operator has closed the database to changes, not to reads
        return cast(datetime, settled)


async def check_not_in_future(connection: AsyncConnection, instant: datetime) -> None:
    """Raises Malformed for an instant in the future: of the database's clock and of the log, not of our own clock."""
    row = await (await connection.execute(NEWEST_INSTANT, prepare=True)).fetchone()
    assert row is not None, "the mark is always there"
    if instant > row[0] + CLOCK_TOLERANCE:
        raise Malformed(f"{instant:%Y-%m-%dT%H:%M:%S.%fZ} is in the future; only the past can be read.")


async def is_settled_here(connection: AsyncConnection, instant: datetime) -> bool:
    """Whether its server says so already. A replica replays the mark behind the events that it stands for."""
    return await (await connection.execute(IS_SETTLED, (instant,), prepare=True)).fetchone() == (True,)


BEGIN_MARK = """
select position, instant
from set_config('synchronous_commit', 'off', true)
cross join catalog.begin_mark()
"""
"""Nothing rests on a note before it is published, by a commit that writes everything before it to the disk as well."""


async def advance_mark(connection: AsyncConnection, timeout_seconds: float = math.inf) -> Mark:
    """Move the mark to now, waiting for the appends under way; several may do so at once.

    `connection` is in autocommit: each step is a transaction of its own (begin_mark, gate_holders, publish_mark).
    Raises TimeoutError if the appends take too long.
    """
    pending = await (await connection.execute(BEGIN_MARK)).fetchone()
    assert pending is not None, "begin_mark answers with one row"
    await _wait_for_appends(connection, timeout_seconds)
    await connection.execute("select catalog.publish_mark(%s, %s)", pending)
    return Mark(*pending)


CURRENT_INSTANT = """
select greatest(
    case when clock_timestamp() >= noted_instant then clock_timestamp() else noted_instant + interval '1 second' end,
    (select max(events.recorded_at) from catalog.events)
)
from catalog.settled
where not pg_is_in_recovery()
union all
select nullif(instant, '-infinity')
from catalog.settled
where pg_is_in_recovery()
    and clock_timestamp() - interval '10 seconds' < coalesce((
        select recorded_at
        from catalog.events
        where events.position > settled.position
        order by events.position
        limit 1
    ), 'infinity')
"""
"""While the clock has stepped back, appends are recorded just after what was noted: now is then after those.

A replica does not see which appends are under way. All that it knows whole is what is settled; now is there then,
unless that is old for want of a leader."""


async def current_instant_after_appends(connection: AsyncConnection, timeout_seconds: float = 0.25) -> datetime:
    """The present instant, once the appends under way at it are done, if they do not take too long.

    What is read as of it is what will be read as of it later. Unlike `settle` it writes nothing, and so cannot vouch
    for a clock that steps back. Raises Unavailable on a replica where nothing has been settled for too long.
    """
    row = await (await connection.execute(CURRENT_INSTANT, prepare=True)).fetchone()
    if row is None or row[0] is None:
        raise Unavailable("The replica cannot tell what is settled. Try again.")
    with suppress(TimeoutError):
        await _wait_for_appends(connection, timeout_seconds)
    return cast(datetime, row[0])


async def _wait_for_appends(connection: AsyncConnection, timeout_seconds: float) -> None:
    """Wait for exactly those who hold the append gate just now. Raises TimeoutError between two looks at them: to call
    a look off would cost the connection, where a pooler must not be asked to cancel."""
    deadline = time.monotonic() + timeout_seconds
    waiting_for = await _gate_holders(connection)
    while waiting_for:
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(GATE_POLL_SECONDS)
        waiting_for &= await _gate_holders(connection)


async def _gate_holders(connection: AsyncConnection) -> set[str]:
    return {holder for (holder,) in await (await connection.execute("select catalog.gate_holders()")).fetchall()}
