"""The SQL that installs a projection: its tables, and what writes into them and reads them as of an instant.

`catalog schema` prints it all, with the folds of `app.engine.compiler.fold`.
"""

from collections.abc import Sequence

from app.engine.compiler.document_fills import _refold_stream, refold_function
from app.engine.compiler.document_tables import (
    compared_and_point,
    documents_table,
    field_names,
    geo_search_table,
    history_table,
    projection_tables,
    searched_text,
    text_search_table,
)
from app.engine.compiler.sql_text import comment, literal
from app.engine.compiler.step import step_function, type_literals
from app.engine.compiler.tables import create_table
from app.engine.compiler.versions import folding_aggregate
from app.engine.postgres.identifiers import dollar_quoted
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import Becomes, Envelope, GeoSearch, TextSearch


def compile_inline(projection: AnyProjection) -> str:
    """The tables of an inline projection and its functions, but for the fold."""
    parts = [create_table(table) for table in projection_tables(projection)]
    parts += [step_function(projection), *folding_aggregate(projection)]
    parts += [write_function(projection), prepare_new_function(projection)]
    parts += [write_new_function(projection), refold_function(projection)]
    return "\n".join([*parts, *([as_of_function(projection)] if projection.temporal else [])])


def project_functions(inline: Sequence[AnyProjection]) -> str:
    """What appends call to write every inline document, and what folds one stream's anew."""
    return "\n".join([_project_inline(inline), _project_new_streams(inline), _refold_stream(inline)])


def write_function(projection: AnyProjection) -> str:
    """`project_<name>`: one more event into the stored document; called by appends.

    It writes into the partitions themselves, which spares finding them each time; the append gate keeps swaps away.
    """
    name = projection.name
    documents = documents_table(projection).live
    further = ""
    if projection.temporal:
        further = f"""
    if v_before is not null then
        insert into catalog.{history_table(projection).live} (id, version, valid_from, valid_to, document)
        values (p_stream_id, v_version, v_valid_from, p_recorded_at, v_before);
    end if;"""
    for index in projection.indexes:
        if isinstance(index, TextSearch):
            further += _write_text_search(text_search_table(projection, index).live, index)
        elif isinstance(index, GeoSearch):
            further += _write_geo_search(geo_search_table(projection, index).live, index)
    body = f"""
declare
    v_version integer;
    v_valid_from timestamptz;
    v_before jsonb;
    v_after jsonb;
begin
    if p_version > 1 then
        select version, valid_from, document
        into v_version, v_valid_from, v_before
        from catalog.{documents}
        where id = p_stream_id;
    end if;
    if p_type not in ({type_literals(projection.by_event)}) then
        update catalog.{documents} set version = p_version where id = p_stream_id;
        return v_before;
    end if;
    v_after := catalog.evolve_{name}(v_before, p_stream_id, p_version, p_recorded_at, p_type, p_data);
    if v_after is null then
        delete from catalog.{documents} where id = p_stream_id;
    elsif v_before is null then
        insert into catalog.{documents} (id, version, valid_from, document)
        values (p_stream_id, p_version, p_recorded_at, v_after);
    else
        update catalog.{documents}
        set version = p_version, valid_from = p_recorded_at, document = v_after
        where id = p_stream_id;
    end if;{further}
    return v_after;
end
"""
    return f"""\
create or replace function catalog.project_{name}(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language plpgsql volatile as {dollar_quoted(body)};
{
        comment(
            f"function catalog.project_{name}",
            f"Takes one more event into the stored document of {projection.__name__}.",
        )
    }
"""


def _write_text_search(table: str, words: TextSearch) -> str:
    """An upsert would make what they are found by before it sees that nothing is new, and take longer than the rest."""
    before, after = (searched_text(field_names(words.fields), document) for document in BEFORE_AND_AFTER)
    return f"""
    if p_version = 1 and {after} is not null then
        insert into catalog.{table} (id, words)
        values (p_stream_id, catalog.tokens_of({after}));
    elsif v_after is not null and {after} is distinct from {before} then
        declare
            v_words constant text[] := catalog.tokens_of({after});
        begin
            update catalog.{table}
            set words = catalog.tokens_of(array_to_string(words || v_words, ' '))
            where id = p_stream_id
                and not ('*' = any (words) or v_words <@ words);
            if not found and v_before is null then
                insert into catalog.{table} (id, words)
                values (p_stream_id, v_words)
                on conflict (id) do nothing;
            end if;
        end;
    end if;"""


def _write_geo_search(table: str, place: GeoSearch) -> str:
    (before, _), (after, point) = (compared_and_point(place, document) for document in BEFORE_AND_AFTER)
    return f"""
    if v_after is not null and {after} is distinct from {before} then
        insert into catalog.{table} (id, since, place)
        values (p_stream_id, p_recorded_at, {point});
    end if;"""


BEFORE_AND_AFTER = ("v_before", "v_after")
"""The document before an event and the one after it, as `project_<name>` has them."""


