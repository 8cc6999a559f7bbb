"""The SQL that fills a projection's tables from the log: one stream, or a whole new generation."""

from collections.abc import Callable, Sequence

from app.engine.compiler.document_tables import (
    CURRENT_VERSIONS,
    _written_columns,
    derived_tables,
    documents_table,
    history_table,
)
from app.engine.compiler.sql_text import comment
from app.engine.compiler.tables import Table
from app.engine.compiler.templates import fill_function, fill_query
from app.engine.compiler.versions import versions_query
from app.engine.projection.projection import AnyProjection


def refold_function(projection: AnyProjection) -> str:
    """`refold_<name>`: makes all that is stored of one stream equal to what the fold says."""
    name, writes, counted = projection.name, [], []
    for table, query in [(documents_table(projection), CURRENT_VERSIONS), *derived_tables(projection)]:
        writes.append(_upsert_expected_rows(table, query))
        counted += [f"select from {table.name}_deleted", f"select from {table.name}_upserted"]
    about = f"Writes what the log has of a stream into {name}; counts the changes."
    return fill_function(
        "refold",
        name=name,
        versions=versions_query(projection, "stream_id = p_stream_id"),
        writes=", ".join(writes),
        counts="\n    union all ".join(counted),
        comment=comment(f"function catalog.refold_{name}", about),
    )


def _upsert_expected_rows(table: Table, query: str) -> str:
    """Delete the rows that should not be, write those that are missing or differ. Rows are compared as texts, because
    points have no `=`; the function says how many digits these texts have."""
    columns = _written_columns(table)
    rest = [column for column in columns if column not in table.key]
    stored, excluded = (", ".join(f"{row}.{column}" for column in rest) for row in ("stored", "excluded"))
    return fill_query(
        "upsert_expected_rows",
        name=table.name,
        query=query,
        same_key=_same_key(table, f"{table.name}_expected", table.quoted),
        columns=", ".join(columns),
        key=", ".join(table.key),
        updates=", ".join(f"{column} = excluded.{column}" for column in rest),
        stored=stored,
        excluded=excluded,
    )


def _same_key(table: Table, left: str, right: str) -> str:
    return " and ".join(f"{left}.{column} = {right}.{column}" for column in table.key)


def fill_next_partition(projection: AnyProjection, versions: str) -> str:
    """The statement that fills the next partitions of all its tables from `versions`, the query of some streams."""
    return _insert_into_next(projection, versions, lambda _: "")


def refresh_next_partition(projection: AnyProjection, versions: str) -> str:
    """The same for streams that are there already and have gone on: what was replaced stays as it is, so that a long
    stream is not written again; a document that has ended goes."""
    table = documents_table(projection)
    gone = f"""{table.name}_deleted as (
    delete from catalog.{table.next}
    where id in (select id from versions)
        and id not in (select id from versions where valid_to is null)
)"""
    return _insert_into_next(projection, versions, _conflict_action, gone)


def _conflict_action(table: Table) -> str:
    """What to do about a row that is there: put right what its key leaves open, if it is one row for each stream."""
    if table.key != ("id",):
        return "\n    on conflict do nothing"
    columns = [column for column in _written_columns(table) if column not in table.key]
    return f"\n    on conflict (id) do update set {', '.join(f'{column} = excluded.{column}' for column in columns)}"


def _insert_into_next(
    projection: AnyProjection, versions: str, on_conflict: Callable[[Table], str], *further: str
) -> str:
    fills = [
        f"{table.name}_filled as (\n    insert into catalog.{table.next} ({', '.join(_written_columns(table))})\n"
        f"    {query}{on_conflict(table)}\n)"
        for table, query in derived_tables(projection)
    ]
    table = documents_table(projection)
    columns = ", ".join(_written_columns(table))
    whole = ", ".join([f"versions as materialized (\n{versions}\n)", *further, *fills])
    return f"with {whole}\ninsert into catalog.{table.next} ({columns})\n{CURRENT_VERSIONS}{on_conflict(table)}"


def mismatched_search_rows(projection: AnyProjection) -> list[str]:
    """A query for each search table of (id, the stored row, the rightful row) where these differ, for the streams from
    $1 to $2."""
    versions = versions_query(projection, "stream_id between $1 and $2")
    return [
        fill_query(
            "mismatched_search_rows",
            versions=versions,
            rightful=rightful,
            columns=", ".join(_written_columns(table)),
            table=table.name,
            same_key=_same_key(table, "stored", "rightful"),
        )
        for table, rightful in derived_tables(projection)
        if table.name != history_table(projection).name
    ]


def _refold_stream(inline: Sequence[AnyProjection]) -> str:
    refolded = "".join(f"    select catalog.refold_{each.name}(p_stream_id);\n" for each in inline)
    return f"""\
create or replace function catalog.refold_stream(p_stream_id integer) returns void
language sql volatile
begin atomic
{refolded}end;
{comment("function catalog.refold_stream", "Makes every inline document of a stream, its past too, what the log says.")}
"""
