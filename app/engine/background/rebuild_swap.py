"""Swaps a filled generation in, so that no client waits long and no reader misses a document.

The swap waits until no long transaction holds the serving tables, catches up, waits for older snapshots, closes the
append gate, and swaps in one transaction. If it does not get a lock in time, it releases the others and retries.
"""

import asyncio
import time
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.types.json import Jsonb

from app.engine.background.generation import Generation, newest_event
from app.engine.background.rebuild_catch_up import (
    ROUNDS_MAX,
    catch_up_generation,
    refold_changed,
    refold_skipped,
)
from app.engine.background.rebuild_status import ProgressReporter, RebuildFailed
from app.engine.compiler.rebuild_steps import RebuildStep, fingerprint
from app.engine.postgres.advisory_locks import MIGRATION_LOCK
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.migrations import installed_release
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import GATE_POLL_SECONDS
from app.errors import Unavailable

HOLDER_POLL_SECONDS = 0.05
SWAP_WAITS_MILLISECONDS = 250
"""The longest that writers and readers wait behind a swap that itself waits for a lock. Then it retries."""
SWAP_PAUSES_SECONDS = (0.05, 5.0)
"""The pause after the first failed attempt, and the longest pause; each one is twice as long as the one before."""
SWAP_GIVE_UP_SECONDS = 600.0
"""The longest that a filled generation waits for long transactions on the old one, and for older snapshots."""
SHORT_WAIT_SECONDS = 1.0


