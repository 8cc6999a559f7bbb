"""A projection's rules as SQL: the step that appends take inline, and the set-based fold of any prefix of the log.

The fold writes each event as a *patch*, the fields it sets; the patches of a stream are merged in order by an aggregate
that is the built-in `||`, and what comes from envelopes is the `max` of a column. No transition in SQL or PL/pgSQL: on
a million events such built-in aggregates are the fastest form that Postgres has. `catalog schema` prints what comes
out.
"""

from collections.abc import Iterable
from types import MemberDescriptorType
from typing import Any, assert_never

import msgspec
from msgspec import NODEFAULT, Struct

from app.events import tag_of
from app.projection import Projection
from app.rule_checks import writes
from app.rules import Becomes, Envelope, GrowsBy, Merges, Rule
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
    envelope = {
        "stream_id": "stream_id",
        "version": "version",
        "recorded_at": "catalog.rfc3339(recorded_at)",
    }
    pairs = []
    for step in rule.steps:
        if isinstance(step, Becomes) and isinstance(step.value, Envelope):
            pairs += [literal(step.field.__name__), envelope[step.value.name]]
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
                parts.append(f"({_value(source, event)})")
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
    return f"""\
create or replace function catalog.fold_{name}(
    p_stream_id integer,
    p_until timestamptz default 'infinity',
    p_version integer default 2147483647
) returns table (id integer, version integer, valid_from timestamptz, document jsonb)
language sql stable parallel safe as $fold$
{fold_query(projection, where)}
$fold$;
{
        comment(
            f"function catalog.fold_{name}",
            f"The document of {projection.__name__} as of an instant or a version: no row before its first event.",
        )
    }
"""


def fold_query(projection: AnyProjection, where: str) -> str:
    """The set-based fold of the events that `where` selects; any of a stream's may be left out, as skipped ones are.

    `||` is associative, so that what comes after a stream's first event is merged for itself: these patches are small,
    while a first event has the whole document, which would otherwise be copied once per event.
    """
    rules = projection.by_event
    patches = "\n".join(
        f"            when {literal(tag_of(event))} then {_patch(rule, projection)}"
        for event, rule in rules.items()
        if rule.verb != "ends"
    )
    starting = tags(event for event, rule in rules.items() if rule.verb == "starts")
    ending = [event for event, rule in rules.items() if rule.verb == "ends"]
    columns = [f"max(version) filter (where type in ({starting})) as started_at"]
    if ending:
        columns.append(f"max(version) filter (where type in ({tags(ending)})) as ended_at")
    values = []
    for field in projection.document.__struct_fields__:
        needed, value = _field(field, projection)
        columns += needed
        values.append(f"        {value} as {field}")
    alive = "stream.started_at is not null"
    if ending:
        alive += " and (stream.ended_at is null or stream.ended_at < stream.started_at)"
    select_columns = ",\n".join(f"        {column}" for column in columns)
    select_values = ",\n".join(values)
    return f"""\
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where patch is not null) as last_recorded_at,
        catalog.merged(patch) filter (where version = 1) as first,
        catalog.merged(patch order by version) filter (where version > 1) as later,
{select_columns}
    from (
        select stream_id, version, type, recorded_at, case type
{patches}
        end as patch
        from catalog.events
        where {where}
        order by stream_id, version
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select
{select_values}
) as document
where {alive}"""


def _field(field: str, projection: AnyProjection) -> tuple[list[str], str]:
    """The aggregates that a document's field needs, and its value from them: what its last writer wrote."""
    rules = {event: rule for event, rule in projection.by_event.items() if rule.verb != "ends"}
    steps = [(event, step) for event, rule in rules.items() for step in rule.steps if writes(step, event, field)]
    key = literal(field)
    if any(isinstance(step, GrowsBy) for _, step in steps):
        return _grown(field)
    patched = f"coalesce(later -> {key}, first -> {key})"
    enveloped = [
        (event, step.value) for event, step in steps if isinstance(step, Becomes) and isinstance(step.value, Envelope)
    ]
    if not enveloped:
        return [], patched
    events = {event for event, _ in enveloped}
    # Where every event writes it, this is word for word the filter of `last_recorded_at`, and computed once.
    written = (
        "filter (where patch is not null)" if events == {*rules} else _by(event for event in rules if event in events)
    )
    columns, value = {
        "stream_id": ([], "stream_id"),
        "version": ([f"max(version) {written} as {field}__version"], f"{field}__version"),
        "recorded_at": (
            [f"max(recorded_at) {written} as {field}__instant"],
            f"catalog.rfc3339({field}__instant)",
        ),
    }[enveloped[0][1].name]
    defaulted = [
        event for event, rule in rules.items() if rule.verb == "starts" and field in _defaults(rule, projection)
    ]
    if len(enveloped) == len(steps) and not defaulted:
        return columns, value
    if any(isinstance(step, Merges) for _, step in steps):
        otherwise = f"filter (where patch ? {key})"
    else:
        otherwise = _by([*defaulted, *(event for event, _ in steps if event not in events)])
    columns += [
        f"max(version) {written} as {field}__enveloped_at",
        f"max(version) {otherwise} as {field}__at",
    ]
    return (
        columns,
        f"case when {field}__enveloped_at > coalesce({field}__at, 0) then to_jsonb({value}) else {patched} end",
    )


def _by(events: Iterable[type[Struct]]) -> str:
    return f"filter (where type in ({tags(events)}))"


def _grown(field: str) -> tuple[list[str], str]:
    """A counter: what the last start set, and what it grew by since."""
    written = f"filter (where patch ? {literal(field)})"
    columns = [
        f"array_agg(version) {written} as {field}__versions",
        f"array_agg((patch ->> {literal(field)})::numeric) {written} as {field}__amounts",
    ]
    summed = f"select sum(amount) from unnest({field}__versions, {field}__amounts) as grown (version, amount)"
    return columns, f"({summed} where grown.version >= started_at)"


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
