"""`as_of` and `min_position`: the instant that a request reads, and whether its response can still change."""

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
from app.http.wire.responses import IMMUTABLE, NO_STORE
from app.parsing.instants import parse_instant

AsOf = Annotated[
    str | None,
    QueryParameter(description="A past instant in RFC 3339; UTC if it has no offset; a date means its midnight."),
]
MinPosition = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=LARGEST_POSITION,
        description="The X-Position of a command: the read waits briefly until it includes that command, else 503.",
    ),
]


class TimeParameters(Struct, frozen=True, kw_only=True):
    """The time parameters of a read."""

    as_of: AsOf = None
    min_position: MinPosition = None


class PointInTime(Struct, frozen=True):
    """The time that a request reads: the present, or an instant of the past."""

    instant: datetime | None
    settled: bool
    """Whether no event can be recorded at or before the instant any more; then the response never changes."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that give clients and caches the instant, and whether it is settled."""
        if self.instant is None:
            return {}
        as_of = {"X-As-Of": shortest_rfc3339(self.instant), "X-Settled": "true" if self.settled else "false"}
        return {**as_of, "Cache-Control": IMMUTABLE if self.settled else NO_STORE}


class AsOfResolver:
    """Turns the time parameters of a request into the point in time to read."""

    def __init__(self, read_router: ReadRouter, primary: Database) -> None:
        self._read_router = read_router
        self._high_water_mark = HighWaterMark(primary)

    async def resolve(
        self, as_of: str | datetime | None, min_position: int | None = None, projection: str | None = None
    ) -> PointInTime:
        """Wait for the position, and briefly until the instant is settled.

        Raises Malformed for an unreadable instant and for the future, Unavailable if the wait for the position ends.
        """
        if min_position is not None:
            await wait_for_position(self._read_router, min_position, projection)
        if as_of is None:
            return PointInTime(None, settled=False)
        instant = parse_instant(as_of) if isinstance(as_of, str) else as_of
        return PointInTime(instant, await self._is_settled(instant))

    async def resolve_cursor(self, instant: datetime, min_position: int | None = None) -> PointInTime:
        """Resolve the instant of a cursor. Raises InvalidInput for the future: no page has such an instant."""
        try:
            return await self.resolve(instant, min_position)
        except Malformed:
            raise invalid_parameter("cursor", "This is not a cursor that a page of this listing gave.") from None

    async def resolve_instant(self, text: str) -> datetime:
        """A past instant, settled or not. Raises Malformed for an unreadable instant and for the future."""
        instant = parse_instant(text)
        await self.check_not_in_future(instant)
        return instant

    async def check_not_in_future(self, instant: datetime) -> None:
        """Raises Malformed for the future."""
        if not self._high_water_mark.is_known_settled(instant):
            async with self._read_router.connection() as connection:
                await check_not_in_future(connection, instant)

    async def resolve_now(self) -> PointInTime:
        """The present as an instant, after a bounded wait for the appends that are under way.

        On a replica it is the settled instant: the replica has all events up to it.
        """
        async with self._read_router.connection() as connection:
            instant = await current_instant_after_appends(connection)
        return PointInTime(instant, await self._is_settled(instant))

    async def _is_settled(self, instant: datetime) -> bool:
        """Whether an instant is settled. If the replica cannot say so, it may lack events: the primary takes over."""
        if self._read_router.on_replica:
            async with self._read_router.connection() as connection:
                if await is_settled_here(connection, instant):
                    return True
            self._read_router.use_primary()
        return await self._high_water_mark.is_settled(instant)
