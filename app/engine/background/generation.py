"""A new generation of a read model, built beside the serving one and put in its place (a blue/green rebuild).

Both kinds of read model are built alike. Whole streams are folded in slices, as of a settled position. Streams that
changed meanwhile are folded again. One short transaction folds the last changes and swaps. A reader never misses a
document and never sees an older one. An inline projection is swapped behind the closed append gate; a rollup is
swapped while its checkpoint is locked.
"""

from collections.abc import Sequence

from psycopg import AsyncConnection

from app.engine.background.rebuild_status import ENDED_EARLY
from app.engine.compiler.rebuild_steps import RebuildStep, filled_tables, read_model_tables, statements_by_step
from app.engine.postgres.advisory_locks import rebuild_lock_key, try_lock
from app.engine.projection.rollup import AnyReadModel


class Generation:
    """The next generation of all tables of one inline projection."""

    lock_waits_milliseconds = 250
    """How long `close_append_gate` and `lock_for_swap` may wait; writers wait behind them."""

    def __init__(self, read_model: AnyReadModel) -> None:
        self.name = read_model.name
        self.steps = statements_by_step(read_model)
        self.filled = [table.next for table in filled_tables(read_model)]
        self.served = [name for table in read_model_tables(read_model) for name in (table.name, table.live)]
        """The serving tables and partitions."""
        self.skipped: list[int] = []
        """The positions of the events that an operator has skipped; only async projections have any."""

    async def run_step(
        self,
        connection: AsyncConnection,
        step: RebuildStep,
        statement: int | None = None,
        *,
        between: tuple[int, int | None] = (0, None),
        streams: list[int] | None = None,
        position: int | None = None,
    ) -> None:
        """Run a step, or one of its statements, for the streams `between` two ids or for the given `streams`."""
        given = (self.name, step, statement, *between, streams, position, self.skipped)
        await connection.execute(REBUILD_STEP, given)

    async def read_skipped(self, connection: AsyncConnection) -> None:
        row = await (await connection.execute("select catalog.skipped_events(%s)", (self.name,))).fetchone()
        assert row is not None, "a function answers with one row"
        (self.skipped,) = row

    async def fill(self, connection: AsyncConnection, first: int, last: int, position: int) -> None:
        """Fold the streams from `first` to `last` into the new tables, as of `position`."""
        ends = await (await connection.execute(PAGE_COUNTS, (self.filled,))).fetchall()
        await self.run_step(connection, RebuildStep.FILL, between=(first, last), position=position)
        for place, (end,) in enumerate(ends):
            await self.run_step(connection, RebuildStep.SET_HINT_BITS, place, between=(end, None))

    async def cancel_autovacuum(self, connection: AsyncConnection) -> None:
        """Cancel an autovacuum of the serving tables. Raises LockNotAvailable if another transaction holds the lock."""
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '3s'")
            await self.run_step(connection, RebuildStep.CANCEL_AUTOVACUUM)

    async def close_append_gate(self, connection: AsyncConnection) -> bool:
        """Block appends until `open_append_gate`. False for a rollup, which can only be locked in a transaction.

        The server ends the session of a rebuild that is silent for ten seconds, which opens the gate.
        """
        waits = f"{self.lock_waits_milliseconds}ms"
        await connection.execute(SET_GATE_TIMEOUTS, (waits, "10s"))
        await connection.execute("select pg_advisory_lock(catalog.append_gate())")
        return True

    async def open_append_gate(self, connection: AsyncConnection) -> None:
        await connection.execute("select pg_advisory_unlock(catalog.append_gate())")
        await connection.execute(SET_GATE_TIMEOUTS, ("0", "0"))

    async def lock_for_swap(self, connection: AsyncConnection) -> int:
        """Block changes until the transaction ends; return the position that the new generation must be as of."""
        await connection.execute("select pg_advisory_xact_lock(catalog.append_gate())")
        return await newest_event(connection)

    async def blocking_transactions(self, connection: AsyncConnection) -> set[str]:
        """The transactions that a swap would now have to wait for."""
        return await _fetch_texts(connection, TABLE_AND_GATE_HOLDERS, self.served)


class RollupGeneration(Generation):
    """The next generation of a rollup: first its members, and from them its documents."""

    lock_waits_milliseconds = 10_000

    async def close_append_gate(self, connection: AsyncConnection) -> bool:
        return False

    async def lock_for_swap(self, connection: AsyncConnection) -> int:
        row = await (await connection.execute("select catalog.lock_checkpoint(%s)", (self.name,))).fetchone()
        assert row not in (None, (None,)), "a rollup is registered before it is rebuilt"
        return int(row[0])

    async def blocking_transactions(self, connection: AsyncConnection) -> set[str]:
        return await _fetch_texts(connection, TABLE_HOLDERS, self.served)


async def newest_event(connection: AsyncConnection) -> int:
    """The position of the newest committed event; 0 for a log without events."""
    row = await (await connection.execute("select coalesce(max(position), 0) from catalog.events")).fetchone()
    assert row is not None, "an aggregate answers with one row"
    return int(row[0])


def generation_of(read_model: AnyReadModel) -> Generation:
    return (RollupGeneration if read_model.is_async() else Generation)(read_model)


REBUILD_STEP = "select catalog.rebuild_step(%s, %s, %s, %s, %s, %s, %s, %s)"

PAGE_COUNTS = """
select pg_relation_size(format('catalog.%%I', name)::regclass) / current_setting('block_size')::integer
from unnest(%s::text[]) with ordinality as filled (name, place)
order by place
"""
"""The number of pages of each table."""

SET_GATE_TIMEOUTS = "select set_config('lock_timeout', %s, false), set_config('idle_session_timeout', %s, false)"
TABLE_HOLDERS = "select catalog.table_holders(%s)"
TABLE_AND_GATE_HOLDERS = f"{TABLE_HOLDERS} union select catalog.gate_holders()"


async def _fetch_texts(connection: AsyncConnection, query: str, tables: list[str]) -> set[str]:
    return {text for (text,) in await (await connection.execute(query.encode(), (tables,))).fetchall()}


async def clean_up_killed_rebuilds(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> None:
    """Drop the tables and the progress that killed rebuilds have left."""
    for read_model in read_models:
        if await _has_leftovers(connection, read_model) and await try_lock(
            connection, rebuild_lock_key(read_model.name)
        ):
            await abandon_rebuild(connection, read_model, ENDED_EARLY)


async def _has_leftovers(connection: AsyncConnection, read_model: AnyReadModel) -> bool:
    """Whether there are tables or progress of a rebuild, running or killed."""
    names = [f"catalog.{table.next}" for table in read_model_tables(read_model)]
    cursor = await connection.execute(HAS_LEFTOVERS, (names, read_model.name))
    return await cursor.fetchone() == (True,)


HAS_LEFTOVERS = """
select exists (select from unnest(%s::text[]) as name where to_regclass(name) is not null)
    or exists (select from catalog.projections where name = %s and rebuild is not null)
"""


async def abandon_rebuild(connection: AsyncConnection, read_model: AnyReadModel, why: str) -> None:
    """Drop an unfinished rebuild, store why it failed, and release its lock, which this connection holds."""
    await generation_of(read_model).run_step(connection, RebuildStep.DROP)
    await connection.execute("select catalog.record_rebuild_failure(%s, %s)", (read_model.name, why))
    await connection.execute("select pg_advisory_unlock(%s)", (rebuild_lock_key(read_model.name),))