def prepare_new_function(projection: AnyProjection) -> str:
    """`index_new_<name>`: the words of many new streams, which take long to find, before it is known when they are
    recorded; called by bulk appends."""
    name = projection.name
    inserts = ""
    for index in projection.indexes:
        if isinstance(index, TextSearch):
            text, none = (searched_text(field_names(index.fields), document) for document in DOCUMENT_AND_NONE)
            _check_text_needs_no_envelope(projection, index)
            inserts += f"""
    insert into catalog.{name}_words (id, words)
    select id, catalog.tokens_of({text})
    from (
        {_new_documents(projection)}
        offset 0
    ) as new
    where {_has_searched_value(text, none)};"""
    body = f"\nbegin{inserts}\nend\n"
    return f"""\
create or replace function catalog.index_new_{name}(p_recorded_at timestamptz default clock_timestamp()) returns void
language plpgsql volatile as {dollar_quoted(body)};
{comment(f"function catalog.index_new_{name}", f"Writes the words of {projection.__name__} in new_streams.")}
"""


def write_new_function(projection: AnyProjection) -> str:
    """`project_new_<name>`: what is left of what `project_<name>` would write of the first events of many streams; each
    document is made once."""
    name = projection.name
    places = ""
    for index in projection.indexes:
        if isinstance(index, GeoSearch):
            (compared, point), (none, _) = (compared_and_point(index, document) for document in DOCUMENT_AND_NONE)
            places += f""", {name}_placed as (
        insert into catalog.{name}_places (id, since, place)
        select id, p_recorded_at, {point}
        from new
        where {_has_searched_value(compared, none)}
    )"""
    body = f"""
begin
    with new as materialized (
        {_new_documents(projection)}
    ){places}
    insert into catalog.{name} (id, version, valid_from, document)
    select id, 1, p_recorded_at, document
    from new
    where document is not null;
end
"""
    return f"""\
create or replace function catalog.project_new_{name}(p_recorded_at timestamptz) returns void
language plpgsql volatile as {dollar_quoted(body)};
{comment(f"function catalog.project_new_{name}", f"Writes the documents of {projection.__name__} of all new_streams.")}
"""


def _new_documents(projection: AnyProjection) -> str:
    """The documents that new streams begin with."""
    return f"""\
select stream_id as id,
            catalog.evolve_{projection.name}(null, stream_id, 1, p_recorded_at, type, data) as document
        from pg_temp.new_streams
        where type in ({type_literals(projection.by_event)})"""


DOCUMENT_AND_NONE = ("document", "null::jsonb")


def _has_searched_value(searched: str, of_none: str) -> str:
    """Where there is a document, and what it is searched by is other than of none."""
    return f"document is not null and {searched} is distinct from {of_none}"


def _check_text_needs_no_envelope(projection: AnyProjection, words: TextSearch) -> None:
    names = field_names(words.fields)
    for rule in projection.by_event.values():
        for step in rule.steps:
            if isinstance(step, Becomes) and isinstance(step.value, Envelope):
                assert step.field.__name__ not in names, "a search by words is for texts, not for instants"


def as_of_function(projection: AnyProjection) -> str:
    """`<name>_as_of(instant)`: the documents as of then; a single statement, so that filters reach the indexes."""
    name = projection.name
    columns = documents_table(projection).columns
    names = ", ".join(column.quoted for column in columns)
    types = ", ".join(f"{column.quoted} {column.type}" for column in columns)
    return f"""\
create or replace function catalog.{name}_as_of(p_until timestamptz)
returns table ({types})
language sql stable parallel safe as $$
select {names}
from catalog.{name}
where valid_from <= p_until
union all
select {names}
from catalog.{name}_history
where valid_from <= p_until
    and valid_to > p_until
$$;
{comment(f"function catalog.{name}_as_of", f"The documents of {projection.__name__} as of an instant.")}
"""


def _project_inline(inline: Sequence[AnyProjection]) -> str:
    arguments = "p_stream_id, p_version, p_recorded_at, p_type, p_data"
    pairs = ", ".join(f"{literal(each.name)}, catalog.project_{each.name}({arguments})" for each in inline)
    return f"""\
create or replace function catalog.project_inline(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language sql volatile
return jsonb_build_object({pairs});
{comment("function catalog.project_inline", "Takes one more event into every inline document; answers with them.")}
"""


def _project_new_streams(inline: Sequence[AnyProjection]) -> str:
    prepared = "".join(f"    select catalog.index_new_{each.name}();\n" for each in inline)
    written = "".join(f"    select catalog.project_new_{each.name}(p_recorded_at);\n" for each in inline)
    return f"""\
create or replace function catalog.index_new_streams() returns void
language sql volatile
begin atomic
{prepared}end;
{comment("function catalog.index_new_streams", "Writes what takes long of all new_streams.")}

create or replace function catalog.project_new_streams(p_recorded_at timestamptz) returns void
language sql volatile
begin atomic
{written}end;
{comment("function catalog.project_new_streams", "Writes every inline document of all new_streams.")}
"""
