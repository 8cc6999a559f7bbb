"""The words a projection's rules are written in. Each makes data.

`app.engine.projection.projection` tells what they mean.

    starts(Event, *steps)       the event begins a document
    on(Event, *steps)           the event changes the document, if there is one
    ends(Event)                 the event takes the document away
    ignores(Event, …)           said aloud, so that nothing is forgotten
    always(*steps)              steps of every `starts` and `on`, after their own
    the(field).becomes(value)   value: a constant, a field of the event, RECORDED_AT, VERSION or STREAM_ID
    the(field).grows_by(value)  adds an integer, or an integer field of the event
    copies(Event.field, …)      the document's fields of the same names become these
    merges(Event.field)         a struct of optional fields: those that are set are copied

`the(field: T).becomes(value: T)` type-checks because a field of a msgspec Struct, taken from the class, is a real
descriptor at run time and a `T` to the checker.
"""

from datetime import datetime
from types import MemberDescriptorType
from typing import Generic, Literal, TypeVar, cast

from msgspec import Struct

T = TypeVar("T")


class RuleError(TypeError):
    """A projection's rules cannot be right; raised while its class is being made, so at import."""


class Envelope(Struct, frozen=True):
    """Stands in a rule for what the envelope of the event will say."""

    name: Literal["recorded_at", "version", "stream_id"]


RECORDED_AT = cast(datetime, Envelope("recorded_at"))
"""When the event was recorded."""
VERSION = cast(int, Envelope("version"))
"""The event's place in its stream."""
STREAM_ID = cast(int, Envelope("stream_id"))
"""The stream the event belongs to."""


class Becomes(Struct, frozen=True):
    field: MemberDescriptorType
    value: object


class GrowsBy(Struct, frozen=True):
    field: MemberDescriptorType
    value: object


class Merges(Struct, frozen=True):
    value: MemberDescriptorType


RuleStep = Becomes | GrowsBy | Merges


class DocumentField(Struct, Generic[T], frozen=True):
    """A field of the document, about to be given a value. See `the`."""

    field: T

    def becomes(self, value: T) -> tuple[RuleStep, ...]:
        return (Becomes(descriptor(self.field), value),)

    def grows_by(self, value: int) -> tuple[RuleStep, ...]:
        return (GrowsBy(descriptor(self.field), value),)


def the(field: T) -> DocumentField[T]:
    """`the(Document.field)`: to a type checker a value of the field's type, at run time the field itself."""
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
    """An index over document fields, in this order; a field's text is what is compared.

    The last part is the order of a listing, if it has one: a text field from a to z, or an instant, newest first.
    """

    fields: tuple[object, ...]
    newest_first: object | None = None
    """An instant field that only RECORDED_AT is written to, descending, then the id, descending."""
    alphabetical: object | None = None
    """A text field, ASCII letters in lower case, then the id."""
    serves: str = ""
    """The query this index is for; its COMMENT in the database."""

    @property
    def label(self) -> str:
        """What its name in the database ends in, if there is room for all of it."""
        fields = (*self.fields, self.newest_first, self.alphabetical)
        return "_by_" + "_".join(name_of(field) for field in fields if field is not None)


class TextSearch(Struct, frozen=True):
    """Full text search over these text fields: whatever stands in a word, and the words' English stems."""

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
    """The name of a field of a document or an event."""
    return descriptor(field).__name__


def descriptor(field: object) -> MemberDescriptorType:
    if not isinstance(field, MemberDescriptorType):
        raise RuleError(f"{field!r} is not a field of a document or an event")
    return field
