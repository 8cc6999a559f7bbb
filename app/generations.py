"""A new generation of a read model, built beside the one that serves and swapped in by rename.

Both kinds of read model build alike: whole streams are folded in slices, as of a settled position; then whatever has
changed since is folded again; then, in one short transaction, the last of it, and the swap. What readers see is never
missing and never older. An inline projection is swapped behind the closed append gate; a rollup while its checkpoint
is locked.
"""

import hashlib

from psycopg import AsyncConnection, sql

from app.document_sql import indexes, table
from app.fold_sql import AnyProjection, fold_query
from app.rollup import Rollup
from app.rollup_sql import AnyRollup, adding_up, member_columns, member_index, tables

NEXT = "_next"
AnyReadModel = AnyProjection | AnyRollup

SETTLED = "position <= %(position)s and position <> all (%(skipped)s::bigint[])"
SLICE = f"stream_id between %(first)s and %(last)s and {SETTLED}"
TOUCHED = f"stream_id = any (%(streams)s) and {SETTLED}"


class Generation:
    """The next generation of one inline projection's documents."""

    def __init__(self, projection: AnyProjection) -> None:
        self.projection = projection
        self.name = projection.name
        self.tables = {f"{self.name}{NEXT}": self.name}
        """What each table is called until it is swapped in, and then."""
        self.skipped: list[int] = []
        """The positions that an operator wants left out; only background projections have any."""
        self.lock_waits_milliseconds = 250
        """How long `lock` may wait, and all writers behind it."""

    async def begin(self, connection: AsyncConnection) -> None:
        """Empty tables; what a killed rebuild left behind is dropped."""
        await self.discard(connection)
        await connection.execute(_sql(self.create()))

    async def discard(self, connection: AsyncConnection) -> None:
        for name in self.tables:
            await connection.execute(sql.SQL("drop table if exists {}").format(_table(name)))

    async def fill(self, connection: AsyncConnection, first: int, last: int, position: int) -> None:
        """The documents of the streams from `first` to `last`, as of `position`."""
        given = {"first": first, "last": last, "position": position, "skipped": self.skipped}
        await connection.execute(_sql(self.insert(SLICE)), given)

    async def complete(self, connection: AsyncConnection) -> None:
        """After the slices, before anything is folded again."""
        await connection.execute(_sql(indexes(self.projection, NEXT)))
        await connection.execute(sql.SQL("analyze {}").format(_table(self.filled)))

    async def refold(self, connection: AsyncConnection, streams: list[int], position: int) -> None:
        """The documents of these streams again, as of a later position."""
        given = {"streams": streams, "position": position, "skipped": self.skipped}
        delete = sql.SQL("delete from {} where id = any (%(streams)s)").format(_table(self.filled))
        await connection.execute(delete, given)
        await connection.execute(_sql(self.insert(TOUCHED)), given)

    async def lock(self, connection: AsyncConnection) -> int:
        """Nothing changes from now until the transaction ends; the position that the swapped-in generation is of."""
        await connection.execute("select pg_advisory_xact_lock(catalog.append_gate())")
        row = await (await connection.execute("select coalesce(max(position), 0) from catalog.events")).fetchone()
        assert row is not None
        return int(row[0])

    async def holders(self, connection: AsyncConnection) -> set[str]:
        """The transactions that a swap would have to wait for just now."""
        return await _texts(connection, HOLDERS_AND_WRITERS, list(self.tables.values()))

    async def add_up(self, connection: AsyncConnection) -> None:
        """Write what is made from the folded documents; again, as far as that has changed."""

    async def swap(self, connection: AsyncConnection) -> None:
        for next_name, name in self.tables.items():
            await connection.execute("select catalog.swap_in(%s, %s)", (name, next_name))

    def create(self) -> str:
        return table(self.projection, NEXT)

    @property
    def filled(self) -> str:
        """The table with a row per stream."""
        return self.name + NEXT

    def insert(self, where: str) -> str:
        """The statement that folds the streams of `where` into the new table; percent signs doubled for psycopg."""
        query = _folding(self.projection, where)
        return f"insert into catalog.{self.name}{NEXT} (id, version, valid_from, document)\n{query}"


