"""Serves an item's history: its events, its audit trail, and its document at any version or instant."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, HeaderParameter, PathParameter, QueryParameter
from msgspec import UNSET, Raw, Struct, UnsetType

from app.domain.events import ItemCreated
from app.domain.item import ItemNotFound
from app.engine.events.event import decode_metadata, type_tag
from app.engine.queries.documents import Documents
from app.engine.store.event_store import StoredEvent, read_adjacent_versions
from app.http.auth.guards import BEARER, AnyConnection, current_actor, require_token
from app.http.services import Services
from app.http.wire.conditional_requests import NOT_MODIFIED, ReadContext
from app.http.wire.memento import (
    LINK_FORMAT,
    MEMENTO_REDIRECT,
    memento_headers,
    memento_uris,
    parse_accept_datetime,
    timegate_response,
    timemap_response,
    wants_time_map,
)
from app.http.wire.openapi_schemas import also_as
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import (
    IMMUTABLE,
    ItemDocument,
    add_members,
    etag_header,
    json_response,
    keep_private,
    struct_response,
)
from app.http.wire.version_or_instant import item_at, require_own_item

OWNER_READ_ERRORS = NOT_MODIFIED | error_responses(401, 403, 404, 412)
UNKNOWN_ACTOR = "unknown"
"""The actor of an event without a user: such an event was not appended through this API."""

VersionNumber = Annotated[int, PathParameter(description="1 is the item at its creation.")]


class RequestedTime(Struct, frozen=True, kw_only=True):
    """The requested time: `timestamp`, or Memento's Accept-Datetime."""

    timestamp: Annotated[
        str | None, QueryParameter(description="An instant in RFC 3339; UTC without an offset; a date is its midnight.")
    ] = None
    accept_datetime: Annotated[
        str | None,
        HeaderParameter(
            name="Accept-Datetime", description="Such as `Thu, 15 Jan 2026 10:30:00 GMT`; the default is now."
        ),
    ] = None


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One event of an item."""

    sequence: int
    """The event's position in the log."""
    type: str
    timestamp: datetime
    user: str
    changes: Raw
    """The event's data, in its type's current shape."""
    version: int
    """Its number among the item's events, from 1."""
    event_id: UUID
    correlation_id: str | UnsetType = UNSET
    """The id of its request."""
    causation_id: str | UnsetType = UNSET
    """The id of the event or message that caused it."""


class History(Struct, frozen=True, kw_only=True):
    """An item and all its events, oldest first."""

    current: Raw
    history: list[HistoryEntry]
    event_count: int
    created_at: datetime
    last_modified_at: datetime | None
    """Null until the item has a second event."""


class AuditTrail(Struct, frozen=True, kw_only=True):
    """Who did what to an item. Each entry also has the fields of its event: changes, new_status, reason, …"""

    item_id: int
    total_events: int
    audit_trail: list[dict[str, Any]]


class TimeTravel(Struct, frozen=True, kw_only=True):
    """An item as of an instant: all its fields, `as_of` and `event_version`."""

    item_id: int
    timestamp: datetime
    state_at_time: Raw


