"""Builds CloudEvents 1.0 in structured JSON; data stored in its type's current shape passes through unparsed."""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Raw, Struct, UnsetType

from app.domain.events import Event
from app.engine.events.event import EventRegistry, decode_metadata
from app.engine.store.log_reader import LogEntry

EVENT_REGISTRY: EventRegistry[Event] = EventRegistry(Event)
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"
FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class CloudEvent(Struct, frozen=True, kw_only=True):
    """An event of the catalog in the envelope of CloudEvents 1.0, with some extension attributes."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    """The event's id."""
    source: Literal["/catalog"] = "/catalog"
    type: str
    """The stored type tag, such as `item_created`."""
    subject: str
    """The item's id."""
    time: datetime
    """When it was recorded."""
    datacontenttype: Literal["application/json"] = "application/json"
    position: str
    """Its position in the log. A string, because CloudEvents integers have 32 bits and a position has 64."""
    version: int
    """Its number among the item's events, from 1."""
    user: str | UnsetType = UNSET
    """The user who acted, if the log has one."""
    correlationid: str | UnsetType = UNSET
    """The id of its request."""
    causationid: str | UnsetType = UNSET
    """The id of the event or message that caused it."""
    traceparent: str | UnsetType = UNSET
    """The trace of its request (CloudEvents' distributed tracing extension)."""
    data: Raw
    """The event's fields, in its type's current shape."""


def cloud_event(entry: LogEntry) -> CloudEvent:
    metadata = decode_metadata(entry.metadata)
    return CloudEvent(
        id=entry.event_id,
        type=cloud_event_text(entry.type),
        subject=str(entry.stream_id),
        time=entry.recorded_at,
        position=str(entry.position),
        version=entry.version,
        user=_attribute(metadata.user_id),
        correlationid=_attribute(metadata.correlation_id),
        causationid=_attribute(metadata.causation_id),
        traceparent=_attribute(metadata.traceparent),
        data=Raw(EVENT_REGISTRY.upcast_json(entry.type, entry.data)),
    )


def _attribute(value: str | None) -> str | UnsetType:
    return UNSET if value is None else cloud_event_text(value)


def cloud_event_text(value: str) -> str:
    """Replace control characters, which CloudEvents forbids: a user_id may hold a tab or a newline."""
    return FORBIDDEN_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value)
