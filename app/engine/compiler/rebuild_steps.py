"""The steps of a rebuild as statements, compiled from a read model's rules and kept in catalog.rebuild_steps.

Whoever rebuilds may carry out catalog.rebuild_step and nothing else; that says what $1 to $5 are.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from app.engine.compiler.read_model_sql import ReadModelSql, sql_of
from app.engine.compiler.sql_text import literal
from app.engine.compiler.tables import (
    Table,
    create_next_partition,
    create_table,
    index_next_partition,
    key_next_partition,
    vacuum_next_partition,
)
from app.engine.compiler.templates import fill_query
from app.engine.postgres.identifiers import dollar_quoted
from app.engine.projection.rollup import AnyReadModel


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
    """All tables that a rebuild replaces."""
    return sql_of(read_model).tables


def filled_tables(read_model: AnyReadModel) -> list[Table]:
    """The tables with rows for each stream; a rollup's documents are aggregated from them."""
    return sql_of(read_model).filled


def statements_by_step(read_model: AnyReadModel) -> dict[RebuildStep, list[str]]:
    compiled = sql_of(read_model)
    tables, filled, aggregated = compiled.tables, compiled.filled, compiled.aggregated
    aggregate = [_aggregate_members(compiled, table) for table in aggregated]
    return {
        RebuildStep.BEGIN: [
            *map(_drop, tables),
            *map(create_next_partition, tables),
            *(each for table in aggregated for each in (*index_next_partition(table), key_next_partition(table))),
        ],
        RebuildStep.FILL: [compiled.fill(STREAM_SLICE)],
        RebuildStep.SET_HINT_BITS: [
            f"select count(*) from catalog.{table.next} where ctid >= format('(%s,0)', $1)::tid" for table in filled
        ],
        RebuildStep.INDEX: [statement for table in reversed(filled) for statement in index_next_partition(table)],
        RebuildStep.KEY: [key_next_partition(table) for table in filled],
        RebuildStep.ANALYZE: [_analyze(table) for table in reversed(filled)],
        RebuildStep.REFOLD: compiled.refill(CHANGED_STREAMS),
        RebuildStep.CANCEL_AUTOVACUUM: [
            f"lock table {', '.join(f'catalog.{table.live}' for table in tables)} in share update exclusive mode"
        ],
        RebuildStep.AGGREGATE: aggregate,
        RebuildStep.SWAP: [
            *aggregate,
            *map(_analyze, aggregated),
            *(statement for table in tables for statement in (vacuum_next_partition(table), _swap(table))),
        ],
        RebuildStep.DROP: [*map(_drop, tables)],
    }


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


def _drop(table: Table) -> str:
    return f"drop table if exists catalog.{table.next}"


def _analyze(table: Table) -> str:
    return f"analyze catalog.{table.next}"


def _swap(table: Table) -> str:
    return f"select catalog.swap_in({literal(table.name)}, {literal(table.live)}, {literal(table.next)})"


def _aggregate_members(compiled: ReadModelSql, table: Table) -> str:
    (members,) = compiled.filled
    added = compiled.aggregate(f"catalog.{members.next}")
    return fill_query("aggregate_members", table=f"catalog.{table.next}", added=added)


def fingerprint(read_model: AnyReadModel) -> str:
    """SHA-256 of what the documents of a read model and their tables depend on: fold, columns, indexes, version."""
    created = "".join(map(create_table, read_model_tables(read_model)))
    installed = [line for line in created.splitlines() if not line.startswith("comment on")]
    compiled = sql_of(read_model)
    parts = [compiled.fill(STREAM_SLICE), compiled.aggregate("members"), *installed, str(read_model.version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
