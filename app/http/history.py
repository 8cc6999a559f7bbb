"""An item's past: its events, its audit trail, its document at any version and instant, and one document rebuilt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import FromPath, HeaderParameter, PathParameter, QueryParameter
from msgspec import UNSET, Raw, Struct, UnsetType

from app.database import Database
from app.documents import Document, Documents
from app.events import ItemCreated, metadata_from, tag_of
from app.http.actors import BEARER, admins_only, check_owner
from app.http.answers import FOR_EVER, ItemDocument, encoded, etag, is_unchanged, json_answer, with_members
from app.http.memento import (
    LINK_FORMAT,
    TO_A_MEMENTO,
    of_a_memento,
    past_of,
    time_gate,
    time_map,
    until_of,
    wants_time_map,
)
from app.http.moments import item_at
from app.http.past import Past
from app.http.problems import refuses
from app.http.requests import IfNoneMatch
from app.item import ItemNotFound
from app.reads import Reads
from app.settings import Settings
from app.store import StoredEvent, read_surroundings
from app.wording import count

NOBODY_KNOWN = "unknown"
"""Who acted where an event does not say: only one that came into the log past this service."""

Timestamp = Annotated[
    str | None, QueryParameter(description="RFC 3339; without an offset UTC; a date alone is its first moment.")
]
AcceptDatetime = Annotated[
    str | None,
    HeaderParameter(name="Accept-Datetime", description="Such as `Thu, 15 Jan 2026 10:30:00 GMT`; without it now."),
]
VersionNumber = Annotated[int, PathParameter(description="1 is the item as it was created.")]


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One event of an item."""

    sequence: int
    """The event's position in the log."""
    type: str
    timestamp: datetime
    user: str
    changes: Raw
    """The event's data, in its type's present shape."""
    version: int
    """Its place among the item's events."""
    event_id: UUID
    correlation_id: str | UnsetType = UNSET
    """The request it belongs to."""
    causation_id: str | UnsetType = UNSET
    """What led to it."""


class History(Struct, frozen=True, kw_only=True):
    """An item and all its events, oldest first."""

    current: Raw
    history: list[HistoryEntry]
    event_count: int
    created_at: datetime
    last_modified_at: datetime | None
    """Null until a second event."""


class AuditTrail(Struct, frozen=True, kw_only=True):
    """Who did what to an item. Entries also carry their event's own fields: changes, new_status, reason, …"""

    item_id: int
    total_events: int
    audit_trail: list[dict[str, Any]]


class TimeTravel(Struct, frozen=True, kw_only=True):
    """An item as of an instant: all its fields, `as_of` and `event_version`."""

    item_id: int
    timestamp: datetime
    state_at_time: Raw


class Rebuilt(Struct, frozen=True, kw_only=True):
    """What rebuilding one document found."""

    message: str
    item_id: int
    item: Raw
    changed: bool
    """Whether the stored document was not what the log says."""


