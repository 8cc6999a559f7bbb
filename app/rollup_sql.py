"""A rollup's rules as SQL: its tables, the fold over all documents, and the catch-up that keeps it so.

Beside the documents stands `<name>_members`: what each stream counts as, and for which key. A batch of events refolds
the streams it touched, and adds up anew the keys that these left or entered. Nothing is ever incremented, so nothing
can drift.
"""

from types import MemberDescriptorType
from typing import Any, cast

from app.fold_sql import comment, fold_query, literal
from app.rollup import Rollup, Tally

AnyRollup = type[Rollup[Any, Any]]


def compile_rollup(rollup: AnyRollup) -> str:
    """Everything that is installed for a rollup, except its generations' tables: see `tables`."""
    return "\n".join([tables(rollup), member_index(rollup), refold_function(rollup), catch_up_function(rollup)])


def tables(rollup: AnyRollup, suffix: str = "") -> str:
    """The documents and the members; of another generation with a suffix."""
    name = rollup.name + suffix
    key = _name(rollup.by)
    return f"""\
create table if not exists catalog.{name} (
    key text collate "C" primary key,
    document jsonb not null
);
{comment(f"table catalog.{name}", f"The documents of the rollup {rollup.__name__}.")}
{comment(f"column catalog.{name}.key", f"The {key} that the documents of {rollup.of.__name__} have in common.")}
{comment(f"column catalog.{name}.document", f"{rollup.document.__name__}, as the API serves it.")}
create table if not exists catalog.{name}_members (
    id integer primary key,
    key text collate "C" not null,
    part jsonb not null
);
{comment(f"table catalog.{name}_members", f"What each stream counts as in {rollup.__name__}.")}
{comment(f"column catalog.{name}_members.id", "The stream.")}
{comment(f"column catalog.{name}_members.key", "The document it counts for.")}
{comment(f"column catalog.{name}_members.part", f"What is counted of its {rollup.of.document.__name__}.")}
"""


def member_index(rollup: AnyRollup, suffix: str = "") -> str:
    """The index that finds the members of a key; a generation gets it when it is filled."""
    name = rollup.name + suffix
    return f"""\
create index if not exists {name}_members_by_key on catalog.{name}_members (key);
{comment(f"index catalog.{name}_members_by_key", "Adding up the members of some keys.")}
"""


def refold_function(rollup: AnyRollup) -> str:
    """`refold_<name>(streams, position)`: the streams' members, and the documents of every key they left or entered."""
    name = rollup.name
    folded = fold_query(
        rollup.of, "stream_id = any (p_streams) and position <= p_position and position <> all (v_skipped)"
    )
    return f"""\
create or replace function catalog.refold_{name}(p_streams integer[], p_position bigint) returns void
language plpgsql volatile as $$
declare
    v_skipped constant bigint[] := catalog.skipped_events({literal(name)});
    v_keys text[];
begin
    select array_agg(distinct key) into v_keys from catalog.{name}_members where id = any (p_streams);
    with folded (id, version, valid_from, document) as materialized (
{_indent(folded)}
    ), gone as (
        delete from catalog.{name}_members
        where id = any (p_streams)
            and id not in (select id from folded)
    ), entered as (
        insert into catalog.{name}_members as stored (id, key, part)
        select id, {member_columns(rollup)} from folded
        on conflict (id) do update
        set key = excluded.key, part = excluded.part
        returning key
    )
    select v_keys || array_agg(distinct key) into v_keys from entered;
    delete from catalog.{name}
    where key = any (v_keys)
        and not exists (select from catalog.{name}_members as member where member.key = {name}.key);
    insert into catalog.{name} as stored (key, document)
{_indent(adding_up(rollup, f"catalog.{name}_members", "where key = any (v_keys)"))}
    on conflict (key) do update
    set document = excluded.document
    where stored.document <> excluded.document;
end
$$;
{comment(f"function catalog.refold_{name}", f"Folds streams up to a position anew and adds up {name}.")}
"""


def catch_up_function(rollup: AnyRollup) -> str:
    """`catch_up_<name>(from, limit)`: one batch of settled events, exactly once."""
    name = rollup.name
    return f"""\
create or replace function catalog.catch_up_{name}(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile as $$
declare
    v_to constant bigint := catalog.advance_checkpoint({literal(name)}, p_from, p_limit);
begin
    perform catalog.refold_{name}(array(
        select distinct stream_id
        from catalog.events
        where position > p_from
            and position <= v_to
    ), v_to);
    return v_to;
end
$$;
{comment(f"function catalog.catch_up_{name}", f"Takes settled events into {name}; answers with the checkpoint.")}
"""


def adding_up(rollup: AnyRollup, members: str, where: str = "") -> str:
    """A query for (key, document) over `members`, a relation of (id, key, part)."""
    pairs = ",\n".join(f"        {literal(_name(tally.field))}, {_value(tally)}" for tally in rollup.rules)
    lines = ["select key, jsonb_build_object(", pairs, "    )", f"from {members}", where, "group by key"]
    return "\n".join(line for line in lines if line)


def _value(tally: Tally) -> str:
    """What a field of the document is, over the members of one key."""
    if tally.verb == "keyed":
        return "key"
    if tally.of is None:
        return "count(*)"
    part = f"part ->> {literal(_name(tally.of))}"
    match tally.verb:
        case "counts":
            return f"catalog.count_each(array_agg({part}))"
        case "earliest":
            return f'min(({part}) collate "C")'
        case "latest":
            return f'max(({part}) collate "C")'


def member_columns(rollup: AnyRollup) -> str:
    """`key, part` of a member, over the document it is folded to."""
    names = sorted({_name(tally.of) for tally in rollup.rules if tally.of is not None})
    part = ", ".join(f"{literal(name)}, document -> {literal(name)}" for name in names)
    return f"document ->> {literal(_name(rollup.by))}, jsonb_build_object({part})"


def _name(field: object) -> str:
    return cast(MemberDescriptorType, field).__name__


def _indent(query: str) -> str:
    return "\n".join(f"    {line}" for line in query.splitlines())