class Swap:
    """The last phase of one rebuild."""

    def __init__(
        self,
        connection: WatchedConnection,
        read_model: AnyReadModel,
        generation: Generation,
        release: str | None,
        progress: ProgressReporter,
    ) -> None:
        self.milliseconds = 0.0
        """The longest attempt so far: writers, or for a rollup its catch-up, waited no longer."""
        self._connection = connection
        self._read_model = read_model
        self._generation = generation
        self._release = release
        self._progress = progress
        self._deadline = time.monotonic() + SWAP_GIVE_UP_SECONDS

    async def run(self, position: int) -> None:
        """Swap in a generation that is as of `position`. Raises Unavailable if no attempt succeeds in time."""
        pause = SWAP_PAUSES_SECONDS[0]
        while True:
            await self._wait_for_table_holders()
            position = await self._wait_for_old_snapshots(position)
            position = await catch_up_generation(self._connection, self._generation, position)
            if await self._try_to_swap(position):
                return
            self._check_deadline()
            await asyncio.sleep(pause)
            pause = min(pause * 2, SWAP_PAUSES_SECONDS[1])

    def _check_deadline(self) -> None:
        if time.monotonic() > self._deadline:
            raise Unavailable(
                f"The new {self._read_model.name} is built, but long transactions held the old one for"
                f" {SWAP_GIVE_UP_SECONDS:.0f} seconds. End them, then rebuild again."
            )

    async def _wait_for_table_holders(self) -> None:
        while await self._is_blocked():
            self._check_deadline()
            with suppress(errors.LockNotAvailable):
                await self._generation.cancel_autovacuum(self._connection)

    async def _is_blocked(self) -> bool:
        """Whether a transaction holds what the swap must lock: other clients would then wait behind both."""
        before = await self._generation.blocking_transactions(self._connection)
        await asyncio.sleep(HOLDER_POLL_SECONDS)
        return bool(before & await self._generation.blocking_transactions(self._connection))

    async def _wait_for_old_snapshots(self, position: int) -> int:
        """Catch up, and wait until no snapshot is older than the rows; return the position it is as of then.

        A snapshot does not contain rows that are younger than itself. So a report that began before the swap would
        find the new table empty. `create index concurrently` waits for the same reason. What was appended during a
        wait is caught up with, until a wait is short; after ROUNDS_MAX the length of a wait no longer matters.
        """
        for _ in range(ROUNDS_MAX):
            with self._connection.allow_slow_statements():
                position = await catch_up_generation(self._connection, self._generation, position)
                await self._generation.run_step(self._connection, RebuildStep.AGGREGATE)
            caught_up = time.monotonic()
            waiting_for = await _snapshot_holders(self._connection)
            while waiting_for:
                self._check_deadline()
                await asyncio.sleep(HOLDER_POLL_SECONDS)
                waiting_for &= await _snapshot_holders(self._connection)
            if time.monotonic() - caught_up < SHORT_WAIT_SECONDS:
                break
        return position

    async def _try_to_swap(self, position: int) -> bool:
        """Whether the generation was swapped in; False if a lock was not free, or a snapshot stayed, for too long."""
        started = time.monotonic()
        skipped = self._generation.skipped
        gate_closed = False
        try:
            gate_closed = await self._generation.close_append_gate(self._connection)
            if gate_closed and not await self._wait_for_snapshots_gate_closed(position):
                return False
            await self._swap_in_transaction(position, gate_closed, started)
            return True
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._generation.skipped = skipped
            return False
        finally:
            if gate_closed:
                with suppress(psycopg.Error):
                    await self._generation.open_append_gate(self._connection)
            self.milliseconds = max(self.milliseconds, (time.monotonic() - started) * 1000)

    async def _wait_for_snapshots_gate_closed(self, position: int) -> bool:
        """Refold the last events, and wait briefly until no snapshot is older; whether none is.

        An older statement that comes to the table only after the swap would not see the documents of these events.
        """
        upto = await newest_event(self._connection)
        await refold_changed(self._connection, self._generation, position, max(position, upto))
        deadline = time.monotonic() + SWAP_WAITS_MILLISECONDS / 1000
        waiting_for = await _snapshot_holders(self._connection)
        while waiting_for and time.monotonic() < deadline:
            await asyncio.sleep(GATE_POLL_SECONDS)
            waiting_for &= await _snapshot_holders(self._connection)
        return not waiting_for

    async def _swap_in_transaction(self, position: int, gate_closed: bool, started: float) -> None:
        """Raises LockNotAvailable or DeadlockDetected if another transaction is in the way."""
        connection, generation = self._connection, self._generation
        async with connection.transaction():
            await _set_lock_timeout(connection, generation.lock_waits_milliseconds)
            await connection.execute("select pg_advisory_xact_lock_shared(%s)", (MIGRATION_LOCK,))
            await check_release(connection, self._read_model, self._release)
            upto = max(position, await generation.lock_for_swap(connection))
            await _set_lock_timeout(connection, SWAP_WAITS_MILLISECONDS)
            if not gate_closed:
                await refold_changed(connection, generation, position, upto)
                await refold_skipped(connection, generation, upto)
            with connection.allow_slow_statements():
                await generation.run_step(connection, RebuildStep.SWAP)
            await self._record(upto, swap_seconds=time.monotonic() - started)

    async def _record(self, position: int, swap_seconds: float) -> None:
        read_model = self._read_model
        done = {
            "events": self._progress.events,
            "seconds": round(self._progress.seconds(), 3),
            "swap_milliseconds": round(max(self.milliseconds, swap_seconds * 1000), 3),
        }
        by = (read_model.version, fingerprint(read_model))
        await self._connection.execute(
            "select catalog.record_rebuild(%s, %s, %s, %s, %s)", (read_model.name, *by, position, Jsonb(done))
        )


async def check_release(connection: AsyncConnection, read_model: AnyReadModel, release: str | None) -> None:
    """A generation folded by one release's rules must not replace what another release writes. Raises RebuildFailed."""
    if await installed_release(connection) != release:
        why = "the database holds another release's schema"
        raise RebuildFailed(f"The projection {read_model.name} cannot be rebuilt: {why}.")


async def _set_lock_timeout(connection: AsyncConnection, milliseconds: int) -> None:
    await connection.execute("select set_config('lock_timeout', %s, true)", (f"{milliseconds}ms",))


async def _snapshot_holders(connection: AsyncConnection) -> set[str]:
    """The transactions that hold a snapshot of an earlier instant."""
    cursor = await connection.execute("select catalog.snapshot_holders()")
    return {holder for (holder,) in await cursor.fetchall()}
