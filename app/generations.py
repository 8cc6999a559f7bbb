"""A new generation of a read model, built beside the one that serves and put in its place.

Both kinds of read model build alike: whole streams are folded in slices, as of a settled position; then whatever has
changed since is folded again; then, in one short transaction, the last of it, and the swap. What readers see is never
missing and never older. An inline projection is swapped behind the closed append gate; a rollup while its checkpoint
is locked.
"""

import hashlib
from collections.abc import Callable

from psycopg import AsyncConnection, sql

from app.document_sql import fill_next, follow_next
from app.document_tables import tables_of
from app.fold_sql import AnyProjection, fold_query
from app.rollup import Rollup
from app.rollup_sql import AnyRollup, adding_up, member_columns
from app.rollup_sql import tables_of as rollup_tables
from app.table_sql import Table, create, create_next, index_next, key_next, vacuum_next
from app.versions_sql import versions_query

AnyReadModel = AnyProjection | AnyRollup

SETTLED = "position <= %(position)s and position <> all (%(skipped)s::bigint[])"
SLICE = f"stream_id between %(first)s and %(last)s and {SETTLED}"
TOUCHED = f"stream_id = any (%(streams)s) and {SETTLED}"


class Generation:
    """The next generation of one inline projection's documents, and of what stands beside them."""

    def __init__(self, projection: AnyProjection) -> None:
        self.projection = projection
        self.name = projection.name
        self.tables = tables_of(projection)
        self.skipped: list[int] = []
        """The positions that an operator wants left out; only background projections have any."""
        self.lock_waits_milliseconds = 250
        """How long `quieten` and `lock` may wait, and all writers behind them."""

    async def begin(self, connection: AsyncConnection) -> None:
        """Empty tables; what a killed rebuild left behind is dropped."""
        await self.discard(connection)
        for table in self.tables:
            await connection.execute(_sql(create_next(table)))

    async def discard(self, connection: AsyncConnection) -> None:
        for table in self.tables:
            await connection.execute(sql.SQL("drop table if exists {}").format(_table(table.next)))

    async def fill(self, connection: AsyncConnection, first: int, last: int, position: int) -> None:
        """All that the streams from `first` to `last` have, as of `position`."""
        given = {"first": first, "last": last, "position": position, "skipped": self.skipped}
        ends = await self._ends(connection)
        await connection.execute(_sql(self.insert(SLICE)), given)
        for name, end in ends:
            await connection.execute(READ_FROM.format(_table(name), sql.Literal(f"({end},0)")))

    async def _ends(self, connection: AsyncConnection) -> list[tuple[str, int]]:
        """How many pages each table has."""
        return await (await connection.execute(ENDS, ([table.next for table in self.filled],))).fetchall()

    def indexing(self) -> list[str]:
        """Once it is filled, before anything is folded again: statements that need not wait for each other.

        Those that take long come first, so that nobody is left with one of them at the end.
        """
        return [statement for table in reversed(self.filled) for statement in index_next(table)]

    async def key(self, connection: AsyncConnection) -> None:
        for table in self.filled:
            await connection.execute(_sql(key_next(table)))

    def analyzing(self) -> list[str]:
        """The same for the statistics."""
        return [f"analyze catalog.{table.next}" for table in reversed(self.filled)]

    async def refold(self, connection: AsyncConnection, streams: list[int], position: int) -> None:
        """All that these streams have again, as of a later position."""
        given = {"streams": streams, "position": position, "skipped": self.skipped}
        if len(self.filled) > 1:
            followed = follow_next(self.projection, _folding(versions_query, self.projection, TOUCHED))
            await connection.execute(_sql(followed), given)
            return
        for table in self.filled:
            delete = sql.SQL("delete from {} where id = any (%(streams)s)").format(_table(table.next))
            await connection.execute(delete, given)
        await connection.execute(_sql(self.insert(TOUCHED)), given)

    async def dismiss_vacuum(self, connection: AsyncConnection) -> None:
        """Have the server call off its own vacuuming of what is to be dropped: it does so for whoever waits a second.

        The lock waited for keeps out neither readers nor writers. Raises LockNotAvailable if it is somebody else's.
        """
        live = sql.SQL(", ").join(_table(table.live) for table in self.tables)
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '3s'")
            await connection.execute(sql.SQL("lock table {} in share update exclusive mode").format(live))

    async def quieten(self, connection: AsyncConnection) -> bool:
        """Nothing is appended from now on, until `resume`; False for what cannot be kept quiet but in a transaction.

        A rebuild that falls silent meanwhile is thrown out by the server.
        """
        waits = f"{self.lock_waits_milliseconds}ms"
        await connection.execute(QUIET_SESSION, (waits, "10s"))
        await connection.execute("select pg_advisory_lock(catalog.append_gate())")
        return True

    async def resume(self, connection: AsyncConnection) -> None:
        await connection.execute("select pg_advisory_unlock(catalog.append_gate())")
        await connection.execute(QUIET_SESSION, ("0", "0"))

    async def lock(self, connection: AsyncConnection) -> int:
        """Nothing changes from now until the transaction ends; the position that the swapped-in generation is of."""
        await connection.execute("select pg_advisory_xact_lock(catalog.append_gate())")
        row = await (await connection.execute("select coalesce(max(position), 0) from catalog.events")).fetchone()
        assert row is not None
        return int(row[0])

    async def holders(self, connection: AsyncConnection) -> set[str]:
        """The transactions that a swap would have to wait for just now."""
        return await _texts(connection, HOLDERS_AND_WRITERS, self.served)

    async def add_up(self, connection: AsyncConnection) -> None:
        """Write what is made from the folded documents; again, as far as that has changed."""

    async def swap(self, connection: AsyncConnection) -> None:
        for table in self.tables:
            await connection.execute(_sql(vacuum_next(table)))
            await connection.execute("select catalog.swap_in(%s, %s, %s)", (table.name, table.live, table.next))

    @property
    def served(self) -> list[str]:
        """The tables and partitions that serve meanwhile."""
        return [name for table in self.tables for name in (table.name, table.live)]

    @property
    def filled(self) -> list[Table]:
        """The tables with rows per stream."""
        return self.tables

    def insert(self, where: str) -> str:
        """The statement that folds the streams of `where` into the new tables; percent signs doubled for psycopg."""
        if len(self.tables) == 1:
            query = _folding(fold_query, self.projection, where)
            return f"insert into catalog.{self.tables[0].next} (id, version, valid_from, document)\n{query}"
        return fill_next(self.projection, _folding(versions_query, self.projection, where))