async def require_token_for_events(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard: the TimeMap is public, as the versions are; the events require a token."""
    if not _wants_time_map(connection):
        await require_token(connection, handler)


class ItemHistory(Controller):
    path = "/items/{item_id:int}"
    tags = ("time",)

    @get(
        "/history",
        guards=[require_token_for_events],
        summary="An item's events",
        security=BEARER,
        responses=OWNER_READ_ERRORS,
        operation_class=also_as(LINK_FORMAT),
    )
    @grouped(context=ReadContext)
    async def history(
        self, item_id: FromPath[int], services: NamedDependency[Services], context: ReadContext
    ) -> Response[History]:
        """With `Accept: application/link-format` it returns the item's TimeMap (RFC 7089)."""
        if _wants_time_map(context.request):
            uris = memento_uris(context.request, services.settings, item_id)
            return context.respond(timemap_response(uris, await _item_instants(services.documents, item_id)))
        current = await require_own_item(services.documents, item_id, current_actor(context.request))
        events = await services.documents.events_of(item_id, current.version)
        answer = History(
            current=Raw(current.json),
            history=[_history_entry(event) for event in events],
            event_count=len(events),
            created_at=events[0].recorded_at,
            last_modified_at=events[-1].recorded_at if len(events) > 1 else None,
        )
        headers = {**etag_header(current.version), "Vary": "Accept"}
        return context.respond(keep_private(struct_response(answer, headers)))

    @get(
        "/audit-trail",
        guards=[require_token],
        after_request=keep_private,
        summary="Who did what to an item",
        security=BEARER,
        responses=OWNER_READ_ERRORS,
    )
    @grouped(context=ReadContext)
    async def audit_trail(
        self, item_id: FromPath[int], services: NamedDependency[Services], context: ReadContext
    ) -> Response[AuditTrail]:
        current = await require_own_item(services.documents, item_id, current_actor(context.request))
        entries = [_audit_entry(event) for event in await services.documents.events_of(item_id, current.version)]
        answer = AuditTrail(item_id=item_id, total_events=len(entries), audit_trail=entries)
        return context.respond(struct_response(answer, etag_header(current.version)))

    @get(
        "/time-travel",
        summary="The item as of an instant",
        responses={302: MEMENTO_REDIRECT, **NOT_MODIFIED, **error_responses(404, 412)},
    )
    @grouped(requested=RequestedTime, context=ReadContext)
    async def time_travel(
        self,
        item_id: FromPath[int],
        services: NamedDependency[Services],
        requested: RequestedTime,
        context: ReadContext,
    ) -> Response[TimeTravel]:
        """Without `timestamp` this is the item's TimeGate (RFC 7089): it redirects to the version at `Accept-Datetime`.

        That is the first version for a time before the creation, and the last version for a time in the future.
        """
        if requested.timestamp is None:
            until = parse_accept_datetime(requested.accept_datetime)
            async with services.database.connection() as connection:
                around = await read_adjacent_versions(connection, item_id, until)
            if around is None:
                raise ItemNotFound("There is no such item.")
            return timegate_response(memento_uris(context.request, services.settings, item_id), around)
        point = await services.as_of_resolver.resolve(requested.timestamp)
        instant = point.instant
        assert instant is not None, "a timestamp was given"
        found = await item_at(services.documents, item_id, instant)
        state = add_members(found.json, as_of=instant, event_version=found.version)
        answer = TimeTravel(item_id=item_id, timestamp=instant, state_at_time=Raw(state))
        return context.respond(struct_response(answer, etag_header(found.version) | point.headers))

    @get("/versions/{version:int}", summary="The item at a version", responses=NOT_MODIFIED | error_responses(404, 412))
    @grouped(context=ReadContext)
    async def at_version(
        self, item_id: FromPath[int], version: VersionNumber, services: NamedDependency[Services], context: ReadContext
    ) -> Response[ItemDocument]:
        """A version never changes, so caches may keep it. It is a Memento (RFC 7089); `Link` has adjacent versions."""
        found = await item_at(services.documents, item_id, version)
        async with services.read_router.connection() as connection:
            around = await read_adjacent_versions(connection, item_id, version=version)
        assert around is not None, "the stream exists, because it was folded"
        headers = {**etag_header(version), "Cache-Control": IMMUTABLE}
        headers |= memento_headers(memento_uris(context.request, services.settings, item_id), around)
        return context.respond(json_response(found.json, headers=headers))


def _wants_time_map(connection: AnyConnection) -> bool:
    return wants_time_map(",".join(connection.headers.getall("Accept", [])))


async def _item_instants(documents: Documents, item_id: int) -> list[datetime]:
    """When each version of an item was recorded; no event data is read. Raises ItemNotFound."""
    instants = await documents.instants_of(item_id)
    if not instants:
        raise ItemNotFound("There is no such item.")
    return instants


def _history_entry(event: StoredEvent) -> HistoryEntry:
    metadata = decode_metadata(event.metadata)
    return HistoryEntry(
        sequence=event.position,
        type=event.type,
        timestamp=event.recorded_at,
        user=metadata.user_id or UNKNOWN_ACTOR,
        changes=Raw(event.data),
        version=event.version,
        event_id=event.event_id,
        correlation_id=metadata.correlation_id or UNSET,
        causation_id=metadata.causation_id or UNSET,
    )


def _audit_entry(event: StoredEvent) -> dict[str, Any]:
    entry = {
        "sequence": event.position,
        "event_type": event.type,
        "timestamp": event.recorded_at,
        "user_id": _actor_of(event),
        "version": event.version,
    }
    if event.type == type_tag(ItemCreated):
        return entry
    return {**msgspec.json.decode(event.data, type=dict[str, Raw]), **entry}


def _actor_of(event: StoredEvent) -> str:
    return decode_metadata(event.metadata).user_id or UNKNOWN_ACTOR
