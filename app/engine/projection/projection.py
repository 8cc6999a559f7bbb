"""A projection is written once, as rules, and folded here in Python.

`app.engine.compiler.fold` compiles the same rules to SQL.

A document is one stream's. What rules cannot say, `evolve` says when overridden; such a projection has no SQL fold and
is folded in Python when asked (`lifecycle = "live"`).
"""

from collections.abc import Iterable
from types import MemberDescriptorType
from typing import Any, Generic, TypeVar, assert_never, cast, get_args

import msgspec
from msgspec import UNSET, Struct

from app.engine.events.event import E, EventRegistry, Recorded
from app.engine.projection.check_indexes import check_indexes
from app.engine.projection.check_personal_data import check_personal
from app.engine.projection.check_rules import check_projection
from app.engine.projection.check_upcasts import check_union
from app.engine.projection.read_model import RuleSet
from app.engine.projection.rules import (
    RECORDED_AT,
    STREAM_ID,
    VERSION,
    Becomes,
    Envelope,
    GeoSearch,
    GrowsBy,
    Index,
    Merges,
    RuleError,
    RuleStep,
    TextSearch,
    always,
    copies,
    ends,
    ignores,
    merges,
    on,
    starts,
    the,
)

__all__ = [
    "RECORDED_AT",
    "STREAM_ID",
    "VERSION",
    "GeoSearch",
    "Index",
    "Projection",
    "RuleError",
    "TextSearch",
    "always",
    "copies",
    "ends",
    "ignores",
    "merges",
    "on",
    "starts",
    "the",
]

D = TypeVar("D", bound=Struct)


class Projection(RuleSet[D], Generic[D, E]):
    """One read model: `class Items(Projection[Item, Event])` with either `rules` or `evolve`.

    Raises RuleError while the class is made if the rules cannot be right.
    """

    def __init_subclass__(cls) -> None:
        cls.name = cls.__dict__.get("name", cls.__name__.lower())
        if "__orig_bases__" not in cls.__dict__:
            raise RuleError(f"{cls.__name__} derives from another projection: write its rules out")
        (origin,) = cls.__dict__["__orig_bases__"]
        cls.document, union = get_args(origin)
        check_union(union)
        check_personal(union)
        cls.registry = EventRegistry(union)
        cls.by_event = check_projection(cls)
        check_indexes(cls)

    @classmethod
    def compiles(cls) -> bool:
        """Whether the projection is rules alone, so that Postgres can fold it."""
        return bool(cls.rules)

    def evolve(self, document: D | None, recorded: Recorded[E]) -> D | None:
        """The document after `recorded`; None while there is none. Never changes `document`."""
        rule = self.by_event.get(type(recorded.event))
        if rule is None:
            return document
        if rule.verb == "ends" or (rule.verb == "on" and document is None):
            return None
        values = {} if document is None or rule.verb == "starts" else msgspec.structs.asdict(document)
        for step in rule.steps:
            _apply_step(step, values, recorded)
        return cast(D, self.document(**values))

    def fold(self, history: Iterable[Recorded[E]], document: D | None = None) -> D | None:
        """The document after all of `history`, which begins where `document` ends."""
        for recorded in history:
            document = self.evolve(document, recorded)
        return document

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.lifecycle}, {len(self.by_event)} events used>"


def _apply_step(step: RuleStep, values: dict[str, Any], recorded: Recorded[Any]) -> None:
    """Carry out one step of a rule on a document that is still a dictionary."""
    match step:
        case Becomes(field=field, value=value):
            values[field.__name__] = _resolve_value(value, recorded)
        case GrowsBy(field=field, value=value):
            values[field.__name__] += _resolve_value(value, recorded)
        case Merges(value=source):
            changes = msgspec.structs.asdict(getattr(recorded.event, source.__name__))
            values.update({name: value for name, value in changes.items() if value is not UNSET})
        case _:
            assert_never(step)


def _resolve_value(value: object, recorded: Recorded[Any]) -> Any:
    if isinstance(value, Envelope):
        return getattr(recorded, value.name)
    if isinstance(value, MemberDescriptorType):
        return getattr(recorded.event, value.__name__)
    return value


AnyProjection = type[Projection[Any, Any]]
