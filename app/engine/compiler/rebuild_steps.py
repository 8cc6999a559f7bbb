"""Compiles the steps of a rebuild to statements, which are stored in catalog.rebuild_steps.

The role that rebuilds may only call catalog.rebuild_step, which executes them and documents $1 to $5.
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
    """Create empty tables, after dropping those that a killed rebuild left."""
    FILL = "fill"
    """Insert all rows of the streams from $1 to $2, as of position $4."""
    SET_HINT_BITS = "set_hint_bits"
    """Read each filled table from page $1 on. The first reader of new rows marks them as committed on their page. After
    a checkpoint that writes the whole page to the write-ahead log, so it is done at once."""
    INDEX = "index"
    """Statements that can run at the same time. The slow ones come first, so that none of them begins last."""
    KEY = "key"
    ANALYZE = "analyze"
    REFOLD = "refold"
    """Replace the rows of the streams $3, as of a later position."""
    CANCEL_AUTOVACUUM = "cancel_autovacuum"
    """Make the server cancel its vacuum of tables that will be dropped: it does so for a lock that waits a second. This
    lock blocks neither readers nor writers."""
    AGGREGATE = "aggregate"
    """Aggregate the folded members, or only update what has changed. Unchanged rows stay visible to older snapshots."""
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
    """The SQL that replaces the contents of catalog.rebuild_steps."""
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
    """SHA-256 of all that a read model's documents and tables depend on: fold, columns, indexes, version."""
    if read_model not in _fingerprints:
        _fingerprints[read_model] = _fingerprint_of(sql_of(read_model), read_model.version)
    return _fingerprints[read_model]


_fingerprints: dict[AnyReadModel, str] = {}
"""Each is computed once, because a projector compares them every few seconds."""


def _fingerprint_of(compiled: ReadModelSql, version: int) -> str:
    created = "".join(map(create_table, compiled.tables))
    installed = [line for line in created.splitlines() if not line.startswith("comment on")]
    parts = [compiled.fill(STREAM_SLICE), compiled.aggregate("members"), *installed, str(version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
