"""A read model across streams: one document per value of a field of another projection's documents.

A status change does not say the item's category, so no rule over single events could keep counts per category. A
rollup folds *documents*: whatever an item is now, it counts once, for the key it has now. The words are

    keyed(field)               the document's own name of the key
    counts(field)              an integer: how many there are
    counts(field, by=other)    a dict: how many there are for each value of the other document's field
    earliest(field, other)     the smallest of an instant field
    latest(field, other)       the largest

Rules are data, checked at import, folded here in Python and compiled to SQL by `app.engine.compiler.rollups`. Always
async.
"""

from collections.abc import Iterable
from datetime import datetime
from types import MemberDescriptorType
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

from app.engine.projection.check_names import check_name
from app.engine.projection.check_rules import check_document
from app.engine.projection.projection import AnyProjection, Projection, RuleError
from app.engine.projection.read_model import ReadModel
from app.engine.projection.rule_analysis import is_always_recorded_at, personal_fields
from app.engine.projection.rules import descriptor

D = TypeVar("D", bound=Struct)
S = TypeVar("S", bound=Struct)


class Aggregate(Struct, frozen=True):
    """What one field of the document adds up."""

    verb: Literal["keyed", "counts", "earliest", "latest"]
    field: MemberDescriptorType
    of: MemberDescriptorType | None = None


def keyed(field: object) -> Aggregate:
    return Aggregate("keyed", descriptor(field))


def counts(field: object, by: object = None) -> Aggregate:
    return Aggregate("counts", descriptor(field), None if by is None else descriptor(by))


def earliest(field: object, other: object) -> Aggregate:
    return Aggregate("earliest", descriptor(field), descriptor(other))


def latest(field: object, other: object) -> Aggregate:
    return Aggregate("latest", descriptor(field), descriptor(other))


class Rollup(ReadModel[D], Generic[D, S]):
    """`class Owners(Rollup[Owner, Item])`: `of` a projection, `by` a text field of its documents.

    Raises RuleError while the class is made if the rules cannot be right.
    """

    of: ClassVar[type[Projection[Any, Any]]]
    by: ClassVar[object]
    rules: ClassVar[tuple[Aggregate, ...]]
    lifecycle: ClassVar[Literal["async"]] = "async"

    def __init_subclass__(cls) -> None:
        cls.name = cls.__dict__.get("name", cls.__name__.lower())
        (origin,) = cls.__dict__["__orig_bases__"]
        cls.document, source = get_args(origin)
        try:
            check_name(cls.name)
            _check_rollup(cls, source)
        except RuleError as error:
            raise RuleError(f"{cls.__name__}: {error}") from None

    def fold(self, documents: Iterable[S]) -> dict[str, D]:
        """The documents by key, of all documents of the other projection."""
        totals: Totals = {}
        self.accumulate(totals, documents)
        return self.documents(totals)

    def accumulate(self, totals: "Totals", documents: Iterable[S]) -> None:
        """Take more documents of the other projection into `totals`, which begin as {}."""
        by = cast(MemberDescriptorType, type(self).by).__name__
        for document in documents:
            key = getattr(document, by)
            current = totals.setdefault(key, {})
            for aggregate in self.rules:
                current[aggregate.field.__name__] = _accumulate_field(
                    aggregate, key, document, current.get(aggregate.field.__name__)
                )

    def documents(self, totals: "Totals") -> dict[str, D]:
        return {key: cast(D, self.document(**values)) for key, values in totals.items()}


Totals = dict[str, dict[str, Any]]
"""Of each key the fields so far."""


def _accumulate_field(aggregate: Aggregate, key: str, document: Any, current: Any) -> Any:
    """A field after one more document."""
    value = None if aggregate.of is None else getattr(document, aggregate.of.__name__)
    match aggregate.verb:
        case "keyed":
            return key
        case "counts" if aggregate.of is None:
            return (current or 0) + 1
        case "counts":
            return {**(current or {}), value: (current or {}).get(value, 0) + 1}
        case "earliest":
            return value if current is None else min(current, value)
        case "latest":
            return value if current is None else max(current, value)


DOCUMENT_TYPES = {"keyed": str, "counts": dict[str, int], "earliest": datetime, "latest": datetime}


def _check_rollup(rollup: type[Rollup[Any, Any]], source: type[Struct]) -> None:
    if rollup.of.document is not source or rollup.of.lifecycle != "inline" or not rollup.of.compiles():
        raise RuleError(f"{rollup.of.__name__} is not an inline projection of {source.__name__} made of rules")
    check_document(rollup.document)
    hints = get_type_hints(rollup.document, include_extras=True)
    written = [tally.field.__name__ for tally in rollup.rules]
    for name in rollup.document.__struct_fields__:
        if written.count(name) != 1:
            raise RuleError(f"{rollup.document.__name__}.{name} is added up {written.count(name)} times, not once")
    for read in [descriptor(rollup.by), *(descriptor(tally.of) for tally in rollup.rules if tally.of)]:
        if getattr(source, read.__name__, None) is not read:
            raise RuleError(f"{read.__objclass__.__name__}.{read.__name__} is not a field of {source.__name__}")
        _check_not_personal(read, rollup, source)
    texts = [(descriptor(rollup.by), "be a key")]
    texts += [(tally.of, "be counted by") for tally in rollup.rules if tally.of and tally.verb == "counts"]
    for read, purpose in texts:
        if not _is_text(get_type_hints(source)[read.__name__]):
            raise RuleError(f"{source.__name__}.{read.__name__} cannot {purpose}, it is not a text")
    for tally in rollup.rules:
        if tally.of and tally.verb != "counts" and not is_always_recorded_at(tally.of, rollup.of):
            name = f"{source.__name__}.{tally.of.__name__}"
            raise RuleError(f"{name} cannot be looked for the {tally.verb} of, it is not always a RECORDED_AT")
    for tally in rollup.rules:
        name = tally.field.__name__
        if getattr(rollup.document, name, None) is not tally.field:
            raise RuleError(f"{tally.field.__objclass__.__name__}.{name} is not a field of {rollup.document.__name__}")
        expected = int if tally.verb == "counts" and tally.of is None else DOCUMENT_TYPES[tally.verb]
        if hints[name] != expected:
            raise RuleError(f"{rollup.document.__name__}.{name} cannot hold what {tally.verb} gives")


def _check_not_personal(read: MemberDescriptorType, rollup: type[Rollup[Any, Any]], source: type[Struct]) -> None:
    if read.__name__ in personal_fields(rollup.of):
        name = f"{source.__name__}.{read.__name__}"
        raise RuleError(f"{name} is personal: what is added up in the background would not be forgotten")


def _is_text(kind: Any) -> bool:
    return kind is str or (get_origin(kind) is Literal and all(isinstance(value, str) for value in get_args(kind)))


AnyRollup = type[Rollup[Any, Any]]

AnyReadModel = AnyProjection | AnyRollup


def projections_among(read_models: Iterable[AnyReadModel]) -> list[AnyProjection]:
    """The projections, for callers that need what only projections have."""
    return [each for each in read_models if issubclass(each, Projection)]


def rollups_among(read_models: Iterable[AnyReadModel]) -> list[AnyRollup]:
    """The rollups, for callers that need what only rollups have."""
    return [each for each in read_models if issubclass(each, Rollup)]
