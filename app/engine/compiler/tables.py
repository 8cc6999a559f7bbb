"""Compiles a table of a read model: its key, its indexes, and its only partition, which holds all rows.

A rebuild fills a second partition and swaps it in. The table itself stays, with the views, privileges and prepared
statements that depend on it.
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
    """The rest of its definition, after the type."""
    is_generated: bool = False
    """Whether Postgres computes it from the other columns."""

    @property
    def quoted(self) -> str:
        return quoted_identifier(self.name)


class TableIndex(Struct, frozen=True):
    label: str
    """The index's name is the table's name followed by this."""
    keys: str
    serves: str
    """The query that the index is for; its COMMENT."""


class Table(Struct, frozen=True, kw_only=True):
    """A table of documents, or one derived from them."""

    name: str
    about: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...]
    """Its primary key; the first of these columns is the partition key."""
    indexes: tuple[TableIndex, ...] = ()
    fillfactor: int = 100

    @property
    def quoted(self) -> str:
        """Its name as a reference to its rows."""
        return quoted_identifier(self.name)

    @property
    def live(self) -> str:
        """The partition that queries read."""
        return self.name + LIVE_SUFFIX

    @property
    def next(self) -> str:
        """The partition that a rebuild fills."""
        return self.name + NEXT_SUFFIX


def create_table(table: Table) -> str:
    """Create the table, its only partition, its indexes and their comments; a second run changes nothing."""
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
    """Create an empty partition beside the live one, without key or indexes.

    Autovacuum is off until the swap, because a vacuum would delay its indexes and the swap.
    """
    return (
        f"create table catalog.{table.next}\n"
        f"(like catalog.{table.name} including all excluding indexes excluding comments)"
        f"{_storage(table, 'autovacuum_enabled = off')};\n"
        + comment(f"table catalog.{table.next}", f"All rows of {table.name} to be, while a rebuild is under way.")
    )


def index_next_partition(table: Table) -> list[str]:
    """A statement for each index, that of the key first: indexes can be built at once, primary keys cannot."""
    key = f"create unique index {table.next}_pkey on catalog.{table.next} ({', '.join(table.key)})"
    return [key] + [
        f"create index {quoted_identifier(table.next + index.label)} on catalog.{table.next} {index.keys}"
        for index in table.indexes
    ]


def key_next_partition(table: Table) -> str:
    """Make the primary key of the index that `index_next_partition` has built for it."""
    return f"alter table catalog.{table.next} add primary key using index {table.next}_pkey"


def vacuum_next_partition(table: Table) -> str:
    """Turn autovacuum on again."""
    return f"alter table catalog.{table.next} reset (autovacuum_enabled)"


def _storage(table: Table, *parameters: str) -> str:
    if table.fillfactor != 100:
        parameters = (f"fillfactor = {table.fillfactor}", *parameters)
    return f" with ({', '.join(parameters)})" if parameters else ""
