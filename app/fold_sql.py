"""A projection's rules as SQL: the step that appends take inline, and the set-based fold of any prefix of the log.

The fold is set-based, last write wins: for each field the `max` of the versions that write it, and what the event of
that version says. No transition in SQL or PL/pgSQL, and no document made of each event: on a million events, and on ten
thousand of one stream, this is the fastest form that Postgres has. `catalog schema` prints what comes out.
"""

from collections.abc import Iterable, Mapping
from types import MemberDescriptorType
from typing import Any, assert_never

import msgspec
from msgspec import NODEFAULT, Struct

from app.events import tag_of
from app.identifiers import in_dollars, quoted
from app.personal_checks import personal_fields
from app.projection import Projection
from app.rule_checks import writes
from app.rules import Becomes, Envelope, GrowsBy, Merges, Rule, Step
from app.upcasts import Upcaster

AnyProjection = type[Projection[Any, Any]]


def step_function(projection: AnyProjection) -> str:
    """`step_<name>`: the document after one more event; what rules with `evolve` do in Python."""
    name = projection.name
    cases = "\n".join(
        f"    when {literal(tag_of(event))} then {_step(rule, projection)}"
        for event, rule in projection.by_event.items()
    )
    return f"""\
create or replace function catalog.step_{name}(
    document jsonb, stream_id integer, version integer, recorded_at timestamptz, type text, data jsonb
) returns jsonb
language sql stable parallel safe
return case type
{cases}
    else document
end;
{comment(f"function catalog.step_{name}", f"The document of {projection.__name__} after one more event.")}
"""


def _step(rule: Rule, projection: AnyProjection) -> str:
    if rule.verb == "ends":
        return "null"
    (event,) = rule.events
    counted = []
    for step in rule.steps:
        if isinstance(step, GrowsBy):
            field = literal(step.field.__name__)
            counted += [field, f"(document ->> {field})::numeric + ({_value(step.value, event)} #>> '{{}}')::numeric"]
    parts = ["document"] if rule.verb == "on" else []
    return " || ".join(parts + _patch_parts(rule, projection, counted))


def patch_with_envelope(projection: AnyProjection) -> dict[str, str]:
    """By tag, all fields that an event sets, those from its envelope too; of a projection that counts nothing."""
    return {
        tag_of(event): " || ".join(_patch_parts(rule, projection, [])) or EMPTY
        for event, rule in projection.by_event.items()
        if rule.verb != "ends"
    }


def _patch_parts(rule: Rule, projection: AnyProjection, further: list[str]) -> list[str]:
    """What an event sets, from its data and from its envelope, and `further` pairs of fields and values."""
    pairs = []
    for step in rule.steps:
        if isinstance(step, Becomes) and isinstance(step.value, Envelope):
            pairs += [literal(step.field.__name__), ENVELOPE[step.value.name]]
    patch = _patch(rule, projection, counters=False)
    parts = [] if patch == EMPTY else [patch]
    if pairs or further:
        parts.append(f"jsonb_build_object({', '.join(pairs + further)})")
    return parts


EMPTY = "'{}'::jsonb"


def _patch(rule: Rule, projection: AnyProjection, counters: bool = True) -> str:
    """The fields that an event sets, as a JSONB expression over its `data`; without those taken from its envelope."""
    (event,) = rule.events
    parts: list[str] = []
    defaults = _defaults(rule, projection) if rule.verb == "starts" else {}
    constants: dict[str, Any] = {}
    copied: dict[str, str] = {}
    for step in rule.steps:
        match step:
            case Merges(value=source):
                parts.append(f"coalesce({_value(source, event)}, {EMPTY})")
            case GrowsBy(field=field, value=value):
                if counters:
                    copied[field.__name__] = _value(value, event)
            case Becomes(field=field, value=value):
                if isinstance(value, MemberDescriptorType):
                    copied[field.__name__] = _value(value, event)
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
    return " || ".join(parts) or EMPTY


def _defaults(rule: Rule, projection: AnyProjection) -> dict[str, Any]:
    """What a new document's fields are that its start does not set."""
    written = {step.field.__name__ for step in rule.steps if isinstance(step, Becomes)}
    return {
        field.name: field.default if field.default_factory is NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(projection.document)
        if field.name not in written
    }


def _value(value: object, event: type[Struct]) -> str:
    if isinstance(value, MemberDescriptorType):
        return _read("data", event, value.__name__, Upcaster(event))
    return _json_literal(value)


def _read(stored: str, struct: type[Struct], name: str, upcaster: Upcaster) -> str:
    """A field of a stored struct, in whichever shape that was stored."""
    found = [f"{stored} -> {literal(each)}" for each in (name, *upcaster.older_names(name))]
    default = upcaster.defaults.get(name, _default_of(struct, name))
    if default is not NODEFAULT:
        found.append(_json_literal(default))
    value = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
    return value if name not in upcaster.within else _present(f"({value})", _field_type(struct, name))


