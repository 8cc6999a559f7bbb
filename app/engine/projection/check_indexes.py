"""An index over what is not there, or in an order that it cannot have, is refused while the class is made."""

from types import MemberDescriptorType
from typing import cast, get_type_hints

from msgspec import Struct

from app.engine.projection.read_model import AnyRuleSet
from app.engine.projection.rule_analysis import is_always_recorded_at
from app.engine.projection.rules import GeoSearch, Index, RuleError, TextSearch

COLUMNS_OF_A_DOCUMENT = {
    *("id", "version", "valid_from", "valid_to", "document"),
    *("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"),  # Postgres' own
}


def check_indexes(projection: AnyRuleSet) -> None:
    """Raises RuleError for an index over what is not there or has no such order."""
    try:
        _check_indexes(projection)
    except RuleError as error:
        raise RuleError(f"{projection.__name__}: {error}") from None


def _check_indexes(projection: AnyRuleSet) -> None:
    document = projection.document
    if projection.temporal and not projection.by_event:
        raise RuleError("only a projection of rules is temporal")
    for kind in (TextSearch, GeoSearch):
        if sum(isinstance(index, kind) for index in projection.indexes) > 1:
            raise RuleError(f"it has more than one {kind.__name__}")
    for index in projection.indexes:
        for field in index.fields:
            _check_indexed_field(field, document, index)
        if isinstance(index, Index):
            _check_order(index, projection)
    labels = [index.label for index in projection.indexes if isinstance(index, Index)]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise RuleError(f"two of its indexes would be called …{twice[0]}")


def _check_indexed_field(field: object, document: type[Struct], index: Index | TextSearch | GeoSearch) -> None:
    name = getattr(field, "__name__", "")
    if getattr(document, name, None) is not field:
        raise RuleError(f"{field!r} cannot be indexed, it is not a field of {document.__name__}")
    kind = get_type_hints(document)[name]
    if isinstance(index, TextSearch) and kind is not str:
        raise RuleError(f"{document.__name__}.{name} has no words, it is not always a text")
    if isinstance(index, GeoSearch) and kind is not float:
        raise RuleError(f"{document.__name__}.{name} is no place in degrees, it is not always a float")
    if isinstance(index, Index) and name in COLUMNS_OF_A_DOCUMENT:
        raise RuleError(f"{document.__name__}.{name} cannot be indexed: every table has a column of that name")


def _check_order(index: Index, projection: AnyRuleSet) -> None:
    document = projection.document
    if index.newest_first is not None and index.alphabetical is not None:
        raise RuleError("an index has one order: newest_first or alphabetical")
    if index.newest_first is not None:
        _check_indexed_field(index.newest_first, document, index)
        if not is_always_recorded_at(cast(MemberDescriptorType, index.newest_first), projection):
            name = cast(MemberDescriptorType, index.newest_first).__name__
            raise RuleError(f"{document.__name__}.{name} has no newest, it is not always a RECORDED_AT")
    if index.alphabetical is not None:
        _check_indexed_field(index.alphabetical, document, index)
        name = cast(MemberDescriptorType, index.alphabetical).__name__
        if get_type_hints(document)[name] is not str:
            raise RuleError(f"{document.__name__}.{name} has no alphabetical order, it is not always a text")
        if sort_key(name) in document.__struct_fields__:
            raise RuleError(f"{document.__name__}.{sort_key(name)} is in the way of the column for the order by {name}")


def sort_key(field: str) -> str:
    """The column that an alphabetical order by a field compares."""
    return f"{field}_sorted"
