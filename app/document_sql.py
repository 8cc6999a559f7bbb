"""Where a projection's documents live: the SQL of its table, of its indexes, and of what writes into it.

`catalog schema` prints it all, with the folds of `app.fold_sql`.
"""

from collections.abc import Iterable, Sequence
from types import MemberDescriptorType
from typing import cast

from app.fold_sql import AnyProjection, comment, fold_function, literal, step_function, tags
from app.projection import Projection
from app.rollup import Rollup
from app.rollup_sql import AnyRollup, compile_rollup
from app.rules import Index, Words


def compile_projections(projections: Sequence[AnyProjection | AnyRollup]) -> str:
    """The SQL that installs every compiling projection, and `project_inline`, which appends call."""
    names = [each.name for each in projections]
    assert len(set(names)) == len(names), f"two projections of one name: {names}"
    rollups = [each for each in projections if issubclass(each, Rollup)]
    compiled = [each for each in projections if issubclass(each, Projection) and each.compiles()]
    inline = [projection for projection in compiled if projection.lifecycle == "inline"]
    parts = [fold_function(projection) for projection in compiled]
    for projection in inline:
        parts += [table(projection), indexes(projection)]
        parts += [step_function(projection), write_function(projection), refold_function(projection)]
    return "\n".join([*parts, *map(compile_rollup, rollups), _project_inline(inline)])


def field_text(field: str) -> str:
    """A document field as the text that indexes hold and queries compare."""
    return f'(document ->> {literal(field)}) collate "C"'


def words_text(fields: Iterable[str]) -> str:
    """Some document fields as one text."""
    return " || ' ' || ".join(f"(document ->> {literal(field)})" for field in fields)


def words_vector(fields: Iterable[str]) -> str:
    """The words of some document fields, as they stand and stemmed, as a full-text index holds them."""
    return f"catalog.words_of({words_text(fields)})"


def names_of(fields: Iterable[object]) -> list[str]:
    return [cast(MemberDescriptorType, field).__name__ for field in fields]


def table(projection: AnyProjection, suffix: str = "") -> str:
    """The table of the documents; of another generation with a suffix."""
    name = projection.name + suffix
    lines = [
        f"create table if not exists catalog.{name} (",
        "    id integer primary key,",
        "    version integer not null,",
        "    valid_from timestamptz not null,",
        "    document jsonb not null",
        ") with (fillfactor = 70);",
        comment(f"table catalog.{name}", f"The current documents of the projection {projection.__name__}."),
        comment(f"column catalog.{name}.id", "The stream the document is folded from."),
        comment(f"column catalog.{name}.version", "The version of its stream."),
        comment(f"column catalog.{name}.valid_from", "When the last event that it is folded from was recorded."),
        comment(f"column catalog.{name}.document", f"{projection.document.__name__}, as the API serves it."),
    ]
    return "\n".join(lines) + "\n"


def indexes(projection: AnyProjection, suffix: str = "") -> str:
    """The indexes that the projection asks for, each with the query it serves."""
    lines = []
    for index in projection.indexes:
        label, keys = _index(projection.name + suffix, index)
        lines += [
            f"create index if not exists {label}",
            f"on catalog.{projection.name + suffix} {keys};",
            comment(f"index catalog.{label}", index.serves),
        ]
    return "\n".join(lines) + "\n"


def _index(table_name: str, index: Index | Words) -> tuple[str, str]:
    """Its name, and what it is made of."""
    names = names_of(index.fields)
    if isinstance(index, Words):
        return f"{table_name}_words", f"using gin ({words_vector(names)})"
    columns = [f"({field_text(name)})" for name in names]
    if index.newest_first is not None:
        columns += [f"({field_text(name)}) desc" for name in names_of([index.newest_first])] + ["id desc"]
        names.append("newest")
    return f"{table_name}_by_{'_'.join(names)}", f"({', '.join(columns)})"


def write_function(projection: AnyProjection) -> str:
    """`write_<name>`: one more event into the stored document; called by appends."""
    name = projection.name

    def with_verb(verb: str) -> str:
        return tags(event for event, rule in projection.by_event.items() if rule.verb == verb) or "null"

    step = "catalog.step_{}({}, p_stream_id, p_version, p_recorded_at, p_type, p_data)"
    return f"""\
create or replace function catalog.write_{name}(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language plpgsql volatile as $$
declare
    v_document jsonb;
begin
    if p_type in ({with_verb("starts")}) then
        insert into catalog.{name} as stored (id, version, valid_from, document)
        values (p_stream_id, p_version, p_recorded_at, {step.format(name, "null")})
        on conflict (id) do update
        set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
        returning stored.document into v_document;
    elsif p_type in ({with_verb("on")}) then
        update catalog.{name} as stored
        set version = p_version, valid_from = p_recorded_at, document = {step.format(name, "stored.document")}
        where stored.id = p_stream_id
        returning stored.document into v_document;
    elsif p_type in ({with_verb("ends")}) then
        delete from catalog.{name} where id = p_stream_id;
    else
        update catalog.{name} as stored
        set version = p_version
        where stored.id = p_stream_id
        returning stored.document into v_document;
    end if;
    return v_document;
end
$$;
{comment(f"function catalog.write_{name}", f"Takes one more event into the stored document of {projection.__name__}.")}
"""


def refold_function(projection: AnyProjection) -> str:
    """`refold_<name>`: the stored document of one stream made what the fold says."""
    name = projection.name
    return f"""\
create or replace function catalog.refold_{name}(p_stream_id integer) returns void
language sql volatile as $$
with folded as (
    select * from catalog.fold_{name}(p_stream_id)
), gone as (
    delete from catalog.{name}
    where id = p_stream_id
        and not exists (select from folded)
)
insert into catalog.{name} (id, version, valid_from, document)
select id, version, valid_from, document from folded
on conflict (id) do update
set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
$$;
{comment(f"function catalog.refold_{name}", f"Writes the document of {projection.__name__} as the log has it.")}
"""


def _project_inline(inline: Sequence[AnyProjection]) -> str:
    arguments = "p_stream_id, p_version, p_recorded_at, p_type, p_data"
    pairs = ", ".join(f"{literal(each.name)}, catalog.write_{each.name}({arguments})" for each in inline)
    return f"""\
create or replace function catalog.project_inline(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language sql volatile
return jsonb_build_object({pairs});
{comment("function catalog.project_inline", "Takes one more event into every inline document; answers with them.")}
"""
