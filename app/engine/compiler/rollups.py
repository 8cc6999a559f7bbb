"""Compiles a rollup's rules to SQL: its tables, the aggregation of all documents, and the catch-up by batches.

The table `<name>_members` holds for each stream its key, and the fields by which it counts. For a batch of events the
catch-up recomputes the members of the streams in the batch, by the rules of the projection, and applies the difference
to the documents. So a batch costs the same for a stream of ten thousand events as for a new one, and for a key of a
hundred thousand members as for a key of ten. The old contribution is read from the stored members, in the transaction
that stores the new ones; a corrupted row stays until a rebuild. A key is aggregated from its members again only where a
difference is not enough: for a new key, a key without members, or when the current minimum or maximum was removed.
"""

from collections.abc import Callable
from types import MemberDescriptorType

from msgspec import Struct

from app.engine.compiler.document_tables import field_columns
from app.engine.compiler.sql_text import comment, indent, literal
from app.engine.compiler.tables import Table, TableColumn, TableIndex, create_table
from app.engine.compiler.templates import fill_function
from app.engine.postgres.identifiers import quoted_identifier
from app.engine.projection.rollup import Aggregate, AnyRollup
from app.engine.projection.rules import name_of


def compile_rollup(rollup: AnyRollup) -> str:
    """Everything that is installed for a rollup."""
    parts = [*map(create_table, rollup_tables(rollup)), rollup_step_function(rollup), catch_up_function(rollup)]
    return "\n".join([*parts, *([rollup_as_of_function(rollup)] if rollup.of.temporal else [])])


def rollup_tables(rollup: AnyRollup) -> list[Table]:
    """The documents and the members."""
    name = rollup.name
    key = TableColumn("key", "text", f"The {name_of(rollup.by)} that it is about.", 'collate "C" not null')
    stream = TableColumn("id", "integer", "The stream.")
    part = TableColumn("part", "jsonb", f"What is counted of its {rollup.of.document.__name__}.")
    document = TableColumn("document", "jsonb", f"{rollup.document.__name__}, as the API serves it.")
    return [
        Table(
            name=name,
            about=f"The documents of the rollup {rollup.__name__}.",
            columns=(key, document),
            key=("key",),
        ),
        Table(
            name=f"{name}_members",
            about=f"What each stream counts as in {rollup.__name__}.",
            columns=(stream, key, part),
            key=("id",),
            indexes=(TableIndex("_by_key", "(key)", "Aggregating the members of some keys."),),
        ),
    ]


def rollup_step_function(rollup: AnyRollup) -> str:
    """`evolve_<name>(key, part, events)`: the document fields that a stream counts as, after more of its events.

    A step sets a field without regard to the others, so the fields that a member has are enough to begin with.
    """
    name = rollup.name
    about = f"The fields that {name} takes from a document, after more events; null where there is none."
    return fill_function(
        "evolve_rollup",
        name=name,
        projection=rollup.of.name,
        by=literal(name_of(rollup.by)),
        comment=comment(f"function catalog.evolve_{name}", about),
    )


def catch_up_function(rollup: AnyRollup) -> str:
    """`catch_up_<name>(from, limit)`: one batch of settled events, exactly once."""
    name = rollup.name
    about = f"Takes settled events into {name}; answers with the checkpoint."
    return fill_function(
        "catch_up",
        name=name,
        name_literal=literal(name),
        member_columns=member_columns(rollup),
        change_columns=change_columns(rollup),
        values_after=_document_pairs(rollup, _value_after),
        min_max_is_known=_min_max_is_known(rollup),
        aggregated=indent(indent(aggregate_query(rollup, f"catalog.{name}_members", "where key = any (v_keys)"))),
        comment=comment(f"function catalog.catch_up_{name}", about),
    )


def rollup_as_of_function(rollup: AnyRollup) -> str:
    """`<name>_as_of(instant)`: aggregated from the documents as of then; a filter by key reaches their indexes."""
    members = (
        f"(\n    select id, {stored_member_columns(rollup)}\n"
        f"    from catalog.{rollup.of.name}_as_of(p_until)\n) as member (id, key, part)"
    )
    about = f"The documents of {rollup.__name__} as of an instant."
    return fill_function(
        "rollup_as_of",
        name=rollup.name,
        aggregated=aggregate_query(rollup, members),
        comment=comment(f"function catalog.{rollup.name}_as_of", about),
    )


def aggregate_query(rollup: AnyRollup, members: str, where: str = "") -> str:
    """A query for (key, document) over `members`, a relation of (id, key, part)."""
    added = ["select key, jsonb_build_object(", _document_pairs(rollup, _aggregate_value), "    )"]
    lines = [*added, f"from {members}", where, "group by key"]
    return "\n".join(line for line in lines if line)


