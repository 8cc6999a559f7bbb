"""The high-water mark: up to this position and instant no event can be added to the log any more.

Positions become visible out of order, so a reader that remembers the last position it saw would lose events. The mark
is found by a grace period, never by a time-out. First note the newest position handed out and the clock. Then list the
transactions that hold the append gate. When exactly those have ended, every position up to the noted one is committed
or will never be. Writers are not slowed down, and only appending transactions are waited for.
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
"""How long a commit of the mark may take. If a synchronous replica is lost, a commit waits for it without end."""

CLOCK_TOLERANCE = timedelta(seconds=1)
"""How far a client's clock may be ahead of the database's."""

NEWEST_INSTANT = """
select newest.instant, extract(epoch from newest.instant - now.instant)::double precision
from catalog.settled
cross join (select clock_timestamp() as instant) as now
cross join lateral (
    select greatest(now.instant, settled.noted_instant, (select max(events.recorded_at) from catalog.events)) as instant
) as newest
"""
"""The end of the past, and how many seconds it is ahead of the database's clock. It is the clock itself, or the newest
instant of the log if the clock has stepped back behind that."""

IS_SETTLED = "select instant >= %s from catalog.settled"


class Mark(Struct, frozen=True):
    """Every event up to `position`, and every one recorded up to `instant`, is committed or will never be."""

    position: int
    instant: datetime


class HighWaterMark:
    """What this process knows to be settled; it moves the mark if it must know more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known_settled = datetime.min.replace(tzinfo=UTC)

    def is_known_settled(self, instant: datetime) -> bool:
        """Whether this process knows that the instant is settled."""
        return instant <= self._known_settled

    async def is_settled(self, instant: datetime, timeout_seconds: float = 0.5) -> bool:
        """Whether no event will be recorded at or before `instant` any more; waits for running appends if need be.

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
                pass  # appends or a commit take long, or an operator has made the database read-only
        return cast(datetime, settled)


async def check_not_in_future(connection: AsyncConnection, instant: datetime) -> None:
    """Raises Malformed for an instant later than both the database's clock and the log; our clock is not asked."""
    row = await (await connection.execute(NEWEST_INSTANT, prepare=True)).fetchone()
    assert row is not None, "catalog.settled has one row"
    if instant > row[0] + CLOCK_TOLERANCE:
        raise Malformed(f"{instant:%Y-%m-%dT%H:%M:%S.%fZ} is in the future; only the past can be read.")


async def is_settled_here(connection: AsyncConnection, instant: datetime) -> bool:
    """Whether the connection's server has the instant settled. A replica replays the mark after the events up to it."""
    return await (await connection.execute(IS_SETTLED, (instant,), prepare=True)).fetchone() == (True,)


BEGIN_MARK = """
select position, instant
from set_config('synchronous_commit', 'off', true)
cross join catalog.begin_mark()
"""
"""begin_mark need not be durable: publish_mark commits later, and its commit writes everything before it to disk."""


async def advance_mark(connection: AsyncConnection, timeout_seconds: float = math.inf) -> Mark:
    """Wait for the running appends and move the mark to now; several sessions may do so at once.

    `connection` must be in autocommit: begin_mark, gate_holders and publish_mark are transactions of their own.
    Raises TimeoutError if the appends take too long.
    """
    pending = await (await connection.execute(BEGIN_MARK)).fetchone()
    assert pending is not None, "begin_mark returns one row"
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
"""If the clock went backwards, appends get instants just after `noted_instant`; "now" must be later than those.

A replica does not see the running appends. It knows the log only up to the mark, so there "now" is the mark's instant.
The query returns no row if an event has waited for more than 10 seconds to be settled: no leader moves the mark."""


async def current_instant_after_appends(connection: AsyncConnection, timeout_seconds: float = 0.25) -> datetime:
    """Return the present instant, after waiting up to `timeout_seconds` for the appends that run at it.

    A read as of this instant then gives the same result later. Unlike `advance_mark` it writes nothing, so a clock that
    later steps back can break this. Raises Unavailable on a replica whose mark is too old.
    """
    row = await (await connection.execute(CURRENT_INSTANT, prepare=True)).fetchone()
    if row is None or row[0] is None:
        raise Unavailable("The replica's high-water mark is too old to tell the present instant. Try again.")
    with suppress(TimeoutError):
        await _wait_for_appends(connection, timeout_seconds)
    return cast(datetime, row[0])


async def _wait_for_appends(connection: AsyncConnection, timeout_seconds: float) -> None:
    """Wait for exactly the transactions that hold the append gate now. Raises TimeoutError after `timeout_seconds`.

    The time is checked between two queries. Cancelling a query would cost the connection behind a pooler that must not
    be asked to cancel.
    """
    deadline = time.monotonic() + timeout_seconds
    waiting_for = await _gate_holders(connection)
    while waiting_for:
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(GATE_POLL_SECONDS)
        waiting_for &= await _gate_holders(connection)


async def _gate_holders(connection: AsyncConnection) -> set[str]:
    return {holder for (holder,) in await (await connection.execute("select catalog.gate_holders()")).fetchall()}