class RollupGeneration(Generation):
    """The next generation of a rollup: its members first, its documents added up from them at the end."""

    def __init__(self, rollup: AnyRollup) -> None:
        self.rollup = rollup
        self.name = rollup.name
        self.tables = {f"{self.name}{NEXT}": self.name, f"{self.name}{NEXT}_members": f"{self.name}_members"}
        self.skipped = []
        self.lock_waits_milliseconds = 10_000

    async def complete(self, connection: AsyncConnection) -> None:
        await connection.execute(_sql(member_index(self.rollup, NEXT)))
        await connection.execute(sql.SQL("analyze {}").format(_table(self.filled)))

    async def lock(self, connection: AsyncConnection) -> int:
        query = "select position from catalog.projections where name = %s for update"
        row = await (await connection.execute(query, (self.name,))).fetchone()
        assert row is not None, "a projection that is rebuilt is registered"
        return int(row[0])

    async def holders(self, connection: AsyncConnection) -> set[str]:
        return await _texts(connection, HOLDERS, list(self.tables.values()))

    async def add_up(self, connection: AsyncConnection) -> None:
        """Rows that stay as they are are seen by older snapshots, too."""
        added = adding_up(self.rollup, f"catalog.{self.filled}")
        await connection.execute(_sql(ADD_UP.format(table=f"catalog.{self.name}{NEXT}", added=added)))

    async def swap(self, connection: AsyncConnection) -> None:
        await self.add_up(connection)
        await connection.execute(sql.SQL("analyze {}").format(_table(self.name + NEXT)))
        await super().swap(connection)

    def create(self) -> str:
        return tables(self.rollup, NEXT)

    @property
    def filled(self) -> str:
        return f"{self.name}{NEXT}_members"

    def insert(self, where: str) -> str:
        """`offset 0` has Postgres make each document once, not once for each field that is taken from it."""
        folded = _folding(self.rollup.of, where)
        return (
            f"insert into catalog.{self.name}{NEXT}_members (id, key, part)\n"
            f"select id, {member_columns(self.rollup)}\n"
            f"from (\n{folded}\noffset 0\n) as folded (id, version, valid_from, document)"
        )


def generation_of(read_model: AnyReadModel) -> Generation:
    return RollupGeneration(read_model) if issubclass(read_model, Rollup) else Generation(read_model)


ADD_UP = """
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
where stored.document <> excluded.document
"""

HOLDERS = "select catalog.table_holders(%s)"
HOLDERS_AND_WRITERS = f"{HOLDERS} union select catalog.gate_holders()"


async def _texts(connection: AsyncConnection, query: str, tables: list[str]) -> set[str]:
    return {text for (text,) in await (await connection.execute(_sql(query), (tables,))).fetchall()}


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("catalog", name)


def _sql(text: str) -> sql.SQL:
    """SQL that the compiler made from the read model's own names; no input is in it."""
    return sql.SQL(text)


def _folding(projection: AnyProjection, where: str) -> str:
    """The fold of the events that `where` selects, by parameters; a percent sign in a constant stays one."""
    here = "@where@"
    return fold_query(projection, here).replace("%", "%%").replace(here, where)


def fingerprint(read_model: AnyReadModel) -> str:
    """SHA-256 of what the documents of a read model and their tables depend on: fold, columns, indexes, version."""
    generation = generation_of(read_model)
    indexed = member_index(read_model) if issubclass(read_model, Rollup) else indexes(read_model)
    installed = [line for line in f"{generation.create()}{indexed}".splitlines() if not line.startswith("comment on")]
    parts = [generation.insert(SLICE), adding_up_of(read_model), *installed, str(read_model.version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def adding_up_of(read_model: AnyReadModel) -> str:
    return adding_up(read_model, "members") if issubclass(read_model, Rollup) else ""
