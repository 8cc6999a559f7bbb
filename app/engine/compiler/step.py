"""Compiles a projection's rules to the SQL function that applies one event to a document."""

from collections.abc import Iterable, Mapping
from types import MemberDescriptorType
from typing import Any, assert_never

import msgspec
from msgspec import NODEFAULT, Struct

from app.engine.compiler.sql_text import comment, literal
from app.engine.events.event import type_tag
from app.engine.events.upcasting import Upcaster
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import Becomes, Envelope, GrowsBy, Merges, Rule


def step_function(projection: AnyProjection) -> str:
    """`evolve_<name>`: the document after one more event, as `Projection.evolve` makes it in Python."""
    name = projection.name
    cases = "\n".join(
        f"    when {literal(type_tag(event))} then {_step(rule, projection)}"
        for event, rule in projection.by_event.items()
    )
    return f"""\
create or replace function catalog.evolve_{name}(
    document jsonb, stream_id integer, version integer, recorded_at timestamptz, type text, data jsonb
) returns jsonb
language sql stable parallel safe
return case type
{cases}
    else document
end;
{comment(f"function catalog.evolve_{name}", f"The document of {projection.__name__} after one more event.")}
"""


def _step(rule: Rule, projection: AnyProjection) -> str:
    if rule.verb == "ends":
        return "null"
    (event,) = rule.events
    counted = []
    for step in rule.steps:
        if isinstance(step, GrowsBy):
            field = literal(step.field.__name__)
            counted += [
                field,
                f"(document ->> {field})::numeric + ({_value_expression(step.value, event)} #>> '{{}}')::numeric",
            ]
    parts = ["document"] if rule.verb == "on" else []
    return " || ".join(parts + _patch_parts(rule, projection, counted))


def patch_with_envelope(projection: AnyProjection) -> dict[str, str]:
    """The fields that an event sets, by tag, with those from its envelope; for projections without counters."""
    return {
        type_tag(event): " || ".join(_patch_parts(rule, projection, [])) or EMPTY_OBJECT
        for event, rule in projection.by_event.items()
        if rule.verb != "ends"
    }


def _patch_parts(rule: Rule, projection: AnyProjection, counters: list[str]) -> list[str]:
    """The fields that an event sets, from its data and its envelope; `counters` are more pairs of fields and values."""
    pairs = []
    for step in rule.steps:
        if isinstance(step, Becomes) and isinstance(step.value, Envelope):
            pairs += [literal(step.field.__name__), ENVELOPE_EXPRESSIONS[step.value.name]]
    patch = _patch(rule, projection, counters=False)
    parts = [] if patch == EMPTY_OBJECT else [patch]
    if pairs or counters:
        parts.append(f"jsonb_build_object({', '.join(pairs + counters)})")
    return parts


EMPTY_OBJECT = "'{}'::jsonb"


def _patch(rule: Rule, projection: AnyProjection, counters: bool = True) -> str:
    """The fields that an event sets from its `data`, as a JSONB expression; without those from its envelope."""
    (event,) = rule.events
    parts: list[str] = []
    defaults = _defaults(rule, projection) if rule.verb == "starts" else {}
    constants: dict[str, Any] = {}
    copied: dict[str, str] = {}
    for step in rule.steps:
        match step:
            case Merges(value=source):
                parts.append(f"coalesce({_value_expression(source, event)}, {EMPTY_OBJECT})")
            case GrowsBy(field=field, value=value):
                if counters:
                    copied[field.__name__] = _value_expression(value, event)
            case Becomes(field=field, value=value):
                if isinstance(value, MemberDescriptorType):
                    copied[field.__name__] = _value_expression(value, event)
                elif not isinstance(value, Envelope):
                    constants[field.__name__] = value
            case _:
                assert_never(step)
    stored_so = {field: f"data -> {literal(field)}" for field in event.__struct_fields__}
    if copied and copied == stored_so and not Upcaster(event):
        parts.insert(0, "data")
    elif copied:
        pairs = ", ".join(f"{literal(field)}, {value}" for field, value in copied.items())
        parts.append(f"jsonb_build_object({pairs})")
    if defaults:
        parts.insert(0, _json_literal(defaults))
    if constants:
        parts.append(_json_literal(constants))
    return " || ".join(parts) or EMPTY_OBJECT


