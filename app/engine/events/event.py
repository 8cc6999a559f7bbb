"""Stored events: the envelope, the metadata, and the registry of event types by their tags."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Generic, TypeVar, get_args
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from app.engine.events.upcasting import Upcaster

E = TypeVar("E", bound=Struct)


class Metadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acted and why, stored with every event. A reader skips unknown keys, which later releases may write."""

    user_id: str | None
    """Who acted; None only for events that were written without it, by other means than commands."""
    correlation_id: str | None = None
    """The request that this event belongs to."""
    causation_id: str | None = None
    """The id of the event or of the outside message that led to this event."""
    traceparent: str | None = None
    """The trace of the request (W3C Trace Context)."""


def decode_metadata(stored: bytes) -> Metadata:
    """Decode the metadata of a stored event, whatever it holds: a key that is missing, or not a text, becomes None."""
    try:
        return msgspec.json.decode(stored, type=Metadata)
    except msgspec.ValidationError:
        given = msgspec.json.decode(stored, type=dict[str, Raw])
        known = Metadata.__struct_fields__
        return Metadata(**{name: _optional_text(given[name]) if name in given else None for name in known})


def _optional_text(stored: Raw) -> str | None:
    return msgspec.json.decode(stored, type=str) if bytes(stored).startswith(b'"') else None


class Recorded(Struct, Generic[E], frozen=True, kw_only=True):
    """An event as the log holds it."""

    position: int
    """Its place in the whole log; grows, may have gaps."""
    event_id: UUID
    """UUIDv7."""
    stream_id: int
    version: int
    """Its place in its stream: 1, 2, 3, … without gaps."""
    recorded_at: datetime
    """The database's clock while appending, in UTC; strictly grows within a stream."""
    metadata: Metadata
    event: E


class EventRegistry(Generic[E]):
    """The event types of a union by their stored tags, with the decoders of their JSON."""

    def __init__(self, union: object) -> None:
        members = get_args(union) or (union,)
        self.types: Mapping[str, type[E]] = {type_tag(each): each for each in members}
        assert len(self.types) == len(members), f"two event types have one tag, among {sorted(map(type_tag, members))}"
        upcasters = {tag: Upcaster(each) for tag, each in self.types.items()}
        self._upcasters = {tag: upcaster for tag, upcaster in upcasters.items() if upcaster}
        self._decoders = {tag: self._decoder(tag) for tag in self.types}

    def _decoder(self, tag: str) -> Callable[[bytes], E]:
        """Event types without older shapes get msgspec's own decoder, so that upcasting costs them nothing."""
        decode, upcaster = msgspec.json.Decoder(self.types[tag]).decode, self._upcasters.get(tag)
        return decode if upcaster is None else lambda stored: decode(upcaster(stored))

    def decode(self, tag: str, data: bytes) -> E:
        """Decode an event from its tag and its JSON `data`, in the current shape or an older one.

        Raises KeyError for an unknown tag and msgspec.ValidationError for data of another shape.
        """
        return self._decoders[tag](data)

    def upcast_json(self, tag: str, data: bytes) -> bytes:
        """Bring the JSON `data` of an event to the current shape of its type; data of an unknown tag stays as it is."""
        upcaster = self._upcasters.get(tag)
        return data if upcaster is None else upcaster(data)

    @staticmethod
    def encode(events: Iterable[E]) -> bytes:
        """Encode events as the JSON array of `{"type": tag, …fields}` that `append_to_stream` takes."""
        return msgspec.json.encode(list(events))


def type_tag(event_type: type[Struct]) -> str:
    """The tag with which events of `event_type` are stored."""
    tag = event_type.__struct_config__.tag
    assert isinstance(tag, str), f"{event_type.__name__} needs a tag written by hand, because tags are stored"
    return tag
