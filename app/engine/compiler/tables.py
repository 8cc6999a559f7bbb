"""The tables of a read model: each with its key, its indexes, and one partition, which holds all rows.

A rebuild fills another partition beside it and puts that in its place. What others have made over the table itself
stays: views, privileges, prepared statements.
"""

from msgspec import Struct

from app.engine.compiler.sql_text import comment
from app.engine.postgres.identifiers import quoted_identifier

LIVE_SUFFIX = "_live"
NEXT_SUFFIX = "_next"


class TableColumn(Struct, frozen=True):
    name: str
    type: str
    about: str
    rest: str = "not null"
    """What its definition says after the type."""
    is_generated: bool = False
    """Whether it follows from the others."""

    @property
    def quoted(self) -> str:
        return quoted_identifier(self.name)


class TableIndex(Struct, frozen=True):
    label: str
    """Its name is the table's with this."""
    keys: str
    serves: str
    """The query it is for: its COMMENT."""


class Table(Struct, frozen=True, kw_only=True):
    """A table of documents, or of something found by them."""

    name: str
    about: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    """Its primary key; by the first of these the rows belong to their only partition."""
    indexes: tuple[TableIndex, ...] = ()
    fillfactor: int = 100

    @property
    def quoted(self) -> str:
        """Its name where it stands for its rows."""
        return quoted_identifier(self.name)

    @property
    def live(self) -> str:
        """The partition that serves."""
        return self.name + LIVE_SUFFIX

    @property
    def next(self) -> str:
        """The partition that a rebuild fills."""
        return self.name + NEXT_SUFFIX


def create_table(table: Table) -> str:
    """The table, its only partition, its indexes, and what they are for. Again changes nothing."""
    columns = [f"    {column.quoted} {column.type} {column.rest}," for column in table.columns]
    lines = [
        f"create table if not exists catalog.{table.name} (",
        *columns,
        f"    primary key ({', '.join(table.key)})",
        f") partition by range ({table.key[0]});",
        f"create table if not exists catalog.{table.live} partition of catalog.{table.name}",
        f"for values from (minvalue) to (maxvalue){_storage(table)};",
        comment(f"table catalog.{table.name}", table.about),
        comment(f"table catalog.{table.live}", f"All rows of {table.name}; a rebuild puts another in its place."),
        *(comment(f"column catalog.{table.name}.{column.quoted}", column.about) for column in table.columns),
    ]
    for index in table.indexes:
        lines += [
            f"create index if not exists {quoted_identifier(table.name + index.label)}",
            f"on catalog.{table.name} {index.keys};",
            comment(f"index catalog.{quoted_identifier(table.name + index.label)}", index.serves),
        ]
    return "\n".join(lines) + "\n"


def create_next_partition(table: Table) -> str:
    """An empty partition, beside the one that serves, without key or indexes.

    The server vacuums it once it serves: before, that would keep its indexes and the swap waiting.
    """
    return (
        f"create table catalog.{table.next}\n"
        f"(like catalog.{table.name} including all excluding indexes excluding comments)"
        f"{_storage(table, 'autovacuum_enabled = off')};\n"
        + comment(f"table catalog.{table.next}", f"All rows of {table.name} to be, while a rebuild is under way.")
    )


def index_next_partition(table: Table) -> list[str]:
    """A statement for each index, that of the key first, so that several can be made at once: a key is made alone."""
    key = f"create unique index {table.next}_pkey on catalog.{table.next} ({', '.join(table.key)})"
    return [key] + [
        f"create index {quoted_identifier(table.next + index.label)} on catalog.{table.next} {index.keys}"
        for index in table.indexes
    ]


def key_next_partition(table: Table) -> str:
    """The key, of the index that `index_next_partition` has made for it."""
    return f"alter table catalog.{table.next} add primary key using index {table.next}_pkey"


def vacuum_next_partition(table: Table) -> str:
    """Leaves vacuuming it to the server again."""
    return f"alter table catalog.{table.next} reset (autovacuum_enabled)"


def _storage(table: Table, *parameters: str) -> str:
    if table.fillfactor != 100:
        parameters = (f"fillfactor = {table.fillfactor}", *parameters)
    return f" with ({', '.join(parameters)})" if parameters else ""
