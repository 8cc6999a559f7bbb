"""What a projection's rules read and write: facts that the checks and the compiler share."""

from datetime import datetime
from types import MemberDescriptorType
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct

from app.engine.events.personal_data import personal_paths
from app.engine.events.upcasting import is_struct
from app.engine.projection.read_model import AnyRuleSet
from app.engine.projection.rules import RECORDED_AT, Becomes, Merges, RuleStep


def personal_fields(projection: AnyRuleSet) -> set[str]:
    """The fields of a projection's documents into which something personal may come."""
    found: set[str] = set()
    for event, rule in projection.by_event.items():
        personal = personal_paths(event)
        for step in rule.steps:
            name = getattr(step.value, "__name__", None)
            within = {path[1:] for path in personal if path[0] == name}
            if isinstance(step, Merges):
                found |= {path[0] for path in within if path}
            elif isinstance(step, Becomes) and within:
                found.add(step.field.__name__)
    return found


def is_always_recorded_at(field: MemberDescriptorType, projection: AnyRuleSet) -> bool:
    """Whether nothing but `RECORDED_AT` is written to the field: its text order, SQL's, is then the order of time,
    and no document that is valid at an instant has a later one."""
    name = field.__name__
    written = written_to(projection, name)
    return get_type_hints(projection.document)[name] is datetime and all(value is RECORDED_AT for value in written)


def written_to(projection: AnyRuleSet, name: str) -> list[object]:
    """What each step of the rules writes to a field of the document: a value, or a step that is more than one."""
    return [
        step.value if isinstance(step, Becomes) else step
        for event, rule in projection.by_event.items()
        for step in rule.steps
        if writes(step, event, name)
    ]


def _field_of(struct: type[Struct], name: str) -> Any:
    return next(field for field in msgspec.structs.fields(struct) if field.name == name)


def writes(step: RuleStep, event: type[Struct], field: str) -> bool:
    """Whether a step of this event's rule can write to a field of the document."""
    if isinstance(step, Merges):
        return field in _fields_merged_by(step, event)
    return bool(step.field.__name__ == field)


def _fields_merged_by(step: Merges, event: type[Struct]) -> tuple[str, ...]:
    fields: tuple[str, ...] = _field_of(event, step.value.__name__).type.__struct_fields__
    return fields


def structs_in(annotation: Any) -> set[type[Struct]]:
    """The structs that values of a type are made of, at any depth."""
    found: set[type[Struct]] = set()
    left = [annotation]
    while left:
        each = left.pop()
        left += get_args(each)
        if is_struct(each) and each not in found:
            found.add(each)
            left += [field.type for field in msgspec.structs.fields(each)]
    return found
