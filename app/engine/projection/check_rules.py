"""A rule set that cannot be right is refused while its class is made, with one sentence that names what is wrong."""

import re
from collections.abc import Iterator
from datetime import datetime
from types import MemberDescriptorType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Struct, UnsetType

from app.engine.projection.check_names import check_field_names, check_name, check_view_name
from app.engine.projection.read_model import AnyRuleSet
from app.engine.projection.rule_analysis import _field_of, _fields_merged_by
from app.engine.projection.rules import Becomes, Envelope, GrowsBy, Merges, Rule, RuleError, RuleStep

FORBIDDEN_IN_CONSTANTS = (b"$fold$", b"\\u0000")
NOT_STORABLE_AS_TEXT = re.compile("[\x00\ud800-\udfff]")
ENVELOPE_TYPES = {"recorded_at": datetime, "version": int, "stream_id": int}


def check_projection(projection: AnyRuleSet) -> dict[type[Struct], Rule]:
    """The rule of each used event type, with the steps of `always`. Raises RuleError."""
    name = projection.__name__
    check_name(projection.name)
    overridden = "evolve" in projection.__dict__
    if overridden and projection.rules:
        raise RuleError(f"{name} has both rules and an evolve of its own; one fold is enough")
    if overridden and projection.lifecycle == "inline":
        raise RuleError(f'{name} overrides evolve, which Postgres cannot run: give it lifecycle = "live"')
    if overridden:
        return {}
    if not projection.rules:
        raise RuleError(f"{name} has neither rules nor an evolve of its own")
    try:
        check_document(projection.document)
        check_view_name(projection.document)
        return _check_rules(projection)
    except RuleError as error:
        raise RuleError(f"{name}: {error}") from None


def _check_rules(projection: AnyRuleSet) -> dict[type[Struct], Rule]:
    union = tuple(projection.registry.types.values())
    everywhere = sum((rule.steps for rule in projection.rules if rule.verb == "always"), ())
    by_event: dict[type[Struct], Rule] = {}
    ignored: set[type[Struct]] = set()
    for rule in projection.rules:
        for event in rule.events:
            if event not in union:
                raise RuleError(f"{event.__name__} is not one of its events")
            if event in by_event or event in ignored:
                raise RuleError(f"{event.__name__} has two rules")
            if rule.verb == "ignores":
                ignored.add(event)
            else:
                steps = () if rule.verb == "ends" else rule.steps + everywhere
                by_event[event] = Rule(rule.verb, (event,), steps)
    for event in union:
        if event not in by_event and event not in ignored:
            raise RuleError(f"{event.__name__} is neither used nor ignored")
    if not any(rule.verb == "starts" for rule in by_event.values()):
        raise RuleError("no event starts a document")
    for rule in by_event.values():
        check_struct(rule.events[0], "type")
        _check_rule(rule, projection.document)
    _check_counters(by_event)
    _check_envelopes(by_event)
    return by_event


def _check_rule(rule: Rule, document: type[Struct]) -> None:
    """Every step's fields belong where they should, no field is written twice, and a start leaves none open."""
    (event,) = rule.events
    written: list[str] = []
    started: list[str] = []
    for step in rule.steps:
        fields = _check_step(step, event, document)
        written += fields
        started += [] if isinstance(step, Merges) else fields
    for field in written:
        if written.count(field) > 1:
            raise RuleError(f"{event.__name__} writes {document.__name__}.{field} twice")
    if rule.verb == "starts":
        for needed in msgspec.structs.fields(document):
            if needed.required and needed.name not in started:
                raise RuleError(f"{document.__name__}.{needed.name} is required and {event.__name__} does not start it")
        if any(isinstance(step, GrowsBy) for step in rule.steps):
            raise RuleError(f"{event.__name__} starts a document, so nothing is there yet that grows")


def _check_step(step: RuleStep, event: type[Struct], document: type[Struct]) -> list[str]:
    """The document's fields that `step` writes."""
    if isinstance(step, Merges):
        source = _type_of(step.value, event, "event")
        if not (isinstance(source, type) and issubclass(source, Struct)):
            raise RuleError(f"{event.__name__}.{step.value.__name__} cannot be merged, it is not a struct")
        if _field_of(event, step.value.__name__).default is not NODEFAULT:
            raise RuleError(f"{event.__name__}.{step.value.__name__} is merged, so it cannot have a default")
        check_struct(source, None)
        for field in msgspec.structs.fields(source):
            if field.name not in document.__struct_fields__:
                raise RuleError(f"{document.__name__} has no field {field.name!r} to merge {source.__name__} into")
            target = get_type_hints(document, include_extras=True)[field.name]
            if field.default is not UNSET or not _is_assignable(field.type, target, unset=True):
                raise RuleError(f"{source.__name__}.{field.name} does not fit {document.__name__}.{field.name}")
        return list(source.__struct_fields__)
    copied = step.field is step.value  # `copies` names the event's field; the document's has the same name
    own = getattr(document, step.field.__name__, step.field) if copied else step.field
    target = _type_of(own, document, "document")
    where = f"{document.__name__}.{step.field.__name__}"
    if isinstance(step, GrowsBy) and target is not int:
        raise RuleError(f"{where} cannot grow, it is not an int")
    if isinstance(step.value, MemberDescriptorType):
        if not _is_assignable(_type_of(step.value, event, "event"), target):
            raise RuleError(f"{event.__name__}.{step.value.__name__} does not fit {where}")
    elif isinstance(step.value, Envelope):
        if not _is_assignable(ENVELOPE_TYPES[step.value.name], target):
            raise RuleError(f"{step.value.name.upper()} does not fit {where}")
    else:
        _check_constant(step.value, target, where)
    return [step.field.__name__]


