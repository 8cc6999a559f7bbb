"""Refuses personal fields of a type that has no redacted form, when Python makes a projection over their event."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType

from app.engine.events.personal_data import PERSONAL, is_personal, personal_paths
from app.engine.events.upcasting import is_struct
from app.engine.projection.rule_analysis import structs_in
from app.engine.projection.rules import RuleError


def check_personal(union: Any) -> None:
    """Check that all personal fields of the events have a redacted form and can be found. Raises RuleError."""
    for event in get_args(union) or (union,):
        _check_personal_struct(event)


def _check_personal_struct(struct: type[Struct]) -> None:
    for field in msgspec.structs.fields(struct):
        where = f"{struct.__name__}.{field.name}"
        if is_struct(field.type):
            _check_personal_struct(field.type)
            if field.encode_name != field.name and personal_paths(field.type):
                raise RuleError(
                    f"{where} has personal fields and is stored under another name: an erasure would not find them"
                )
        elif is_personal(field.type):
            if field.encode_name != field.name:
                raise RuleError(f"{where} is personal and stored under another name: an erasure would not find it")
            _check_personal_field(field.type, where)
        elif hidden := [each for each in structs_in(field.type) if personal_paths(each)]:
            raise RuleError(f"{hidden[0].__name__} has personal fields, but {where} is not exactly of that type")


def _check_personal_field(annotation: Any, where: str) -> None:
    for member in _union_members(annotation):
        if get_origin(member) is not Annotated:
            if member not in (type(None), UnsetType):
                raise RuleError(f"{where} is personal only in part: put the whole type into Personal[…]")
            continue
        held, *limits = get_args(member)
        if limits != [PERSONAL]:
            raise RuleError(f"{where} is personal, so it cannot have limits: its redacted form may break them")
        for each in _union_members(held):
            if not _has_redacted_form(each):
                name = getattr(each, "__name__", str(each))
                raise RuleError(f"{where} is personal, but {name} has no redacted form: str, float and list have one")


def _union_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _has_redacted_form(held: Any) -> bool:
    if held in (str, float, type(None), UnsetType, list):
        return True
    if get_origin(held) is tuple:
        return get_args(held)[1:] == (Ellipsis,)
    return get_origin(held) is list