def _present(stored: str, struct: type[Struct]) -> str:
    """A whole struct in its present shape, made as `Upcaster` makes it: each part goes before those on its left."""
    upcaster = Upcaster(struct)
    parts = [_json_literal(upcaster.defaults)] if upcaster.defaults else []
    for old, to in reversed(upcaster.renamed.items()):
        renamed = f"jsonb_build_object({literal(to)}, {stored} -> {literal(old)})"
        parts.append(f"case when {stored} ? {literal(old)} then {renamed} else {EMPTY} end")
    parts.append("".join([stored, *(f" - {literal(old)}" for old in sorted(upcaster.gone))]))
    for name in upcaster.within:
        parts.append(f"jsonb_build_object({literal(name)}, {_read(stored, struct, name, upcaster)})")
    return " || ".join(parts)


def _default_of(struct: type[Struct], name: str) -> Any:
    """What a struct stored before it had this field is read as; NODEFAULT if it always had it, or an upcast says it."""
    (found,) = (each for each in msgspec.structs.fields(struct) if each.name == name)
    return found.default if found.default_factory is NODEFAULT else found.default_factory()


def _field_type(struct: type[Struct], name: str) -> Any:
    (found,) = (each.type for each in msgspec.structs.fields(struct) if each.name == name)
    return found


def _json_literal(value: object) -> str:
    return f"{literal(msgspec.json.encode(value).decode())}::jsonb"


def fold_function(projection: AnyProjection) -> str:
    """`fold_<name>(stream, until, version)`: the document from the events up to an instant and a version."""
    name = projection.name
    where = "stream_id = p_stream_id and recorded_at <= p_until and version <= p_version"
    body = f"\n{fold_query(projection, where, grouped=False)}\n"
    return f"""\
create or replace function catalog.fold_{name}(
    p_stream_id integer,
    p_until timestamptz default 'infinity',
    p_version integer default 2147483647
) returns table (id integer, version integer, valid_from timestamptz, document jsonb)
language sql stable parallel safe as {in_dollars(body, "fold")};
{
        comment(
            f"function catalog.fold_{name}",
            f"The document of {projection.__name__} as of an instant or a version: no row before its first event.",
        )
    }
"""


def fold_query(projection: AnyProjection, where: str, grouped: bool = True) -> str:
    """The set-based fold of the events that `where` selects; any of a stream's may be left out, as skipped ones are.

    One pass finds for each field the version that wrote it last; for that the log is enough, since what is forgotten
    keeps its name. Then only these events are looked into, whole where a field may be personal. Not `grouped` is for a
    single stream.
    """
    rules = projection.by_event
    used = _is_one_of(event for event, rule in rules.items() if rule.verb != "ends")
    starting = {event: rule for event, rule in rules.items() if rule.verb == "starts"}
    ending = [event for event, rule in rules.items() if rule.verb == "ends"]
    fields = [_field(field, projection) for field in projection.document.__struct_fields__]
    read = ["stream_id, version, recorded_at, type", f"{used} as used", *_merged(projection)]
    read += [amount for field in fields for amount in field.read]
    found = [
        "stream_id" if grouped else "max(stream_id) as stream_id",
        "max(version) as last_version",
        "max(recorded_at) filter (where used) as last_recorded_at",
        f"max(version) filter (where {_is_one_of(starting)}) as started_at",
        *([f"max(version) filter (where {_is_one_of(ending)}) as ended_at"] if ending else []),
        *(column for field in fields for column in field.found),
    ]
    alive = " and (stream.ended_at is null or stream.ended_at < stream.started_at)" if ending else ""
    start = "catalog.events" if personal_fields(projection) else "catalog.log"
    return f"""\
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select {_listed(found)}
    from (
        select {_listed(read, 3)}
        from catalog.log
        where {where}
        offset 0
    ) as event{
        '''
    group by stream_id'''
        if grouped
        else ""
    }
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from {start} as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select {_listed(f"{field.value} as {quoted(field.name)}" for field in fields)}
) as document
where stream.started_at is not null{alive}"""


class _Field(Struct, frozen=True, kw_only=True):
    """What a field of the document needs of the fold."""

    name: str
    read: list[str] = []
    """Columns of each event."""
    found: list[str] = []
    """Aggregates over these."""
    value: str