def _document_pairs(rollup: AnyRollup, value: Callable[[Aggregate], str]) -> str:
    return ",\n".join(f"        {literal(name_of(aggregate.field))}, {value(aggregate)}" for aggregate in rollup.rules)


def _aggregate_value(aggregate: Aggregate) -> str:
    """The value of a field of the document, over the members of one key."""
    if aggregate.verb == "keyed":
        return "key"
    if aggregate.of is None:
        return "count(*)"
    match aggregate.verb:
        case "counts":
            return f"catalog.count_values(array_agg({_member_field(aggregate.of)}))"
        case "earliest":
            return f'min(({_member_field(aggregate.of)}) collate "C")'
        case "latest":
            return f'max(({_member_field(aggregate.of)}) collate "C")'


def _member_field(field: MemberDescriptorType) -> str:
    return f"part ->> {literal(name_of(field))}"


def change_columns(rollup: AnyRollup) -> str:
    """The aggregates over the changed members of a key that `_value_after` and `_min_max_is_known` need."""
    columns = ["key", "bool_or(members > 0) as has_entered", "sum(members) as members"]
    if any(_counts_by_value(aggregate) for aggregate in rollup.rules):
        columns.append("array_agg(members) as each_members")
    for aggregate in rollup.rules:
        name = name_of(aggregate.field)
        if aggregate.of is None:
            continue
        if _counts_by_value(aggregate):
            columns.append(f"array_agg({_member_field(aggregate.of)}) as {quoted_identifier(f'{name}__each')}")
            continue
        outermost = f'{MIN_MAX[aggregate.verb].aggregate}(({_member_field(aggregate.of)}) collate "C")'
        columns += [
            f"{outermost} filter (where members < 0) as {quoted_identifier(f'{name}__left')}",
            f"{outermost} filter (where members > 0) as {quoted_identifier(f'{name}__entered')}",
        ]
    return ",\n            ".join(columns)


def _counts_by_value(aggregate: Aggregate) -> bool:
    return aggregate.verb == "counts" and aggregate.of is not None


class MinMax(Struct, frozen=True):
    """The SQL of earliest or latest."""

    aggregate: str
    outermost: str
    comparison: str
    """The operator by which one value lies further out than another."""


MIN_MAX = {"earliest": MinMax("min", "least", "<"), "latest": MinMax("max", "greatest", ">")}


def _stored_value(aggregate: Aggregate) -> str:
    return f"stored.document ->> {literal(name_of(aggregate.field))}"


def _value_after(aggregate: Aggregate) -> str:
    """The value of a field of the stored document after a change."""
    name = name_of(aggregate.field)
    if aggregate.verb == "keyed":
        return "stored.key"
    if aggregate.of is None:
        return f"({_stored_value(aggregate)})::bigint + change.members"
    if aggregate.verb == "counts":
        counted = f"stored.document -> {literal(name)}"
        return (
            f"catalog.apply_count_deltas({counted}, change.{quoted_identifier(f'{name}__each')}, change.each_members)"
        )
    entered = quoted_identifier(f"{name}__entered")
    return f'{MIN_MAX[aggregate.verb].outermost}(({_stored_value(aggregate)}) collate "C", change.{entered})'


def _min_max_is_known(rollup: AnyRollup) -> str:
    """A condition for each minimum and maximum: its member has not left, or an entering one lies as far out."""
    lines = []
    for aggregate in rollup.rules:
        if extreme := MIN_MAX.get(aggregate.verb):
            left, entered = (quoted_identifier(f"{name_of(aggregate.field)}__{moved}") for moved in ("left", "entered"))
            stored, beyond = f'({_stored_value(aggregate)}) collate "C"', extreme.comparison
            kept = f"change.{left} is null or {stored} {beyond} change.{left}"
            lines.append(f"\n            and ({kept} or change.{entered} {beyond}= {stored})")
    return "".join(lines)


def member_columns(rollup: AnyRollup) -> str:
    """`key, part` of a member, from its document."""
    return f"document ->> {literal(name_of(rollup.by))}, {_member_part(rollup)}"


def stored_member_columns(rollup: AnyRollup) -> str:
    """`key, part` of a member, from a stored document: the key is an indexed column if there is one."""
    found = [column.quoted for column in field_columns(rollup.of) if column.name == name_of(rollup.by)]
    return f"{found[0]}, {_member_part(rollup)}" if found else member_columns(rollup)


def _member_part(rollup: AnyRollup) -> str:
    names = sorted({name_of(aggregate.of) for aggregate in rollup.rules if aggregate.of is not None})
    return f"jsonb_build_object({', '.join(f'{literal(name)}, document -> {literal(name)}' for name in names)})"
