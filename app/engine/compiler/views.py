"""Writes views and functions for analysts: typed columns over documents, with a COMMENT on everything."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from app.engine.compiler.document_tables import field_columns
from app.engine.compiler.sql_text import comment, literal
from app.engine.postgres.identifiers import dollar_quoted, quoted_identifier
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rule_analysis import written_to
from app.engine.projection.rules import STREAM_ID, VERSION

INSTANT_TYPE = "timestamp with time zone"
SQL_TYPES = {str: "text", int: "bigint", float: "double precision", bool: "boolean", datetime: INSTANT_TYPE}


class ViewColumn(Struct, frozen=True):
    """A column of a view."""

    name: str
    type: str
    """The type, as `format_type` writes it."""
    value: str
    about: str

    @property
    def quoted(self) -> str:
        return quoted_identifier(self.name)


def singular_name(projection: AnyProjection) -> str:
    """The name of one document, as it begins the names of views and functions."""
    return projection.document.__name__.lower()


def field_columns_of_view(projection: AnyProjection) -> list[ViewColumn]:
    """A column for each field of the documents; a field that is a column of the table is read from that column."""
    columns = {column.name: column.quoted for column in field_columns(projection)}
    fields = []
    for name, hint in get_type_hints(projection.document).items():
        kind, value = sql_type(hint), cast_field("document", name, sql_type(hint))
        if _always_holds(projection, name, STREAM_ID):
            kind, value = "integer", "id"
        elif _always_holds(projection, name, VERSION):
            kind, value = "integer", cast_field("document", name, "integer")
        elif name in columns:
            value = f"{columns[name]}::{kind}" if kind != "text" else columns[name]
        fields.append(ViewColumn(name, kind, value, f"{name} of the document."))
    if all(field.value != "id" for field in fields):
        name = view_column_name(projection, f"{singular_name(projection)}_id")
        fields.insert(0, ViewColumn(name, "integer", "id", "The stream it is folded from."))
    return fields


def view_column_name(projection: AnyProjection, name: str) -> str:
    """The name of a view's column that is not a field: `name`, or `stored_…` if a field has that name."""
    while name in projection.document.__struct_fields__:
        name = f"stored_{name}"
    return name


def sql_type(hint: Any) -> str:
    """The SQL type of a column for a field of this type; jsonb if no other fits."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        return sql_type(kinds[0]) if len(kinds) == 1 else "jsonb"
    if get_origin(hint) is Literal:
        return "text" if all(isinstance(value, str) for value in get_args(hint)) else "jsonb"
    if get_origin(hint) in (tuple, list):
        kinds = [sql_type(kind) for kind in get_args(hint) if kind is not Ellipsis]
        return "text[]" if set(kinds) == {"text"} else "jsonb"
    return SQL_TYPES.get(hint, "jsonb")


def cast_field(json: str, name: str, kind: str) -> str:
    """A field of some JSON as a value of an SQL type. All texts have the collation that the indexes have."""
    field = literal(name)
    match kind:
        case "jsonb":
            return f"{json} -> {field}"
        case "text":
            return f'({json} ->> {field}) collate "C"'
        case "text[]":
            texts = f"array(select jsonb_array_elements_text({json} -> {field}))"
            return f"case when jsonb_typeof({json} -> {field}) = 'array' then {texts} end"
        case _:
            return f"({json} ->> {field})::{kind}"


def _always_holds(projection: AnyProjection, name: str, value: object) -> bool:
    """Whether the rules write only this value of the envelope to a field."""
    written = written_to(projection, name)
    return bool(written) and all(each is value for each in written)


def create_view(name: str, about: str, columns: Sequence[ViewColumn], source: str) -> str:
    lines = ",\n    ".join(
        column.value if column.value in (column.name, column.quoted) else f"{column.value} as {column.quoted}"
        for column in columns
    )
    return "\n".join(
        [
            _drop_if_incompatible(name, columns),
            f"create or replace view public.{name} as",
            f"select {lines}",
            f"from {source};",
            comment(f"view public.{name}", about),
            f"grant select on public.{name} to catalog_reader;",
            *(comment(f"column public.{name}.{column.quoted}", column.about) for column in columns),
            "",
        ]
    )


def create_function(
    name: str, parameters: Mapping[str, str], about: str, columns: Sequence[ViewColumn], query: str
) -> str:
    """`parameters` are types by name."""
    table = ", ".join(f"{column.quoted} {column.type}" for column in columns)
    body = f"\n{query}\n"
    return f"""\
{_drop_if_incompatible(f"{name}({', '.join(parameters.values())})", columns, as_results=True)}
create or replace function public.{name}({", ".join(f"{name} {kind}" for name, kind in parameters.items())})
returns table ({table})
language sql stable parallel safe as {dollar_quoted(body)};
{comment(f"function public.{name}", about)}
"""


def _drop_if_incompatible(name: str, columns: Iterable[ViewColumn], as_results: bool = False) -> str:
    """`as_results`: Postgres shows a function's result columns quoted where needed, and each release has its own
    keywords. So the server itself quotes them."""
    texts = ", ".join(
        f"quote_ident({literal(column.name)}) || {literal(f' {column.type}')}"
        if as_results and column.quoted != column.name
        else literal(f"{column.name} {column.type}")
        for column in columns
    )
    return f"select catalog.drop_if_incompatible({literal(name)}, array[{texts}]);"


def column_names(columns: Iterable[ViewColumn]) -> str:
    return ", ".join(column.quoted for column in columns)
