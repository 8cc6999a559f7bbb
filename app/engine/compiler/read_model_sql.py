"""The SQL by which a rebuild fills the new tables of a read model: one class for each kind of read model."""

from abc import ABC, abstractmethod

from app.engine.compiler.document_fills import fill_next_partition, refresh_next_partition
from app.engine.compiler.document_tables import projection_tables
from app.engine.compiler.fold import fold_query
from app.engine.compiler.rollups import aggregate_query, member_columns, rollup_tables
from app.engine.compiler.tables import Table
from app.engine.compiler.versions import versions_query
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyReadModel, AnyRollup, Rollup


class ReadModelSql(ABC):
    """What a rebuild needs to know of a read model. A `where` selects events of catalog.log."""

    tables: list[Table]
    """All tables that a rebuild replaces."""
    filled: list[Table]
    """The tables that are filled from the events, with rows for each stream."""

    @property
    def aggregated(self) -> list[Table]:
        """The tables that are filled from other tables, once those are complete."""
        return [table for table in self.tables if table not in self.filled]

    @abstractmethod
    def fill(self, where: str) -> str:
        """The statement that folds the selected events into the new tables."""

    def refill(self, where: str) -> list[str]:
        """Statements that fold the selected events of the streams $3 again, into tables that hold those streams."""
        deleted = [f"delete from catalog.{table.next} where id = any ($3)" for table in self.filled]
        return [*deleted, self.fill(where)]

    def aggregate(self, members: str) -> str:
        """A query for the rows of the aggregated table over the relation `members`; empty if there is no such table."""
        return ""


class ProjectionSql(ReadModelSql):
    """A projection of which only the current documents are stored."""

    def __init__(self, projection: AnyProjection) -> None:
        self._projection = projection
        self.tables = self.filled = projection_tables(projection)

    def fill(self, where: str) -> str:
        (table,) = self.tables
        return f"insert into catalog.{table.next} (id, version, valid_from, document)\n" + fold_query(
            self._projection, where
        )


class VersionedProjectionSql(ProjectionSql):
    """A projection with tables that depend on all versions of its documents: a history, or what searches find."""

    def fill(self, where: str) -> str:
        return fill_next_partition(self._projection, versions_query(self._projection, where))

    def refill(self, where: str) -> list[str]:
        return [refresh_next_partition(self._projection, versions_query(self._projection, where))]


class RollupSql(ReadModelSql):
    """A rollup: its members are filled, and its documents are aggregated from the members."""

    def __init__(self, rollup: AnyRollup) -> None:
        self._rollup = rollup
        self.tables = rollup_tables(rollup)
        self.filled = self.tables[1:]

    def fill(self, where: str) -> str:
        """`offset 0` has Postgres make each document once, not once for each field that is taken from it."""
        (members,) = self.filled
        return (
            f"insert into catalog.{members.next} (id, key, part)\n"
            f"select id, {member_columns(self._rollup)}\n"
            f"from (\n{fold_query(self._rollup.of, where)}\noffset 0\n) as folded (id, version, valid_from, document)"
        )

    def aggregate(self, members: str) -> str:
        return aggregate_query(self._rollup, members)


def sql_of(read_model: AnyReadModel) -> ReadModelSql:
    """The only place of the compiler that asks which kind a read model is."""
    if issubclass(read_model, Rollup):
        return RollupSql(read_model)
    has_versions = len(projection_tables(read_model)) > 1
    return (VersionedProjectionSql if has_versions else ProjectionSql)(read_model)
