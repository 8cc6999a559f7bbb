"""The steps of a rebuild as statements, compiled from a read model's rules and kept in catalog.rebuild_steps.

Whoever rebuilds may carry out catalog.rebuild_step and nothing else; that says what $1 to $5 are.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from app.engine.compiler.document_fills import fill_next_partition, refresh_next_partition
from app.engine.compiler.document_tables import projection_tables
from app.engine.compiler.fold import fold_query
from app.engine.compiler.rollups import aggregate_query, member_columns, rollup_tables
from app.engine.compiler.sql_text import literal
from app.engine.compiler.tables import (
    Table,
    create_next_partition,
    create_table,
    index_next_partition,
    key_next_partition,
    vacuum_next_partition,
)
from app.engine.compiler.versions import versions_query
from app.engine.postgres.identifiers import dollar_quoted
from app.engine.projection.rollup import AnyReadModel, Rollup


class RebuildStep(StrEnum):
    BEGIN = "begin"
    """Empty tables; what a killed rebuild left behind is dropped."""
    FILL = "fill"
    """All that the streams from $1 to $2 have, as of $4."""
    SET_HINT_BITS = "set_hint_bits"
    """Each table that is filled, from page $1 on. Whoever reads rows first notes on their page that they are committed.
    If there has been a checkpoint since they were written, that costs the whole page in the write-ahead log, so it is
    done at once."""
    INDEX = "index"
    """Statements that need not wait for each other. Those that take long come first, so that nobody is left with one of
    them at the end."""
    KEY = "key"
    ANALYZE = "analyze"
    REFOLD = "refold"
    """All that the streams $3 have again, as of a later position."""
    CANCEL_AUTOVACUUM = "cancel_autovacuum"
    """Have the server call off its own vacuuming of what is to be dropped: it does so for whoever waits a second. The
    lock waited for keeps out neither readers nor writers."""
    AGGREGATE = "aggregate"
    """What is made from the folded documents; again, as far as that has changed. Rows that stay as they are are seen by
    older snapshots, too."""
    SWAP = "swap"
    DROP = "drop"


def read_model_tables(read_model: AnyReadModel) -> list[Table]:
    """All that a rebuild puts in its place."""
    return rollup_tables(read_model) if issubclass(read_model, Rollup) else projection_tables(read_model)


def filled_tables(read_model: AnyReadModel) -> list[Table]:
    """Those with rows per stream: of a rollup its members, from which its documents are added up."""
    return read_model_tables(read_model)[1:] if issubclass(read_model, Rollup) else read_model_tables(read_model)


def statements_by_step(read_model: AnyReadModel) -> dict[RebuildStep, list[str]]:
    tables, filled = read_model_tables(read_model), filled_tables(read_model)
    steps = {
        RebuildStep.BEGIN: [*map(_drop, tables), *map(create_next_partition, tables)],
        RebuildStep.FILL: [fold_into_next(read_model, STREAM_SLICE)],
        RebuildStep.SET_HINT_BITS: [
            f"select count(*) from catalog.{table.next} where ctid >= format('(%s,0)', $1)::tid" for table in filled
        ],
        RebuildStep.INDEX: [statement for table in reversed(filled) for statement in index_next_partition(table)],
        RebuildStep.KEY: [key_next_partition(table) for table in filled],
        RebuildStep.ANALYZE: [f"analyze catalog.{table.next}" for table in reversed(filled)],
        RebuildStep.REFOLD: _refold_statements(read_model),
        RebuildStep.CANCEL_AUTOVACUUM: [
            f"lock table {', '.join(f'catalog.{table.live}' for table in tables)} in share update exclusive mode"
        ],
        RebuildStep.AGGREGATE: [],
        RebuildStep.SWAP: [statement for table in tables for statement in (vacuum_next_partition(table), _swap(table))],
        RebuildStep.DROP: [*map(_drop, tables)],
    }
    if issubclass(read_model, Rollup):
        documents, members = tables
        added = aggregate_query(read_model, f"catalog.{members.next}")
        steps[RebuildStep.AGGREGATE] = [AGGREGATE_MEMBERS.format(table=f"catalog.{documents.next}", added=added)]
        steps[RebuildStep.BEGIN] += [*index_next_partition(documents), key_next_partition(documents)]
        steps[RebuildStep.SWAP] = [
            *steps[RebuildStep.AGGREGATE],
            f"analyze catalog.{documents.next}",
            *steps[RebuildStep.SWAP],
        ]
    return steps


def rebuild_steps(read_models: Sequence[AnyReadModel]) -> str:
    """The SQL that puts all steps into their table."""
    rows = [
        f"({literal(read_model.name)}, {literal(step)}, {place}, {dollar_quoted(statement, 'step')})"
        for read_model in read_models
        for step, statements in statements_by_step(read_model).items()
        for place, statement in enumerate(statements)
    ]
    if not rows:
        return "delete from catalog.rebuild_steps;\n"
    values = ",\n".join(rows)
    return (
        "delete from catalog.rebuild_steps;\n"
        f"insert into catalog.rebuild_steps (read_model, step, place, statement) values\n{values};\n"
    )


UP_TO_POSITION = "position <= $4 and position <> all ($5)"
STREAM_SLICE = f"stream_id between $1 and $2 and {UP_TO_POSITION}"
CHANGED_STREAMS = f"stream_id = any ($3) and {UP_TO_POSITION}"


def fold_into_next(read_model: AnyReadModel, where: str) -> str:
    """The statement that folds the streams of `where` into the new tables.

    `offset 0` has Postgres make each document once, not once for each field that is taken from it.
    """
    if issubclass(read_model, Rollup):
        return (
            f"insert into catalog.{filled_tables(read_model)[0].next} (id, key, part)\n"
            f"select id, {member_columns(read_model)}\n"
            f"from (\n{fold_query(read_model.of, where)}\noffset 0\n) as folded (id, version, valid_from, document)"
        )
    if len(read_model_tables(read_model)) == 1:
        (table,) = read_model_tables(read_model)
        return f"insert into catalog.{table.next} (id, version, valid_from, document)\n{fold_query(read_model, where)}"
    return fill_next_partition(read_model, versions_query(read_model, where))


def _refold_statements(read_model: AnyReadModel) -> list[str]:
    filled = filled_tables(read_model)
    if not issubclass(read_model, Rollup) and len(filled) > 1:
        return [refresh_next_partition(read_model, versions_query(read_model, CHANGED_STREAMS))]
    deleted = [f"delete from catalog.{table.next} where id = any ($3)" for table in filled]
    return [*deleted, fold_into_next(read_model, CHANGED_STREAMS)]


def _drop(table: Table) -> str:
    return f"drop table if exists catalog.{table.next}"


def _swap(table: Table) -> str:
    return f"select catalog.swap_in({literal(table.name)}, {literal(table.live)}, {literal(table.next)})"


AGGREGATE_MEMBERS = """\
with added (key, document) as materialized (
{added}
), gone as (
    delete from {table} as stored
    where not exists (select from added where added.key = stored.key)
)
insert into {table} as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document"""


def fingerprint(read_model: AnyReadModel) -> str:
    """SHA-256 of what the documents of a read model and their tables depend on: fold, columns, indexes, version."""
    created = "".join(map(create_table, read_model_tables(read_model)))
    installed = [line for line in created.splitlines() if not line.startswith("comment on")]
    added = aggregate_query(read_model, "members") if issubclass(read_model, Rollup) else ""
    parts = [fold_into_next(read_model, STREAM_SLICE), added, *installed, str(read_model.version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
