"""The rule language of projections: each function makes data, which the Python fold and the compiler read.

    starts(Event, *steps)       the event begins a document
    on(Event, *steps)           the event changes the document, if there is one
    ends(Event)                 the event removes the document
    ignores(Event, …)           the events do not matter; every event needs a rule, so that none is overlooked
    always(*steps)              steps of every `starts` and `on`, after their own
    the(field).becomes(value)   sets the field to a constant, a field of the event, RECORDED_AT, VERSION or STREAM_ID
    the(field).grows_by(value)  adds an integer, or an integer field of the event
    copies(Event.field, …)      sets the document's fields of the same names
    merges(Event.field)         copies those fields of a struct of optional fields that are set

`the(field: T).becomes(value: T)` type-checks because a field of a msgspec Struct, taken from the class, is a real
descriptor at run time and a `T` to the checker.
"""

from datetime import datetime
from types import MemberDescriptorType
from typing import Generic, Literal, TypeVar, cast

from msgspec import Struct

T = TypeVar("T")


class RuleError(TypeError):
    """The rules of a read model cannot be right; raised when Python makes its class, so at import."""


class Envelope(Struct, frozen=True):
    """Stands in a rule for a value of the event's envelope."""

    name: Literal["recorded_at", "version", "stream_id"]


RECORDED_AT = cast(datetime, Envelope("recorded_at"))
"""When the event was recorded."""
VERSION = cast(int, Envelope("version"))
"""The event's place in its stream."""
STREAM_ID = cast(int, Envelope("stream_id"))
"""The stream the event belongs to."""


class Becomes(Struct, frozen=True):
    """Sets a field of the document."""

    field: MemberDescriptorType
    value: object
    """A constant, a field of the event, or an Envelope."""


class GrowsBy(Struct, frozen=True):
    """Adds to an integer field of the document."""

    field: MemberDescriptorType
    value: object
    """An integer, or an integer field of the event."""


class Merges(Struct, frozen=True):
    """Copies the fields of a struct that are set."""

    value: MemberDescriptorType
    """The field of the event that holds the struct."""


RuleStep = Becomes | GrowsBy | Merges


class DocumentField(Struct, Generic[T], frozen=True):
    """A field of the document, of which a step is made. See `the`."""

    field: T

    def becomes(self, value: T) -> tuple[RuleStep, ...]:
        return (Becomes(descriptor(self.field), value),)

    def grows_by(self, value: int) -> tuple[RuleStep, ...]:
        return (GrowsBy(descriptor(self.field), value),)


def the(field: T) -> DocumentField[T]:
    """`the(Document.field)`: a value of the field's type to the type checker, the field's descriptor at run time."""
    return DocumentField(field)


def copies(*fields: object) -> tuple[RuleStep, ...]:
    return tuple(Becomes(descriptor(field), field) for field in fields)


def merges(field: object) -> tuple[RuleStep, ...]:
    return (Merges(descriptor(field)),)


class Rule(Struct, frozen=True):
    verb: Literal["starts", "on", "ends", "ignores", "always"]
    events: tuple[type[Struct], ...] = ()
    steps: tuple[RuleStep, ...] = ()


def starts(event: type[Struct], *steps: tuple[RuleStep, ...]) -> Rule:
    return Rule("starts", (event,), sum(steps, ()))


def on(event: type[Struct], *steps: tuple[RuleStep, ...]) -> Rule:
    return Rule("on", (event,), sum(steps, ()))


def ends(event: type[Struct]) -> Rule:
    return Rule("ends", (event,))


def ignores(*events: type[Struct]) -> Rule:
    return Rule("ignores", events)


def always(*steps: tuple[RuleStep, ...]) -> Rule:
    return Rule("always", (), sum(steps, ()))


class Index(Struct, frozen=True):
    """An index over document fields, in this order; their texts are compared.

    It ends with the order of a listing, if it has one: a text field from a to z, or an instant, newest first.
    """

    fields: tuple[object, ...]
    newest_first: object | None = None
    """An instant field that only RECORDED_AT is written to; descending, then by id, descending."""
    alphabetical: object | None = None
    """A text field, compared with its ASCII letters in lower case; then by id."""
    serves: str = ""
    """The query that this index is for; its COMMENT in the database."""

    @property
    def label(self) -> str:
        """The end of its name in the database, before it is shortened to what Postgres has room for."""
        fields = (*self.fields, self.newest_first, self.alphabetical)
        return "_by_" + "_".join(name_of(field) for field in fields if field is not None)


class TextSearch(Struct, frozen=True):
    """Full text search over these text fields: by any part of a word, and by the words' English stems."""

    fields: tuple[object, ...]
    serves: str = ""


class GeoSearch(Struct, frozen=True):
    """Search around a place, in degrees."""

    latitude: object
    longitude: object
    serves: str = ""

    @property
    def fields(self) -> tuple[object, ...]:
        return (self.latitude, self.longitude)


def name_of(field: object) -> str:
    """The name of a field of a document or of an event."""
    return descriptor(field).__name__


def descriptor(field: object) -> MemberDescriptorType:
    if not isinstance(field, MemberDescriptorType):
        raise RuleError(f"{field!r} is not a field of a document or an event")
    return field
