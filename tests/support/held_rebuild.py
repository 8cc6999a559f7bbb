"""Holds a rebuild in each of its phases, by locks on the table that it fills, until a test has done something there.

A rebuild writes to its new table in every phase. So it waits for a lock on this table. The test sees that in pg_locks,
does its part, and lets the statement pass. The next holder of the lock is queued behind the waiting statement, so no
later statement of the rebuild passes unseen.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from app.engine.background import rebuild_swap
from app.engine.background.generation import Generation, RollupGeneration
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress
from app.engine.compiler.rebuild_steps import filled_tables
from app.engine.postgres import connections
from app.engine.postgres.advisory_locks import MIGRATION_LOCK
from app.engine.projection.rollup import AnyReadModel
from tests.support.patience import until

FILLING = "the streams are folded"
INDEXING = "the new tables are indexed"
CATCHING_UP = "what changed is folded again"
WAITING = "older snapshots are waited for"
LAST_CATCH_UP = "what changed is folded again, for the last time before the swap"
SWAPPING = "the gate or the checkpoint is locked"
PHASES = (FILLING, INDEXING, CATCHING_UP, WAITING, LAST_CATCH_UP, SWAPPING)

LONG_ENOUGH_MILLISECONDS = 60_000
"""How long a swap may wait here, where it is held on purpose."""

QUEUED = """
select count(*)
from pg_locks
where relation = to_regclass(%s)
    and not granted
"""
WAITS_FOR_SNAPSHOTS = """
select exists (
    select from pg_stat_activity
    where datname = current_database()
        and pid <> pg_backend_pid()
        and query like '%%catalog.snapshot_holders()%%'
)
"""
WAITING_BATCHES = """
select count(*)
from pg_stat_activity
where datname = current_database()
    and wait_event_type = 'Lock'
    and query like '%%catch_up_%%'
"""
"""The batches of rollups that wait for a lock."""
HOLDS_LOCK = """
select exists (
    select from pg_locks
    where locktype = 'advisory'
        and granted
        and mode = %s
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32) + objid::bigint = %s
)
"""


class Turnstile:
    """A lock on a table that keeps every statement from writing to it, and lets them pass one at a time."""

    def __init__(self, connection: psycopg.Connection, table: str) -> None:
        self._observer = connection
        self._table = f"catalog.{table}"
        self._lock = sql.SQL("lock table {} in share row exclusive mode").format(sql.Identifier("catalog", table))
        self._holder: psycopg.Connection | None = None

    def close(self) -> None:
        self._holder = self._taken()

    def wait_for_a_statement(self) -> None:
        until(self.has_a_statement, "no statement came")

    def has_a_statement(self) -> bool:
        return self._queued() > 0

    def let_one_pass(self) -> None:
        """Let the waiting statement pass, and keep the next one from passing."""
        queued = self._queued()
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(self._taken)
            until(lambda: self._queued() > queued)
            self.open()
            self._holder = following.result()

    def open(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def _taken(self) -> psycopg.Connection:
        holder = psycopg.connect(self._observer.info.dsn)
        holder.execute(self._lock)
        return holder

    def _queued(self) -> int:
        (queued,) = self._observer.execute(QUEUED, (self._table,)).fetchone() or (0,)
        return int(queued)


@contextmanager
def patient_rebuilds() -> Iterator[None]:
    """A rebuild waits for its locks as long as a test holds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "ANSWER_SECONDS", connections.SLOW_ANSWER_SECONDS)
        patch.setattr(rebuild_swap, "SWAP_WAITS_MILLISECONDS", LONG_ENOUGH_MILLISECONDS)
        for generation in (Generation, RollupGeneration):
            patch.setattr(generation, "lock_waits_milliseconds", LONG_ENOUGH_MILLISECONDS)
        yield


def rebuild_held(
    connection: psycopg.Connection,
    read_model: AnyReadModel,
    do: Callable[[str], None],
    while_swapping: Callable[[Callable[[], None]], None],
) -> None:
    """Rebuild, and call `do` in each phase, and `while_swapping` in the last one with what continues the rebuild.

    Each call of `do` must append events, since the rebuild is held where it folds them.
    """
    conninfo, turnstile = connection.info.dsn, Turnstile(connection, filled_tables(read_model)[0].next)

    def tell(progress: RebuildProgress) -> None:
        if progress.done == 0 or progress.phase != "folding":
            turnstile.close()

    with patient_rebuilds(), psycopg.connect(conninfo) as snapshot, ThreadPoolExecutor(1) as pool:
        rebuilding = pool.submit(lambda: asyncio.run(rebuild(conninfo, read_model, tell)))
        try:
            for phase in (FILLING, INDEXING):
                turnstile.wait_for_a_statement()
                do(phase)
                if phase == INDEXING:
                    snapshot.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                    snapshot.execute("select count(*) from catalog.settled")
                turnstile.open()
            turnstile.wait_for_a_statement()
            do(CATCHING_UP)
            until(lambda: is_waiting_for_snapshots(connection, turnstile), "the rebuild does not wait for snapshots")
            do(WAITING)
            snapshot.rollback()
            turnstile.wait_for_a_statement()
            while not is_swapping(connection, read_model):
                do(LAST_CATCH_UP)
                turnstile.let_one_pass()
                turnstile.wait_for_a_statement()
            while_swapping(turnstile.open)
            rebuilding.result()
        finally:
            snapshot.rollback()
            turnstile.open()


def is_waiting_for_snapshots(connection: psycopg.Connection, turnstile: Turnstile) -> bool:
    """Whether it waits now; until then each of its rounds may pass, of which there are as many as are not small."""
    if turnstile.has_a_statement():
        turnstile.let_one_pass()
    return connection.execute(WAITS_FOR_SNAPSHOTS).fetchone() == (True,)


def is_swapping(connection: psycopg.Connection, read_model: AnyReadModel) -> bool:
    """Whether the append gate is closed, or for a rollup the transaction of the swap has begun."""
    (gate,) = connection.execute("select catalog.append_gate()").fetchone() or (0,)
    lock = ("ShareLock", MIGRATION_LOCK) if read_model.is_async() else ("ExclusiveLock", gate)
    return connection.execute(HOLDS_LOCK, lock).fetchone() == (True,)