def _check_constant(value: object, target: Any, where: str) -> None:
    """It must be of the field's type, come back from JSON as it was, and be what Postgres can hold."""
    try:
        encoded = msgspec.json.encode(value)
        same = msgspec.json.encode(msgspec.json.decode(encoded, type=target)) == encoded
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise RuleError(f"{value!r} does not fit {where}") from None
    if not same or any(never in encoded for never in FORBIDDEN_IN_CONSTANTS):
        raise RuleError(f"{value!r} does not fit {where}")


def _check_counters(by_event: dict[type[Struct], Rule]) -> None:
    """A field that grows is otherwise only started, and not merged: its value is a start and a sum, in any language."""
    grown = {step.field.__name__ for rule in by_event.values() for step in rule.steps if isinstance(step, GrowsBy)}
    for rule in by_event.values():
        for step in rule.steps:
            if isinstance(step, Merges) and grown & set(_fields_merged_by(step, rule.events[0])):
                raise RuleError(f"{', '.join(sorted(grown))} grows, so {rule.events[0].__name__} cannot merge it")
            if not isinstance(step, Becomes) or step.field.__name__ not in grown:
                continue
            if rule.verb == "on":
                raise RuleError(f"{step.field.__name__} both grows and is set by {rule.events[0].__name__}")
            if isinstance(step.value, Envelope):
                raise RuleError(f"{step.field.__name__} grows, so it cannot start as {step.value.name.upper()}")


def _check_envelopes(by_event: dict[type[Struct], Rule]) -> None:
    """A field that takes its value from the envelope always takes the same thing from it."""
    taken: dict[str, str] = {}
    for rule in by_event.values():
        for step in rule.steps:
            if isinstance(step, Becomes) and isinstance(step.value, Envelope):
                field, value = step.field.__name__, step.value.name
                if taken.setdefault(field, value) != value:
                    raise RuleError(f"{field} becomes {taken[field].upper()} here and {value.upper()} there")


def _type_of(field: MemberDescriptorType, owner: type[Struct], role: str) -> Any:
    if getattr(owner, field.__name__, None) is not field:
        of = f"{field.__objclass__.__name__}.{field.__name__}"
        raise RuleError(f"{of} is not a field of the {role} {owner.__name__}")
    return get_type_hints(owner, include_extras=True)[field.__name__]


def _is_assignable(source: Any, target: Any, unset: bool = False) -> bool:
    """Whether every value of the type `source` is one of the type `target`; 5 is not 5.0, in JSON they differ."""
    accepted = set(_types_of_union(target))
    return all(
        member in accepted
        or (unset and member is UnsetType)
        or (get_origin(member) is Literal and type(get_args(member)[0]) in accepted)
        for member in _types_of_union(source)
    )


def _types_of_union(annotation: Any) -> Iterator[Any]:
    """The types of a union, single literals, without `Annotated`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _types_of_union(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _types_of_union(each)
    elif origin is Literal:
        for value in get_args(annotation):
            yield Literal[value]
    else:
        yield annotation


def check_struct(struct: type[Struct], tag_field: str | None) -> None:
    """Its JSON must be an object of its fields by their names, since that is what SQL looks into."""
    config = struct.__struct_config__
    renamed = [field.name for field in msgspec.structs.fields(struct) if field.encode_name != field.name]
    if renamed:
        raise RuleError(f"{struct.__name__}.{renamed[0]} is stored under another name")
    if config.array_like or (config.tag_field or tag_field) != tag_field:
        raise RuleError(f"{struct.__name__} is not stored as an object of its fields alone")
    for field in msgspec.structs.fields(struct):
        if field.default_factory is not NODEFAULT and field.default_factory not in (list, dict, set, tuple):
            raise RuleError(f"{struct.__name__}.{field.name} has a default that may differ from one time to the next")


def check_document(document: type[Struct]) -> None:
    """A document's fields can be columns, have no limits that a fold would not see to, and defaults that JSON has."""
    check_struct(document, None)
    if not document.__struct_fields__:
        raise RuleError(f"{document.__name__} has no fields")
    check_field_names(document)
    hints = get_type_hints(document, include_extras=True)
    for field in msgspec.structs.fields(document):
        where = f"{document.__name__}.{field.name}"
        if get_origin(hints[field.name]) is Annotated:
            raise RuleError(f"{where} cannot have limits of its own: put them on the command")
        if field.default is UNSET:
            raise RuleError(f"{where} cannot be unset: give it a value that JSON has")
        if field.default is not NODEFAULT:
            _check_constant(field.default, field.type, where)
