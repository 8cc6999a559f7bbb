"""Events of every type with every field, made from the declarations: a new type or field is included by itself.

Every personal text is a word of its own, which no other event has and no stemmer changes.
"""

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import UNSET, Struct, inspect, structs

from app.domain.events import ItemCreated
from app.engine.events.event import type_tag
from app.engine.events.personal_data import PERSONAL
from projections.items import Items

GROUPS = 3
"""How many values a text has that is not personal: categories and owners share them."""

Label = tuple[str, str]
"""The tag of an event, and the path of a field that it has."""


class EveryEvent:
    """Makes events; no two of them have a personal value in common."""

    def __init__(self, first_number: int = 1) -> None:
        self._numbers = itertools.count(first_number)

    def beginning(self) -> ItemCreated:
        """An event that an item begins with."""
        (event, *_) = self._structs(ItemCreated)
        assert isinstance(event, ItemCreated)
        return event

    def changes(self) -> list[Struct]:
        """Events of all other types: each field has each kind of value that it can have, alone and with the others."""
        others = [each for each in Items.registry.types.values() if each is not ItemCreated]
        return [event for each in others for event in self._structs(each)]

    def _structs(self, of: type[Struct]) -> Iterator[Struct]:
        """One struct for each value of each field, the other fields as plain as they can be; then one with all."""
        fields = _fields(of)
        for field in fields:
            for value in self._values(field.type):
                yield of(**self._plain_fields(fields) | {field.name: value})
        yield of(**{field.name: self._values(field.type)[-1] for field in fields})

    def _plain_fields(self, fields: tuple[inspect.Field, ...]) -> dict[str, Any]:
        """A value for each field that needs one; a struct is as empty as it can be."""
        return {
            field.name: field.type.cls(**self._plain_fields(field.type.fields))
            if isinstance(field.type, inspect.StructType)
            else self._values(field.type)[0]
            for field in fields
            if field.required
        }

    def _values(self, kind: inspect.Type, is_personal: bool = False) -> list[Any]:
        """A value of each kind that a field can have; the last one is as full as it can be."""
        number = next(self._numbers)
        found: list[Any]
        match kind:
            case inspect.Metadata(type=inner, extra=extra):
                found = self._values(inner, is_personal or extra == PERSONAL.extra)
            case inspect.UnionType(types=types):
                empty_first = sorted(types, key=lambda each: not isinstance(each, inspect.NoneType))
                found = [value for each in empty_first for value in self._values(each, is_personal)]
            case inspect.NoneType():
                found = [None]
            case inspect.LiteralType(values=values):
                found = list(values)
            case inspect.StrType():
                found = [f"w{number}x" if is_personal else f"group {number % GROUPS}"]
            case inspect.FloatType():
                found = [round(number * 37 % 1600 / 10 - 80, 1)]
            case inspect.VarTupleType(item_type=item):
                found = [tuple(self._values(item, is_personal))]
            case inspect.StructType(cls=of):
                found = list(self._structs(of))
            case _:
                raise AssertionError(f"say here how a value of {kind} is made")
        return found


@cache
def _fields(of: type[Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(of)
    assert isinstance(info, inspect.StructType)
    return info.fields


def labels_of(event: Struct) -> set[Label]:
    """The fields that an event sets, and its type alone."""
    tag = type_tag(type(event))
    return {(tag, ""), *((tag, path) for path in _paths_set(event))}


def _paths_set(within: Struct) -> Iterator[str]:
    for name, value in structs.asdict(within).items():
        if isinstance(value, Struct):
            yield from (f"{name}.{path}" for path in _paths_set(value))
        elif value is not UNSET and value is not None:
            yield name


def all_labels() -> set[Label]:
    """Every field of every event type."""
    types = Items.registry.types
    return {label for tag, of in types.items() for label in ((tag, ""), *((tag, path) for path in _paths(of)))}


def _paths(of: type[Struct]) -> Iterator[str]:
    for field in _fields(of):
        if isinstance(field.type, inspect.StructType):
            yield from (f"{field.name}.{path}" for path in _paths(field.type.cls))
        else:
            yield field.name
