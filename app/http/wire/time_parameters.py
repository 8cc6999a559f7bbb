"""`as_of` and `min_position`: which past a request asks for, and how much its answer may be relied on."""

from datetime import datetime
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Struct

from app.constraints import LARGEST_POSITION
from app.engine.events.timestamps import shortest_rfc3339
from app.engine.postgres.pool import Database
from app.engine.queries.read_router import ReadRouter
from app.engine.queries.read_your_writes import wait_for_position
from app.engine.store.high_water_mark import (
    HighWaterMark,
    check_not_in_future,
    current_instant_after_appends,
    is_settled_here,
)
from app.errors import Malformed
from app.http.wire.problem_details import invalid_parameter
from app.http.wire.responses import IMMUTABLE
from app.parsing.instants import parse_instant

AsOf = Annotated[
    str | None,
    QueryParameter(description="An instant of the past: RFC 3339; without an offset UTC; a date is its first moment."),
]
MinPosition = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=LARGEST_POSITION,
        description="The X-Position of a command: wait, briefly, until what is read has got there; else 503.",
    ),
]


class TimeParameters(Struct, frozen=True, kw_only=True):
    """What a read says of the time it reads."""

    as_of: AsOf = None
    min_position: MinPosition = None


class PointInTime(Struct, frozen=True):
    """What a request reads: the present, or the past as of an instant."""

    instant: datetime | None
    settled: bool
    """Whether nothing can be recorded up to the instant any more, so that the answer never changes."""

    @property
    def headers(self) -> dict[str, str]:
        """What caches and clients should know of the answer."""
        if self.instant is None:
            return {}
        as_of = {"X-As-Of": shortest_rfc3339(self.instant), "X-Settled": "true" if self.settled else "false"}
        return {**as_of, "Cache-Control": IMMUTABLE if self.settled else "no-store"}


class AsOfResolver:
    """Turns what a request says about time into a point in time to read."""

    def __init__(self, read_router: ReadRouter, primary: Database) -> None:
        self._reads = read_router
        self._settlement = HighWaterMark(primary)

    async def resolve(
        self, as_of: str | datetime | None, min_position: int | None = None, projection: str | None = None
    ) -> PointInTime:
        """Waits for the position, and briefly for the instant to be settled.

        Raises Malformed for no instant and for the future, Unavailable if the position is not reached in time.
        """
        if min_position is not None:
            await wait_for_position(self._reads, min_position, projection)
        if as_of is None:
            return PointInTime(None, settled=False)
        instant = parse_instant(as_of) if isinstance(as_of, str) else as_of
        return PointInTime(instant, await self._is_settled(instant))

    async def resolve_cursor(self, instant: datetime, min_position: int | None = None) -> PointInTime:
        """The same for the instant of a cursor. Raises InvalidInput for the future, which no page was as of."""
        try:
            return await self.resolve(instant, min_position)
        except Malformed:
            raise invalid_parameter("cursor", "This is not a cursor that a page of this listing gave.") from None

    async def resolve_instant(self, text: str) -> datetime:
        """An instant of the past that need not be settled. Raises Malformed for no instant and for the future."""
        instant = parse_instant(text)
        await self.check_not_in_future(instant)
        return instant

    async def check_not_in_future(self, instant: datetime) -> None:
        """Raises Malformed for the future."""
        if not self._settlement.is_known_settled(instant):
            async with self._reads.connection() as connection:
                await check_not_in_future(connection, instant)

    async def resolve_now(self) -> PointInTime:
        """The present as an instant; the appends under way at it are waited for, if they do not take too long.

        On a replica the settled instant, up to which it knows all.
        """
        async with self._reads.connection() as connection:
            instant = await current_instant_after_appends(connection)
        return PointInTime(instant, await self._is_settled(instant))

    async def _is_settled(self, instant: datetime) -> bool:
        """A replica that does not know it may not even have the events: then the request goes on to the primary."""
        if self._reads.on_replica:
            async with self._reads.connection() as connection:
                if await is_settled_here(connection, instant):
                    return True
            self._reads.use_primary()
        return await self._settlement.is_settled(instant)
