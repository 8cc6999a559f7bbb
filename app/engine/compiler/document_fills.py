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
from app.engine.compiler.versions import versions_query
from app.engine.postgres.identifiers import dollar_quoted
from app.engine.projection.projection import AnyProjection


def refold_function(projection: AnyProjection) -> str:
    """`refold_<name>`: all that is stored of one stream made what the fold says."""
    steps, counted = [], []
    for table, query in [(documents_table(projection), CURRENT_VERSIONS), *derived_tables(projection)]:
        steps.append(_upsert_expected_rows(table, query))
        counted += [f"select from {table.name}_deleted", f"select from {table.name}_upserted"]
    name = projection.name
    versions = versions_query(projection, "stream_id = p_stream_id")
    counts = "\n    union all ".join(counted)
    body = f"""
with versions as materialized (
{versions}
), {", ".join(steps)}
select count(*)
from (
    {counts}
) as changed
"""
    return f"""\
create or replace function catalog.refold_{name}(p_stream_id integer) returns bigint
language sql volatile set extra_float_digits = 1 as {dollar_quoted(body)};
{comment(f"function catalog.refold_{name}", f"Writes what the log has of a stream into {name}; counts the changes.")}
"""


def _upsert_expected_rows(table: Table, query: str) -> str:
    """Delete what should not be, write what is missing or other. Compared as texts: points have no `=`. How many digits
    these have is said by the function."""
    name = f"catalog.{table.name}"
    columns = _written_columns(table)
    rest = [column for column in columns if column not in table.key]
    same_key = " and ".join(f"{table.name}_expected.{column} = {table.quoted}.{column}" for column in table.key)
    stored, excluded = (", ".join(f"{row}.{column}" for column in rest) for row in ("stored", "excluded"))
    return f"""{table.name}_expected as (
    {query}
), {table.name}_deleted as (
    delete from {name}
    where id = p_stream_id
        and not exists (select from {table.name}_expected where {same_key})
    returning 1
), {table.name}_upserted as (
    insert into {name} as stored ({", ".join(columns)})
    select {", ".join(columns)} from {table.name}_expected
    on conflict ({", ".join(table.key)}) do update
    set {", ".join(f"{column} = excluded.{column}" for column in rest)}
    where row({stored})::text is distinct from row({excluded})::text
    returning 1
)"""


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
    """A query for each search table of (id, the stored row, the rightful one) where these differ, of the streams from
    $1 to $2."""
    versions = versions_query(projection, "stream_id between $1 and $2")
    queries = []
    for table, rightful in derived_tables(projection):
        if table.name == history_table(projection).name:
            continue
        columns = ", ".join(_written_columns(table))
        same = " and ".join(f"stored.{column} = rightful.{column}" for column in table.key)
        queries.append(
            f"""\
with versions as materialized (
{versions}
), rightful as (
    {rightful}
), stored as (
    select {columns}
    from catalog.{table.name}
    where id between $1 and $2
)
select coalesce(stored.id, rightful.id), to_jsonb(stored), to_jsonb(rightful)
from stored
full join rightful on {same}
where to_jsonb(stored) is distinct from to_jsonb(rightful)"""
        )
    return queries


def _refold_stream(inline: Sequence[AnyProjection]) -> str:
    refolded = "".join(f"    select catalog.refold_{each.name}(p_stream_id);\n" for each in inline)
    return f"""\
create or replace function catalog.refold_stream(p_stream_id integer) returns void
language sql volatile
begin atomic
{refolded}end;
{comment("function catalog.refold_stream", "Makes every inline document of a stream, its past too, what the log says.")}
"""
