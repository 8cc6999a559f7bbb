"""Refuses event types with upcasts that cannot be right, when Python makes a projection over them."""

from typing import Any, assert_never, get_args

import msgspec
from msgspec import Struct

from app.engine.events.event import type_tag
from app.engine.events.upcasting import Default, Dropped, Renamed, Upcast, is_struct, upcasts_of
from app.engine.projection.check_names import check_event_names
from app.engine.projection.check_rules import NOT_STORABLE_AS_TEXT, check_constant
from app.engine.projection.rule_analysis import structs_in
from app.engine.projection.rules import RuleError


def check_union(union: Any) -> None:
    """Check that all older shapes of the events, and of the structs in them, can be read. Raises RuleError."""
    for event in get_args(union) or (union,):
        check_event_names(event)
        if NOT_STORABLE_AS_TEXT.search(tag := type_tag(event)):
            raise RuleError(f"{tag!r} does not fit the tag of {event.__name__}")
        _check_upcasts(event)


def _check_upcasts(struct: type[Struct]) -> None:
    """Check that a struct's upcasts name current fields, or names that are no longer fields, and each only once."""
    _check_upcasts_attribute(struct)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    mentioned: list[tuple[str, str]] = []
    for upcast in upcasts_of(struct):
        match upcast:
            case Default(field=name, value=value):
                mentioned.append(("default of", _is_field(name, struct)))
                if not fields[name].required:
                    raise RuleError(f"{struct.__name__}.{name} has a default of its own")
                check_constant(value, fields[name].type, f"{struct.__name__}.{name}")
            case Renamed(old=old, to=name):
                mentioned.append(("older name", _check_dropped(old, struct)))
                _is_field(name, struct)
            case Dropped(old=old):
                mentioned.append(("older name", _check_dropped(old, struct)))
            case _:
                assert_never(upcast)
    for kind, name in mentioned:
        if mentioned.count((kind, name)) > 1:
            raise RuleError(f"{struct.__name__} has two upcasts for the {kind} {name!r}")
    for name, field in fields.items():
        if is_struct(field.type):
            _check_upcasts(field.type)
        elif changed := [each for each in structs_in(field.type) if upcasts_of(each)]:
            where = f"{struct.__name__}.{name}"
            raise RuleError(f"{changed[0].__name__} has upcasts, but {where} is not exactly of that type")


def _check_upcasts_attribute(struct: type[Struct]) -> None:
    """Check that upcasts stand in the attribute `upcasts`, where they are read, and that it holds nothing else."""
    for name, value in vars(struct).items():
        upcasts = [isinstance(each, Upcast) for each in (value if isinstance(value, tuple) else (value,))]
        right = isinstance(value, tuple) and all(upcasts) if name == "upcasts" else not any(upcasts)
        if not right:
            raise RuleError(
                f"{struct.__name__}.{name}: `upcasts` is a tuple of upcasts, and upcasts stand nowhere else"
            )


def _is_field(name: str, struct: type[Struct]) -> str:
    if name not in struct.__struct_fields__:
        raise RuleError(f"{struct.__name__} has no field {name!r}")
    return name


def _check_dropped(name: str, struct: type[Struct]) -> str:
    if name in struct.__struct_fields__:
        raise RuleError(f"{struct.__name__}.{name} is still a field, so it cannot be an older name")
    check_constant(name, str, f"the older names of {struct.__name__}")
    return name
