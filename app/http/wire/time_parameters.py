"""`as_of` and `min_position`: which past a request asks for, and how much its answer may be relied on."""

from datetime import datetime
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Struct

from app.constraints import LARGEST_POSITION
from app.engine.postgres.pool import Database
from app.engine.queries.read_router import Reads
from app.engine.queries.read_your_writes import wait_until_reached
from app.engine.store.high_water_mark import Settlement, check_past, knows_to_be_settled, now_without_appends
from app.errors import Malformed
from app.http.wire.problem_details import refused_parameter
from app.http.wire.responses import FOR_EVER, rfc3339
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
        as_of = {"X-As-Of": rfc3339(self.instant), "X-Settled": "true" if self.settled else "false"}
        return {**as_of, "Cache-Control": FOR_EVER if self.settled else "no-store"}


class Past:
    """Turns what a request says about time into a point in time to read."""

    def __init__(self, reads: Reads, primary: Database) -> None:
        self._reads = reads
        self._settlement = Settlement(primary)

    async def at(
        self, as_of: str | datetime | None, min_position: int | None = None, projection: str | None = None
    ) -> PointInTime:
        """Waits for the position, and briefly for the instant to be settled.

        Raises Malformed for no instant and for the future, Unavailable if the position is not reached in time.
        """
        if min_position is not None:
            await wait_until_reached(self._reads, min_position, projection)
        if as_of is None:
            return PointInTime(None, settled=False)
        instant = parse_instant(as_of) if isinstance(as_of, str) else as_of
        return PointInTime(instant, await self._is_settled(instant))

    async def of_cursor(self, instant: datetime, min_position: int | None = None) -> PointInTime:
        """The same for the instant of a cursor. Raises InvalidInput for the future, which no page was as of."""
        try:
            return await self.at(instant, min_position)
        except Malformed:
            raise refused_parameter("cursor", "This is not a cursor that a page of this listing gave.") from None

    async def instant(self, text: str) -> datetime:
        """An instant of the past that need not be settled. Raises Malformed for no instant and for the future."""
        instant = parse_instant(text)
        await self.check(instant)
        return instant

    async def check(self, instant: datetime) -> None:
        """Raises Malformed for the future."""
        if not self._settlement.knows(instant):
            async with self._reads.connection() as connection:
                await check_past(connection, instant)

    async def now(self) -> PointInTime:
        """The present as an instant; the appends under way at it are waited for, if they do not take too long.

        On a replica the settled instant, up to which it knows all.
        """
        async with self._reads.connection() as connection:
            instant = await now_without_appends(connection)
        return PointInTime(instant, await self._is_settled(instant))

    async def _is_settled(self, instant: datetime) -> bool:
        """A replica that does not know it may not even have the events: then the request goes on to the primary."""
        if self._reads.on_replica:
            async with self._reads.connection() as connection:
                if await knows_to_be_settled(connection, instant):
                    return True
            self._reads.go_to_the_primary()
        return await self._settlement.is_settled(instant)