def _field(field: str, projection: AnyProjection) -> _Field:
    """What its last writer wrote: the document's start, unless a later version did."""
    rules = {event: rule for event, rule in projection.by_event.items() if rule.verb != "ends"}
    steps = {event: [step for step in rule.steps if writes(step, event, field)] for event, rule in rules.items()}
    if any(isinstance(step, GrowsBy) for found in steps.values() for step in found):
        return _grown(field, projection)
    later = {event: step for event, found in steps.items() if rules[event].verb == "on" for step in found}
    if (always := {_enveloped(found) for found in steps.values()}) != {None} and len(always) == 1:
        return _Field(
            name=field,
            found=["max(version) filter (where used) as last_used"] if always == {"version"} else [],
            value={
                "stream_id": "stream.stream_id",
                "version": "last_used",
                "recorded_at": "catalog.rfc3339(last_recorded_at)",
            }[always.pop() or ""],
        )
    value = _by_tag(
        {
            event: _begun(steps[event], field, event, _defaults(rule, projection))
            for event, rule in rules.items()
            if rule.verb == "starts"
        }
    )
    if not later:
        return _Field(name=field, value=value)
    merging = any(isinstance(step, Merges) for step in later.values())
    setting = [event for event, step in later.items() if not isinstance(step, Merges)]
    written = " or ".join([_is_one_of(setting)] * bool(setting) + [f"merged ? {literal(field)}"] * merging)
    whole = "catalog.events" if field in personal_fields(projection) else "catalog.log"
    at = quoted(f"{field}__at")
    looked_up = (
        f"(select {_by_tag({event: _written(step, event, field) for event, step in later.items()})}"
        f" from {whole} as writer"
        f" where writer.stream_id = stream.stream_id and writer.version = {at})"
    )
    return _Field(
        name=field,
        found=[f"max(version) filter (where {written}) as {at}"],
        value=f"case when {at} > started_at then {looked_up} else {value} end",
    )


ENVELOPE = {
    "stream_id": "stream_id",
    "version": "version",
    "recorded_at": "catalog.rfc3339(recorded_at)",
}
"""What an event's envelope says, as documents hold it."""


def _enveloped(steps: list[Step]) -> str | None:
    """What of the envelope the steps that write a field write to it."""
    values = [step.value for step in steps if isinstance(step, Becomes)]
    return next((value.name for value in values if isinstance(value, Envelope)), None)


def _begun(steps: list[Step], field: str, event: type[Struct], defaults: dict[str, Any]) -> str:
    """What a start writes to a field that does not grow: a default where it says nothing."""
    found = [_written(step, event, field) for step in steps]
    if field in defaults:
        found.append(_json_literal(defaults[field]))
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _written(step: Step, event: type[Struct], field: str) -> str:
    """What one event writes to a field that does not grow."""
    if isinstance(step, Merges):
        return f"({_value(step.value, event)}) -> {literal(field)}"
    if isinstance(step.value, Envelope):
        return f"to_jsonb({ENVELOPE[step.value.name]})"
    return _value(step.value, event)


def _merged(projection: AnyProjection) -> list[str]:
    """The column of what later events merge, to see which fields these are."""
    merged = {
        event: " || ".join(f"({_value(step.value, event)})" for step in rule.steps if isinstance(step, Merges))
        for event, rule in projection.by_event.items()
        if rule.verb == "on"
    }
    merging = {event: value for event, value in merged.items() if value}
    return [f"{_by_tag(merging, always=False)} as merged"] if merging else []


def _grown(field: str, projection: AnyProjection) -> _Field:
    """A counter: what the last start set, and what it grew by since."""
    amounts = {}
    for event, rule in projection.by_event.items():
        found = [_value(step.value, event) for step in rule.steps if writes(step, event, field)]
        if rule.verb == "starts":
            found = found or [_json_literal(_defaults(rule, projection)[field])]
        if found:
            amounts[event] = f"({found[0]} #>> '{{}}')::numeric"
    written = f"filter (where {_is_one_of(amounts)})"
    amount, versions, all_amounts = (quoted(f"{field}__{what}") for what in ("amount", "versions", "amounts"))
    summed = f"select sum(amount) from unnest({versions}, {all_amounts}) as grown (version, amount)"
    return _Field(
        name=field,
        read=[f"{_by_tag(amounts, always=False)} as {amount}"],
        found=[f"array_agg(version) {written} as {versions}", f"array_agg({amount}) {written} as {all_amounts}"],
        value=f"({summed} where grown.version >= started_at)",
    )


def _by_tag(values: Mapping[type[Struct], str], always: bool = True) -> str:
    """What goes by the type of an event: always one of these, or null."""
    if always and len({*values.values()}) == 1:
        return next(iter(values.values()))
    cases = " ".join(f"when {literal(tag_of(event))} then {value}" for event, value in values.items())
    return f"case type {cases} end"


def _is_one_of(events: Iterable[type[Struct]]) -> str:
    """Comparisons: for a handful of types Postgres has them sooner than `in`."""
    return f"({' or '.join(f'type = {literal(tag_of(event))}' for event in events)})"


def _listed(columns: Iterable[str], depth: int = 2) -> str:
    return (",\n" + "    " * depth).join(columns)


def tags(events: Iterable[type[Struct]]) -> str:
    return ", ".join(literal(tag_of(event)) for event in events)


def literal(text: str) -> str:
    """A string constant, the same whatever a session takes backslashes for."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def indent(query: str) -> str:
    """A query as a part of another."""
    return "\n".join(f"    {line}" for line in query.splitlines())


def comment(on: str, text: str) -> str:
    return f"comment on {on} is {literal(text)};"