def _defaults(rule: Rule, projection: AnyProjection) -> dict[str, Any]:
    """The defaults of the fields that the start of a document does not set."""
    written = {step.field.__name__ for step in rule.steps if isinstance(step, Becomes)}
    return {
        field.name: field.default if field.default_factory is NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(projection.document)
        if field.name not in written
    }


def _value_expression(value: object, event: type[Struct]) -> str:
    if isinstance(value, MemberDescriptorType):
        return _read_field("data", event, value.__name__, Upcaster(event))
    return _json_literal(value)


def _read_field(stored: str, struct: type[Struct], name: str, upcaster: Upcaster) -> str:
    """A field of a stored struct, in any of its shapes."""
    found = [f"{stored} -> {literal(each)}" for each in (name, *upcaster.older_names(name))]
    default = upcaster.defaults.get(name, _default_of(struct, name))
    if default is not NODEFAULT:
        found.append(_json_literal(default))
    value = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
    return value if name not in upcaster.upcast_fields else _upcast_struct(f"({value})", _field_type(struct, name))


def _upcast_struct(stored: str, struct: type[Struct]) -> str:
    """A whole struct in its current shape, as `Upcaster` makes it: each part overrides those on its left."""
    upcaster = Upcaster(struct)
    parts = [_json_literal(upcaster.defaults)] if upcaster.defaults else []
    for old, to in reversed(upcaster.renamed.items()):
        renamed = f"jsonb_build_object({literal(to)}, {stored} -> {literal(old)})"
        parts.append(f"case when {stored} ? {literal(old)} then {renamed} else {EMPTY_OBJECT} end")
    parts.append("".join([stored, *(f" - {literal(old)}" for old in sorted(upcaster.dropped_names))]))
    for name in upcaster.upcast_fields:
        parts.append(f"jsonb_build_object({literal(name)}, {_read_field(stored, struct, name, upcaster)})")
    return " || ".join(parts)


def _default_of(struct: type[Struct], name: str) -> Any:
    """The value of a field that a stored struct lacks; NODEFAULT if it never lacks it, or an upcast gives the value."""
    (found,) = (each for each in msgspec.structs.fields(struct) if each.name == name)
    return found.default if found.default_factory is NODEFAULT else found.default_factory()


def _field_type(struct: type[Struct], name: str) -> Any:
    (found,) = (each.type for each in msgspec.structs.fields(struct) if each.name == name)
    return found


def _json_literal(value: object) -> str:
    return f"{literal(msgspec.json.encode(value).decode())}::jsonb"


ENVELOPE_EXPRESSIONS = {
    "stream_id": "stream_id",
    "version": "version",
    "recorded_at": "catalog.rfc3339(recorded_at)",
}
"""The values of an event's envelope, as documents hold them."""


def _by_type(values: Mapping[type[Struct], str], always: bool = True) -> str:
    """A value for each event type. `always`: the event is of one of these types; otherwise the value is null."""
    if always and len({*values.values()}) == 1:
        return next(iter(values.values()))
    cases = " ".join(f"when {literal(type_tag(event))} then {value}" for event, value in values.items())
    return f"case type {cases} end"


def _type_is_one_of(events: Iterable[type[Struct]]) -> str:
    """A chain of comparisons, which Postgres evaluates faster than `in` for a handful of types."""
    return f"({' or '.join(f'type = {literal(type_tag(event))}' for event in events)})"


def _column_list(columns: Iterable[str], depth: int = 2) -> str:
    return (",\n" + "    " * depth).join(columns)


def type_literals(events: Iterable[type[Struct]]) -> str:
    return ", ".join(literal(type_tag(event)) for event in events)
