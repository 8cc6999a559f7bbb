"""The functions that analysts call in psql: documents as of an instant, and what differs between two instants.

They read the views of `app.engine.compiler.analyst_views`, so that a role that may read the views may call them.
"""

from collections.abc import Callable, Sequence

from app.engine.compiler.sql_text import comment, indent
from app.engine.compiler.step import type_literals
from app.engine.compiler.templates import fill_function, fill_query
from app.engine.compiler.views import (
    INSTANT_TYPE,
    ViewColumn,
    column_names,
    create_function,
    field_columns_of_view,
    singular_name,
    view_column_name,
)
from app.engine.projection.projection import AnyProjection


def analyst_functions(projection: AnyProjection, prefix: str) -> list[str]:
    """All functions of a temporal projection; `prefix` begins the name of `changes_between`."""
    return [
        as_of_view_function(projection),
        document_at_function(projection),
        diff_function(projection),
        changes_function(projection, f"{prefix}changes_between"),
        changed_between_function(projection),
    ]


def as_of_view_function(projection: AnyProjection) -> str:
    """`<name>_as_of(instant)`."""
    fields = field_columns_of_view(projection)
    return create_function(
        f"{projection.name}_as_of",
        {"p_instant": INSTANT_TYPE},
        f"The documents of {projection.__name__} as of an instant.",
        fields,
        f"select {column_names(fields)}\nfrom public.{singular_name(projection)}_versions\n"
        f"where {_valid_at(projection, 'p_instant')}",
    )


def document_at_function(projection: AnyProjection) -> str:
    """`<singular_name>_at(id, instant)`."""
    fields = field_columns_of_view(projection)
    return create_function(
        f"{singular_name(projection)}_at",
        {"p_id": "integer", "p_instant": INSTANT_TYPE},
        f"One document of {projection.__name__} as of an instant: no row if there was none.",
        fields,
        f"select {column_names(fields)}\nfrom public.{projection.name}_as_of(p_instant)\n"
        f"where {_id_column(fields)} = p_id",
    )


DIFF_COLUMNS = [
    ViewColumn("field", "text", "", ""),
    ViewColumn("before", "jsonb", "", ""),
    ViewColumn("after", "jsonb", "", ""),
]


def diff_function(projection: AnyProjection) -> str:
    """`<singular_name>_diff(id, from, until)`: the fields that differ; `before` is null where there was no document."""
    version = f"select {view_column_name(projection, 'document')} from public.{singular_name(projection)}_versions"
    is_it = f"{_id_column(field_columns_of_view(projection))} = p_id"
    before, after = (
        f"({version} where {is_it} and {_valid_at(projection, instant)})" for instant in ("p_from", "p_until")
    )
    return create_function(
        f"{singular_name(projection)}_diff",
        {"p_id": "integer", "p_from": INSTANT_TYPE, "p_until": INSTANT_TYPE},
        f"The fields in which a document of {projection.__name__} differs between two instants.",
        DIFF_COLUMNS,
        _differing_fields(before, after),
    )


def changes_function(projection: AnyProjection, name: str) -> str:
    """The fields of all documents that differ between two instants."""
    one, id = singular_name(projection), _id_column(field_columns_of_view(projection))
    own = [(view_column_name(projection, name), name) for name in ("valid_from", "document")]
    columns = ", ".join(column if column == name else f"{column} as {name}" for column, name in own)
    ids = f"""\
select distinct {one}_id as id
    from public.{one}_events
    where recorded_at > p_from
        and recorded_at <= p_until"""
    changed = _changed_rows(
        ids,
        lambda instant: (
            f"select {columns} from public.{one}_versions as version"
            f" where version.{id} = touched.id and {_valid_at(projection, instant)}"
        ),
    )
    differing = indent(_differing_fields("changed.before", "changed.after"))
    return create_function(
        name,
        {"p_from": INSTANT_TYPE, "p_until": INSTANT_TYPE},
        f"The fields in which documents of {projection.__name__} differ between two instants.",
        [ViewColumn("id", "integer", "", ""), *DIFF_COLUMNS],
        f"select changed.id, difference.field, difference.before, difference.after\n"
        f"from (\n{indent(changed)}\n) as changed\n"
        f"cross join lateral (\n{differing}\n) as difference (field, before, after)",
    )


def changed_between_function(projection: AnyProjection) -> str:
    """`catalog.<name>_changed_between(from, until)`: whole documents, for the service."""
    name = projection.name
    ids = f"""\
select distinct stream_id as id
    from catalog.events
    where recorded_at > p_from
        and recorded_at <= p_until
        and type in ({type_literals(projection.by_event)})"""
    changed = _changed_rows(
        ids,
        lambda instant: (
            f"select valid_from, document from catalog.{name}_as_of({instant}) as stored where stored.id = touched.id"
        ),
    )
    about = f"The documents of {projection.__name__} that differ between two instants; null where there is none."
    return fill_function(
        "changed_between",
        name=name,
        changed=changed,
        comment=comment(f"function catalog.{name}_changed_between", about),
    )


def _id_column(fields: Sequence[ViewColumn]) -> str:
    """The column of a view that says which stream a document is of."""
    return next(field.quoted for field in fields if field.value == "id")


def _valid_at(projection: AnyProjection, instant: str) -> str:
    """A condition on the view of versions: which one holds at an instant."""
    valid_from, valid_to = (view_column_name(projection, name) for name in ("valid_from", "valid_to"))
    return f"{valid_from} <= {instant} and ({valid_to} is null or {valid_to} > {instant})"


def _changed_rows(ids: str, document_at: Callable[[str], str]) -> str:
    """A query for (id, valid_from, before, after) in the order of the ids, so that a page looks up its own documents
    only; `limit 1` has Postgres look each of them up by its id."""
    return fill_query(
        "changed_rows", ids=ids, document_before=document_at("p_from"), document_after=document_at("p_until")
    )


def _differing_fields(before: str, after: str) -> str:
    return fill_query("differing_fields", before=before, after=after)