class RollupGeneration(Generation):
    """The next generation of a rollup: its members first, its documents added up from them at the end."""

    def __init__(self, rollup: AnyRollup) -> None:
        self.rollup = rollup
        self.name = rollup.name
        self.documents, self.members = self.tables = rollup_tables(rollup)
        self.skipped = []
        self.lock_waits_milliseconds = 10_000

    async def begin(self, connection: AsyncConnection) -> None:
        await super().begin(connection)
        for statement in (*index_next(self.documents), key_next(self.documents)):
            await connection.execute(_sql(statement))

    async def quieten(self, connection: AsyncConnection) -> bool:
        return False

    async def lock(self, connection: AsyncConnection) -> int:
        query = "select position from catalog.projections where name = %s for update"
        row = await (await connection.execute(query, (self.name,))).fetchone()
        assert row is not None, "a projection that is rebuilt is registered"
        return int(row[0])

    async def holders(self, connection: AsyncConnection) -> set[str]:
        return await _texts(connection, HOLDERS, self.served)

    async def add_up(self, connection: AsyncConnection) -> None:
        """Rows that stay as they are are seen by older snapshots, too."""
        added = adding_up(self.rollup, f"catalog.{self.members.next}")
        await connection.execute(_sql(ADD_UP.format(table=f"catalog.{self.documents.next}", added=added)))

    async def swap(self, connection: AsyncConnection) -> None:
        await self.add_up(connection)
        await connection.execute(sql.SQL("analyze {}").format(_table(self.documents.next)))
        await super().swap(connection)

    @property
    def filled(self) -> list[Table]:
        return [self.members]

    def insert(self, where: str) -> str:
        """`offset 0` has Postgres make each document once, not once for each field that is taken from it."""
        folded = _folding(fold_query, self.rollup.of, where)
        return (
            f"insert into catalog.{self.members.next} (id, key, part)\n"
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

ENDS = """
select name, pg_relation_size(format('catalog.%%I', name)::regclass) / current_setting('block_size')::integer
from unnest(%s::text[]) as name
"""
READ_FROM = sql.SQL("select count(*) from {} where ctid >= {}")
"""Whoever reads rows first notes on their page that they are committed. If there has been a checkpoint since they were
written, that costs the whole page in the write-ahead log, so it is done at once."""

QUIET_SESSION = "select set_config('lock_timeout', %s, false), set_config('idle_session_timeout', %s, false)"
HOLDERS = "select catalog.table_holders(%s)"
HOLDERS_AND_WRITERS = f"{HOLDERS} union select catalog.gate_holders()"


async def _texts(connection: AsyncConnection, query: str, tables: list[str]) -> set[str]:
    return {text for (text,) in await (await connection.execute(_sql(query), (tables,))).fetchall()}


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("catalog", name)


def _sql(text: str) -> sql.SQL:
    """SQL that the compiler made from the read model's own names; no input is in it."""
    return sql.SQL(text)


def _folding(query: Callable[[AnyProjection, str], str], projection: AnyProjection, where: str) -> str:
    """A fold of the events that `where` selects, by parameters; a percent sign in a constant stays one."""
    here = "@where@"
    return query(projection, here).replace("%", "%%").replace(here, where)


def fingerprint(read_model: AnyReadModel) -> str:
    """SHA-256 of what the documents of a read model and their tables depend on: fold, columns, indexes, version."""
    generation = generation_of(read_model)
    created = "".join(map(create, generation.tables))
    installed = [line for line in created.splitlines() if not line.startswith("comment on")]
    parts = [generation.insert(SLICE), adding_up_of(read_model), *installed, str(read_model.version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def adding_up_of(read_model: AnyReadModel) -> str:
    return adding_up(read_model, "members") if issubclass(read_model, Rollup) else ""
