"""Serves the log over HTTP: settled events in order, as pages and as a stream."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from app.constraints import LARGEST_ID, LARGEST_POSITION
from app.domain.events import Event
from app.engine.events.event import EventRegistry
from app.engine.postgres.bulkheads import CostlyRead
from app.engine.store.log_reader import EventFilter, LogPage, check_position_exists, read_mark, read_settled
from app.errors import Malformed
from app.http.auth.guards import BEARER, require_admin
from app.http.services import Services
from app.http.wire.cloud_events import BATCH_MEDIA_TYPE, CloudEvent, cloud_event
from app.http.wire.links import next_page_header
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses, invalid_parameter
from app.http.wire.responses import keep_private
from app.http.wire.server_sent_events import EVENT_STREAM, EventStream
from app.http.wire.text_parameters import text_parameter

EVENT_TYPE_TAGS = tuple(EventRegistry(Event).types)
STREAM_PAGE_EVENTS = 100
FILTERED_EVENTS = CostlyRead(what="filtered pages of the log")

After = Annotated[int, QueryParameter(ge=0, le=LARGEST_POSITION, description="Return the events after this position.")]
StreamAfter = Annotated[
    int | None,
    QueryParameter(
        ge=0, le=LARGEST_POSITION, description="Begin after this position: 0 is the whole log; the default is now."
    ),
]
PageLimit = Annotated[int, QueryParameter(ge=1, le=1000)]
EventType = Annotated[str | None, text_parameter(f"Only events of this type: {', '.join(EVENT_TYPE_TAGS)}.", 100)]
ItemFilter = Annotated[int | None, QueryParameter(ge=1, le=LARGEST_ID, description="Only events of this item.")]
Before = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=LARGEST_POSITION,
        description="Newest first: return the events before this position. Excludes `after`.",
    ),
]
UserFilter = Annotated[str | None, text_parameter("Only events of this user.", 100)]
CorrelationFilter = Annotated[str | None, text_parameter("Only events of the request with this id.", 128)]
From = Annotated[str | None, QueryParameter(name="from", description="Only events recorded at this instant or later.")]
To = Annotated[str | None, QueryParameter(name="to", description="Only events recorded before this instant.")]
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The id of the last event received; overrides `after`."),
]
STREAM = ResponseSpec(CloudEvent, False, "Server-sent events, each a CloudEvent", EVENT_STREAM)


class EventFilterParameters(Struct, frozen=True, kw_only=True):
    """The filters that pages and streams of the log share."""

    type: EventType = None
    item_id: ItemFilter = None
    user_id: UserFilter = None
    correlation_id: CorrelationFilter = None

    def parse(self, since: datetime | None = None, until: datetime | None = None) -> EventFilter:
        """Raises InvalidInput for an unknown type, so that a typo does not look like an empty log."""
        if self.type is not None and self.type not in EVENT_TYPE_TAGS:
            tags = ", ".join(EVENT_TYPE_TAGS)
            raise invalid_parameter("type", f"There is no event type of this name; the types are {tags}.")
        return EventFilter(
            type=self.type,
            stream_id=self.item_id,
            user_id=self.user_id,
            correlation_id=self.correlation_id,
            since=since,
            until=until,
        )


class EventLog(Controller):
    path = "/events"
    tags = ("the log",)
    guards = (require_admin,)
    after_request = staticmethod(keep_private)
    security = BEARER

    @get(summary="Settled events, in order", media_type=BATCH_MEDIA_TYPE, responses=error_responses(401, 403, 409))
    @grouped(filters=EventFilterParameters)
    async def events(
        self,
        request: Request[Any, Any, Any],
        services: NamedDependency[Services],
        after: After = 0,
        before: Before = None,
        limit: PageLimit = 100,
        *,
        filters: EventFilterParameters,
        since: From = None,
        until: To = None,
    ) -> Response[list[CloudEvent]]:
        """Returns a batch of CloudEvents 1.0. No event is later inserted into a page that was read.

        `Link: rel="next"` leads to the next page, if there is one. A filtered page may have a next page although it has
        fewer than `limit` events, or none.
        """
        if after and before is not None:
            raise invalid_parameter("before", "Give after or before, not both.")
        resolve = services.as_of_resolver.resolve_instant
        recorded = [None if text is None else await resolve(text) for text in (since, until)]
        sought = filters.parse(*recorded)
        router = services.read_router
        async with router.costly(FILTERED_EVENTS) if sought.skips_events else router.connection() as connection:
            page = await read_settled(connection, after, limit, sought, before)
        if not page.events and not page.more:
            async with services.database.connection() as connection:
                await check_position_exists(connection, after)
        headers = {"Cache-Control": "no-cache"}
        if page.more:
            next_page = {"after" if before is None else "before": page.upto, "limit": limit}
            given = msgspec.structs.asdict(filters)
            headers |= next_page_header(
                request, services.settings, **next_page, **given, **{"from": since, "to": until}
            )
        body: Any = msgspec.json.encode([cloud_event(entry) for entry in page.events])
        return Response(body, media_type=BATCH_MEDIA_TYPE, headers=headers)

    @get(
        "/stream",
        summary="The log as a live stream",
        media_type=EVENT_STREAM,
        responses={200: STREAM, **error_responses(401, 403, 409)},
    )
    @grouped(filters=EventFilterParameters)
    async def stream(
        self,
        services: NamedDependency[Services],
        after: StreamAfter = None,
        *,
        filters: EventFilterParameters,
        last_event_id: LastEventId = None,
    ) -> Response[CloudEvent]:
        """Sends each settled event once, in order: its position as `id`, its type as `event`, a CloudEvent as `data`.

        The stream begins after `Last-Event-ID`, else after `after`. With neither it begins now, and first sends the
        current position as an id without an event.
        """
        database, mark_watcher = services.database, services.mark_watcher
        sought = filters.parse()
        is_behind = sought.skips_events

        async def read(position: int) -> LogPage:
            """A filtered read is costly only until the stream has caught up: then few events are skipped."""
            nonlocal is_behind
            async with database.costly(FILTERED_EVENTS) if is_behind else database.connection() as connection:
                page = await read_settled(connection, position, STREAM_PAGE_EVENTS, sought)
            is_behind = sought.skips_events and page.more
            return page

        begins = _parse_position(last_event_id) if last_event_id else after
        async with database.connection() as connection:
            if begins is None:
                return EventStream(mark_watcher, read, await read_mark(connection), announces_start=True)
            await check_position_exists(connection, begins)
        return EventStream(mark_watcher, read, begins, announces_start=False)


def _parse_position(last_event_id: str) -> int:
    """Raises Malformed unless it is a position."""
    if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= len(str(LARGEST_POSITION)):
        return min(int(last_event_id), LARGEST_POSITION)
    raise Malformed(f"Last-Event-ID must be the id of an event, a position such as 42, not {last_event_id}.")