@dataclass
class OrTimeMap(Operation):
    """In OpenAPI: an answer that also comes as links."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        assert isinstance(answer, OpenAPIResponse)
        assert answer.content is not None
        answer.content[LINK_FORMAT] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


class ItemHistory(Controller):
    path = "/items/{item_id:int}"
    tags = ("time",)

    @get("/history", summary="Its events", security=BEARER, responses=refuses(401, 403, 404), operation_class=OrTimeMap)
    async def history(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        documents: NamedDependency[Documents],
        settings: NamedDependency[Settings],
    ) -> Response[History]:
        """With `Accept: application/link-format` the item's TimeMap (RFC 7089)."""
        current, events = await _item_and_events(documents, item_id)
        if wants_time_map(",".join(request.headers.getall("Accept", []))):
            return time_map(past_of(request, settings, item_id), events)
        await _check_owner(request, current)
        answer = History(
            current=Raw(current.json),
            history=[_history_entry(event) for event in events],
            event_count=len(events),
            created_at=events[0].recorded_at,
            last_modified_at=events[-1].recorded_at if len(events) > 1 else None,
        )
        return encoded(answer, {**etag(current.version), "Vary": "Accept"})

    @get("/audit-trail", summary="Who did what", security=BEARER, responses=refuses(401, 403, 404))
    async def audit_trail(
        self, request: Request[Any, Any, Any], item_id: FromPath[int], documents: NamedDependency[Documents]
    ) -> Response[AuditTrail]:
        current, events = await _item_and_events(documents, item_id)
        await _check_owner(request, current)
        entries = [_audit_entry(event) for event in events]
        answer = AuditTrail(item_id=item_id, total_events=len(entries), audit_trail=entries)
        return encoded(answer, etag(current.version))

    @get("/time-travel", summary="The item as of an instant", responses={302: TO_A_MEMENTO, **refuses(404)})
    async def time_travel(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        documents: NamedDependency[Documents],
        database: NamedDependency[Database],
        past: NamedDependency[Past],
        settings: NamedDependency[Settings],
        timestamp: Timestamp = None,
        accept_datetime: AcceptDatetime = None,
    ) -> Response[TimeTravel]:
        """Without `timestamp` the item's TimeGate (RFC 7089): to the version of the time in `Accept-Datetime`, the
        first if that is before its creation, the last if it is in the future."""
        if timestamp is None:
            until = until_of(accept_datetime)
            async with database.connection() as connection:
                around = await read_surroundings(connection, item_id, until)
            if around is None:
                raise ItemNotFound("There is no such item.")
            return time_gate(past_of(request, settings, item_id), around)
        point = await past.at(timestamp)
        instant = point.instant
        assert instant is not None, "a timestamp was given"
        found = await item_at(documents, item_id, instant)
        state = with_members(found.json, as_of=instant, event_version=found.version)
        answer = TimeTravel(item_id=item_id, timestamp=instant, state_at_time=Raw(state))
        return encoded(answer, etag(found.version) | point.headers)

    @get("/versions/{version:int}", summary="The item at a version", responses=refuses(404))
    async def at_version(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        version: VersionNumber,
        documents: NamedDependency[Documents],
        reads: NamedDependency[Reads],
        settings: NamedDependency[Settings],
        if_none_match: IfNoneMatch = None,
    ) -> Response[ItemDocument]:
        """Never changes: caches may keep it. It is a Memento (RFC 7089): `Link` has the versions beside it."""
        found = await item_at(documents, item_id, version)
        async with reads.connection() as connection:
            around = await read_surroundings(connection, item_id, version=version)
        assert around is not None, "a stream that was folded is there"
        headers = {**etag(version), "Cache-Control": FOR_EVER}
        headers |= of_a_memento(past_of(request, settings, item_id), around)
        if is_unchanged(if_none_match, version):
            return json_answer(b"", 304, headers)
        return json_answer(found.json, headers=headers)

    @post(
        "/rebuild",
        status_code=200,
        guards=[admins_only],
        summary="Fold the stored document anew",
        security=BEARER,
        responses=refuses(401, 403, 404),
    )
    async def rebuild(self, item_id: FromPath[int], documents: NamedDependency[Documents]) -> Response[Rebuilt]:
        """Readers never miss the item meanwhile, and commands on it wait."""
        rebuilt = await documents.rebuild(item_id)
        if rebuilt is None:
            raise ItemNotFound("There is no such item.")
        answer = Rebuilt(
            message=f"Item {item_id} rebuilt from {count(rebuilt.version, 'event')}",
            item_id=item_id,
            item=Raw(rebuilt.json),
            changed=rebuilt.changed,
        )
        return encoded(answer, etag(rebuilt.version))


class Owned(Struct, frozen=True):
    owner_id: str


async def _check_owner(request: Request[Any, Any, Any], item: Document) -> None:
    await check_owner(request, msgspec.json.decode(item.json, type=Owned).owner_id)


async def _item_and_events(documents: Documents, item_id: int) -> tuple[Document, list[StoredEvent]]:
    """The present item and the events that made it, of one and the same version."""
    current = await documents.get(item_id)
    if current is None:
        raise ItemNotFound("There is no such item.")
    return current, await documents.events_of(item_id, current.version)


def _history_entry(event: StoredEvent) -> HistoryEntry:
    metadata = metadata_from(event.metadata)
    return HistoryEntry(
        sequence=event.position,
        type=event.type,
        timestamp=event.recorded_at,
        user=metadata.user_id or NOBODY_KNOWN,
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
        "user_id": _actor(event),
        "version": event.version,
    }
    if event.type == tag_of(ItemCreated):
        return entry
    return {**msgspec.json.decode(event.data, type=dict[str, Raw]), **entry}


def _actor(event: StoredEvent) -> str:
    return metadata_from(event.metadata).user_id or NOBODY_KNOWN
