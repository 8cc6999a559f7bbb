"""An item's past: its events, its audit trail, its document at any version and instant, and one document rebuilt."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter, QueryParameter
from msgspec import Raw, Struct

from app.documents import Document, Documents
from app.events import ItemCreated, metadata_from, tag_of
from app.http.answers import ItemDocument, encoded, etag, is_unchanged, json_answer, rfc3339, with_members
from app.http.instants import parse_instant
from app.http.problems import FieldProblem, invalid_input, refuses
from app.http.requests import LARGEST_ID, IfNoneMatch
from app.item import ItemNotFound
from app.store import StoredEvent

FOR_EVER = "public, max-age=31536000, immutable"

Timestamp = Annotated[
    str | None, QueryParameter(description="RFC 3339; without an offset UTC; a date alone is its first moment.")
]
VersionNumber = Annotated[int, PathParameter(description="1 is the item as it was created.")]


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One event of an item."""

    sequence: int
    """The event's position in the log."""
    type: str
    timestamp: datetime
    user: str | None
    """Who acted; null only if the log does not know."""
    changes: Raw
    """The event's data, as stored."""


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


class ItemHistory(Controller):
    path = "/items/{item_id:int}"
    tags = ("time",)

    @get("/history", summary="Its events", responses=refuses(404))
    async def history(self, item_id: FromPath[int], documents: NamedDependency[Documents]) -> Response[History]:
        current, events = await _item_and_events(documents, item_id)
        answer = History(
            current=Raw(current.json),
            history=[_history_entry(event) for event in events],
            event_count=len(events),
            created_at=events[0].recorded_at,
            last_modified_at=events[-1].recorded_at if len(events) > 1 else None,
        )
        return encoded(answer, etag(current.version))

    @get("/audit-trail", summary="Who did what", responses=refuses(404))
    async def audit_trail(self, item_id: FromPath[int], documents: NamedDependency[Documents]) -> Response[AuditTrail]:
        current, events = await _item_and_events(documents, item_id)
        entries = [_audit_entry(event) for event in events]
        answer = AuditTrail(item_id=item_id, total_events=len(entries), audit_trail=entries)
        return encoded(answer, etag(current.version))

    @get("/time-travel", summary="The item as of an instant", responses=refuses(404))
    async def time_travel(
        self, item_id: FromPath[int], documents: NamedDependency[Documents], timestamp: Timestamp = None
    ) -> Response[TimeTravel]:
        if timestamp is None:
            raise invalid_input([FieldProblem(pointer="/timestamp", detail="This field is required.", source="query")])
        instant = parse_instant(timestamp)
        found = await documents.get_as_of(item_id, until=instant)
        if found is None:
            raise ItemNotFound(f"There was no item {item_id} at {rfc3339(instant)}.")
        state = with_members(found.json, as_of=instant, event_version=found.version)
        answer = TimeTravel(item_id=item_id, timestamp=instant, state_at_time=Raw(state))
        return encoded(answer, etag(found.version))

    @get("/versions/{version:int}", summary="The item at a version", responses=refuses(404))
    async def at_version(
        self,
        item_id: FromPath[int],
        version: VersionNumber,
        documents: NamedDependency[Documents],
        if_none_match: IfNoneMatch = None,
    ) -> Response[ItemDocument]:
        """Never changes: caches may keep it."""
        found = await documents.get_as_of(item_id, version=version) if 1 <= version <= LARGEST_ID else None
        if found is None or found.version != version:
            raise ItemNotFound(f"Item {item_id} has no version {version}.")
        since = format_datetime(found.valid_from.astimezone(UTC), usegmt=True)
        headers = etag(version) | {"Cache-Control": FOR_EVER, "Memento-Datetime": since}
        if is_unchanged(if_none_match, version):
            return json_answer(b"", 304, headers)
        return json_answer(found.json, headers=headers)

    @post("/rebuild", status_code=200, summary="Fold the stored document anew", responses=refuses(404))
    async def rebuild(self, item_id: FromPath[int], documents: NamedDependency[Documents]) -> Response[Rebuilt]:
        """Readers never miss the item meanwhile, and commands on it wait."""
        rebuilt = await documents.rebuild(item_id)
        if rebuilt is None:
            raise ItemNotFound("There is no such item.")
        answer = Rebuilt(
            message=f"Item {item_id} rebuilt from {rebuilt.version} events",
            item_id=item_id,
            item=Raw(rebuilt.json),
            changed=rebuilt.changed,
        )
        return encoded(answer, etag(rebuilt.version))


async def _item_and_events(documents: Documents, item_id: int) -> tuple[Document, list[StoredEvent]]:
    """The present item and the events that made it, of one and the same version."""
    current = await documents.get(item_id)
    if current is None:
        raise ItemNotFound("There is no such item.")
    return current, await documents.events_of(item_id, current.version)


def _history_entry(event: StoredEvent) -> HistoryEntry:
    return HistoryEntry(
        sequence=event.position,
        type=event.type,
        timestamp=event.recorded_at,
        user=_actor(event),
        changes=Raw(event.data),
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


def _actor(event: StoredEvent) -> str | None:
    return metadata_from(event.metadata).user_id
