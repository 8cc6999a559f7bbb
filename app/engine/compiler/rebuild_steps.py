"""The steps of a rebuild as statements, compiled from a read model's rules and kept in catalog.rebuild_steps.

Whoever rebuilds may carry out catalog.rebuild_step and nothing else; that says what $1 to $5 are.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from app.engine.compiler.document_fills import fill_next, follow_next
from app.engine.compiler.document_tables import tables_of as projection_tables
from app.engine.compiler.fold import fold_query
from app.engine.compiler.rollups import adding_up, member_columns
from app.engine.compiler.rollups import tables_of as rollup_tables
from app.engine.compiler.sql_text import literal
from app.engine.compiler.tables import Table, create, create_next, index_next, key_next, vacuum_next
from app.engine.compiler.versions import versions_query
from app.engine.postgres.identifiers import in_dollars
from app.engine.projection.rollup import AnyReadModel, Rollup


class Step(StrEnum):
    BEGIN = "begin"
    """Empty tables; what a killed rebuild left behind is dropped."""
    FILL = "fill"
    """All that the streams from $1 to $2 have, as of $4."""
    READ = "read"
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
    DISMISS = "dismiss"
    """Have the server call off its own vacuuming of what is to be dropped: it does so for whoever waits a second. The
    lock waited for keeps out neither readers nor writers."""
    ADD_UP = "add_up"
    """What is made from the folded documents; again, as far as that has changed. Rows that stay as they are are seen by
    older snapshots, too."""
    SWAP = "swap"
    DISCARD = "discard"


def tables_of(read_model: AnyReadModel) -> list[Table]:
    """All that a rebuild puts in its place."""
    return rollup_tables(read_model) if issubclass(read_model, Rollup) else projection_tables(read_model)


def filled_tables(read_model: AnyReadModel) -> list[Table]:
    """Those with rows per stream: of a rollup its members, from which its documents are added up."""
    return tables_of(read_model)[1:] if issubclass(read_model, Rollup) else tables_of(read_model)


def steps_of(read_model: AnyReadModel) -> dict[Step, list[str]]:
    tables, filled = tables_of(read_model), filled_tables(read_model)
    steps = {
        Step.BEGIN: [*map(_drop, tables), *map(create_next, tables)],
        Step.FILL: [insert(read_model, SLICE)],
        Step.READ: [
            f"select count(*) from catalog.{table.next} where ctid >= format('(%s,0)', $1)::tid" for table in filled
        ],
        Step.INDEX: [statement for table in reversed(filled) for statement in index_next(table)],
        Step.KEY: [key_next(table) for table in filled],
        Step.ANALYZE: [f"analyze catalog.{table.next}" for table in reversed(filled)],
        Step.REFOLD: _refold(read_model),
        Step.DISMISS: [
            f"lock table {', '.join(f'catalog.{table.live}' for table in tables)} in share update exclusive mode"
        ],
        Step.ADD_UP: [],
        Step.SWAP: [statement for table in tables for statement in (vacuum_next(table), _swap(table))],
        Step.DISCARD: [*map(_drop, tables)],
    }
    if issubclass(read_model, Rollup):
        documents, members = tables
        added = adding_up(read_model, f"catalog.{members.next}")
        steps[Step.ADD_UP] = [ADD_UP.format(table=f"catalog.{documents.next}", added=added)]
        steps[Step.BEGIN] += [*index_next(documents), key_next(documents)]
        steps[Step.SWAP] = [*steps[Step.ADD_UP], f"analyze catalog.{documents.next}", *steps[Step.SWAP]]
    return steps


def rebuild_steps(read_models: Sequence[AnyReadModel]) -> str:
    """The SQL that puts all steps into their table."""
    rows = [
        f"({literal(read_model.name)}, {literal(step)}, {place}, {in_dollars(statement, 'step')})"
        for read_model in read_models
        for step, statements in steps_of(read_model).items()
        for place, statement in enumerate(statements)
    ]
    if not rows:
        return "delete from catalog.rebuild_steps;\n"
    values = ",\n".join(rows)
    return (
        "delete from catalog.rebuild_steps;\n"
        f"insert into catalog.rebuild_steps (read_model, step, place, statement) values\n{values};\n"
    )


SETTLED = "position <= $4 and position <> all ($5)"
SLICE = f"stream_id between $1 and $2 and {SETTLED}"
TOUCHED = f"stream_id = any ($3) and {SETTLED}"


def insert(read_model: AnyReadModel, where: str) -> str:
    """The statement that folds the streams of `where` into the new tables.

    `offset 0` has Postgres make each document once, not once for each field that is taken from it.
    """
    if issubclass(read_model, Rollup):
        return (
            f"insert into catalog.{filled_tables(read_model)[0].next} (id, key, part)\n"
            f"select id, {member_columns(read_model)}\n"
            f"from (\n{fold_query(read_model.of, where)}\noffset 0\n) as folded (id, version, valid_from, document)"
        )
    if len(tables_of(read_model)) == 1:
        (table,) = tables_of(read_model)
        return f"insert into catalog.{table.next} (id, version, valid_from, document)\n{fold_query(read_model, where)}"
    return fill_next(read_model, versions_query(read_model, where))


def _refold(read_model: AnyReadModel) -> list[str]:
    filled = filled_tables(read_model)
    if not issubclass(read_model, Rollup) and len(filled) > 1:
        return [follow_next(read_model, versions_query(read_model, TOUCHED))]
    deleted = [f"delete from catalog.{table.next} where id = any ($3)" for table in filled]
    return [*deleted, insert(read_model, TOUCHED)]


def _drop(table: Table) -> str:
    return f"drop table if exists catalog.{table.next}"


def _swap(table: Table) -> str:
    return f"select catalog.swap_in({literal(table.name)}, {literal(table.live)}, {literal(table.next)})"


ADD_UP = """\
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
    created = "".join(map(create, tables_of(read_model)))
    installed = [line for line in created.splitlines() if not line.startswith("comment on")]
    added = adding_up(read_model, "members") if issubclass(read_model, Rollup) else ""
    parts = [insert(read_model, SLICE), added, *installed, str(read_model.version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
