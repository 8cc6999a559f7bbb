"""Rollups: read models with one document for each value of a field of another projection's documents.

An event that changes an item's status does not hold the item's category, so rules over single events could not count
items per category. A rollup folds documents instead: each document counts once, for the key that it has now. The rules
are

    keyed(field)               holds the key
    counts(field)              an integer: the number of documents
    counts(field, by=other)    a dict: the number of documents for each value of their field `other`
    earliest(field, other)     the smallest value of their instant field `other`
    latest(field, other)       the largest

Rules are data: checked at import, folded here in Python, and compiled to SQL by `app.engine.compiler.rollups`. A rollup
is always async.
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
from app.engine.projection.rules import descriptor, name_of

D = TypeVar("D", bound=Struct)
S = TypeVar("S", bound=Struct)


class Aggregate(Struct, frozen=True):
    """How one field of the document is aggregated."""

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
    """`class Owners(Rollup[Owner, Item])`: `of` is a projection, `by` a text field of its documents.

    Raises RuleError if the rules cannot be right, when Python makes the class.
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
        """The rollup's documents by key, from all documents of the other projection."""
        totals: Totals = {}
        self.accumulate(totals, documents)
        return self.documents(totals)

    def accumulate(self, totals: "Totals", documents: Iterable[S]) -> None:
        """Add more documents of the other projection to `totals`, which begin as {}."""
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
"""The fields of each key's document, as far as they are aggregated."""


def _accumulate_field(aggregate: Aggregate, key: str, document: Any, current: Any) -> Any:
    """The value of a field after one more document."""
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
    written = [aggregate.field.__name__ for aggregate in rollup.rules]
    for name in rollup.document.__struct_fields__:
        if written.count(name) != 1:
            raise RuleError(f"{rollup.document.__name__}.{name} has {written.count(name)} rules, not one")
    for read in [rollup.by, *(aggregate.of for aggregate in rollup.rules if aggregate.of)]:
        _check_source_field(descriptor(read), rollup, source)
    _check_is_text(descriptor(rollup.by), source, "be a key")
    for aggregate in rollup.rules:
        if aggregate.of and aggregate.verb == "counts":
            _check_is_text(aggregate.of, source, "be counted by")
    for aggregate in rollup.rules:
        _check_instant(aggregate, rollup, source)
    for aggregate in rollup.rules:
        _check_target_field(aggregate, rollup.document)


def _check_source_field(read: MemberDescriptorType, rollup: type[Rollup[Any, Any]], source: type[Struct]) -> None:
    if getattr(source, read.__name__, None) is not read:
        raise RuleError(f"{read.__objclass__.__name__}.{read.__name__} is not a field of {source.__name__}")
    if read.__name__ in personal_fields(rollup.of):
        name = f"{source.__name__}.{read.__name__}"
        raise RuleError(f"{name} is personal: an erasure would not remove it from a rollup")


def _check_is_text(read: MemberDescriptorType, source: type[Struct], purpose: str) -> None:
    if not _is_text(get_type_hints(source)[read.__name__]):
        raise RuleError(f"{source.__name__}.{read.__name__} cannot {purpose}, because it is not a str")


def _check_instant(aggregate: Aggregate, rollup: type[Rollup[Any, Any]], source: type[Struct]) -> None:
    if aggregate.of and aggregate.verb != "counts" and not is_always_recorded_at(aggregate.of, rollup.of):
        name = f"{source.__name__}.{name_of(aggregate.of)}"
        raise RuleError(f"{name} has no {aggregate.verb}, because it is not always RECORDED_AT")


def _check_target_field(aggregate: Aggregate, document: type[Struct]) -> None:
    name = aggregate.field.__name__
    if getattr(document, name, None) is not aggregate.field:
        raise RuleError(f"{aggregate.field.__objclass__.__name__}.{name} is not a field of {document.__name__}")
    expected = int if aggregate.verb == "counts" and aggregate.of is None else DOCUMENT_TYPES[aggregate.verb]
    if get_type_hints(document, include_extras=True)[name] != expected:
        raise RuleError(f"{document.__name__}.{name} is not of the type that {aggregate.verb} gives")


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
