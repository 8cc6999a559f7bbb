"""The SQL that installs a projection: its tables, and what writes into them and reads them as of an instant.

`catalog schema` prints it all, with the folds of `app.engine.compiler.fold`.
"""

from collections.abc import Iterator, Sequence

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
from app.engine.compiler.templates import fill_function, fill_query
from app.engine.compiler.versions import folding_aggregate
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
    """`project_<name>`: applies one more event to the stored document; called by appends.

    It writes into the partitions themselves, which saves finding them each time; the append gate keeps swaps away.
    """
    name = projection.name
    about = f"Takes one more event into the stored document of {projection.__name__}."
    return fill_function(
        "project",
        name=name,
        documents=documents_table(projection).live,
        types=type_literals(projection.by_event),
        writes="".join(_further_writes(projection)),
        comment=comment(f"function catalog.project_{name}", about),
    )


def _further_writes(projection: AnyProjection) -> Iterator[str]:
    """Statements that write the tables beside the documents' own."""
    if projection.temporal:
        yield fill_query("project_history", table=history_table(projection).live) + "\n"
    for index in projection.indexes:
        if isinstance(index, TextSearch):
            yield _write_text_search(text_search_table(projection, index).live, index)
        elif isinstance(index, GeoSearch):
            yield _write_geo_search(geo_search_table(projection, index).live, index)


def _write_text_search(table: str, words: TextSearch) -> str:
    """An update first: an upsert would compute `found` even when no word is new, and that takes longest."""
    before, after = (searched_text(field_names(words.fields), document) for document in BEFORE_AND_AFTER)
    return fill_query("project_text_search", table=table, before=before, after=after) + "\n"


def _write_geo_search(table: str, place: GeoSearch) -> str:
    (before, _), (after, point) = (compared_and_point(place, document) for document in BEFORE_AND_AFTER)
    return fill_query("project_geo_search", table=table, before=before, after=after, point=point) + "\n"


BEFORE_AND_AFTER = ("v_before", "v_after")
"""The document before an event and the one after it, as `project_<name>` has them."""


def prepare_new_function(projection: AnyProjection) -> str:
    """`index_new_<name>`: writes the words of many new streams, which is slow, before their instant is taken; called
    by bulk appends."""
    name = projection.name
    inserts = [
        _index_new_text_search(projection, index) for index in projection.indexes if isinstance(index, TextSearch)
    ]
    return fill_function(
        "index_new",
        name=name,
        inserts="".join(inserts),
        comment=comment(
            f"function catalog.index_new_{name}", f"Writes the words of {projection.__name__} in new_streams."
        ),
    )


def _index_new_text_search(projection: AnyProjection, words: TextSearch) -> str:
    text, none = (searched_text(field_names(words.fields), document) for document in DOCUMENT_AND_NONE)
    _check_text_needs_no_envelope(projection, words)
    table, has_text = text_search_table(projection, words).name, _has_searched_value(text, none)
    documents = _new_documents(projection)
    return fill_query("index_new_text_search", table=table, text=text, documents=documents, has_text=has_text) + "\n"


def write_new_function(projection: AnyProjection) -> str:
    """`project_new_<name>`: writes what else `project_<name>` would write of the first events of many streams; makes
    each document once."""
    name = projection.name
    places = [
        _project_new_geo_search(projection, index) for index in projection.indexes if isinstance(index, GeoSearch)
    ]
    about = f"Writes the documents of {projection.__name__} of all new_streams."
    return fill_function(
        "project_new",
        name=name,
        documents=_new_documents(projection),
        places="".join(places),
        comment=comment(f"function catalog.project_new_{name}", about),
    )


def _project_new_geo_search(projection: AnyProjection, place: GeoSearch) -> str:
    (compared, point), (none, _) = (compared_and_point(place, document) for document in DOCUMENT_AND_NONE)
    has_place = _has_searched_value(compared, none)
    return fill_query("project_new_geo_search", name=projection.name, point=point, has_place=has_place)


def _new_documents(projection: AnyProjection) -> str:
    """The documents that new streams begin with."""
    return fill_query("new_documents", name=projection.name, types=type_literals(projection.by_event))


DOCUMENT_AND_NONE = ("document", "null::jsonb")


def _has_searched_value(searched: str, of_none: str) -> str:
    """A condition: there is a document, and what searches compare of it differs from that of no document."""
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
    return fill_function(
        "as_of",
        name=name,
        names=", ".join(column.quoted for column in columns),
        types=", ".join(f"{column.quoted} {column.type}" for column in columns),
        comment=comment(f"function catalog.{name}_as_of", f"The documents of {projection.__name__} as of an instant."),
    )


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
