"""Rebuilding a read model while people read and write: a new generation beside the old one, then a short swap.

A rebuild that is killed has changed nothing that is served; its lock goes with its connection, and the next one
begins anew. Memory is bounded: Postgres folds slices of streams, nothing passes through Python.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection, errors
from psycopg.types.json import Jsonb

from app.engine.background.generation import abandon_rebuild, generation_of
from app.engine.background.rebuild_status import (
    ENDED_EARLY,
    OnRebuildProgress,
    RebuildFailed,
    RebuildPhase,
    RebuildProgress,
    RebuildResult,
    RebuildUnderWay,
    explain_failure,
)
from app.engine.compiler.rebuild_steps import RebuildStep, fingerprint
from app.engine.postgres.advisory_locks import MIGRATION_LOCK, rebuild_lock_key, try_lock
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.migrations import installed_release
from app.engine.postgres.session_settings import REBUILD
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import GATE_POLL_SECONDS, advance_mark
from app.errors import CatalogError, Unavailable

SLICE_STREAMS = 2_000
SMALL_ROUND_STREAMS = 100
ROUNDS_MAX = 10
HOLDER_POLL_SECONDS = 0.05
SWAP_WAITS_MILLISECONDS = 250
"""Writers and readers wait no longer than this for a swap that itself has to wait; it is then tried again."""
SWAP_PAUSES_SECONDS = (0.05, 5.0)
"""After the first attempt that had to let go, up to after the last ones."""
SWAP_GIVE_UP_SECONDS = 600.0
"""How long a finished generation waits for long transactions on the old one, and for old snapshots, to end."""
SHORT_WAIT_SECONDS = 1.0
IDLE_CHECKS = 10
"""So many times in a row nobody else was at work, so that the second connection may be."""


async def rebuild(
    conninfo: str, read_model: AnyReadModel, on_progress: OnRebuildProgress = lambda _: None, release: str | None = None
) -> RebuildResult:
    """Build the next generation of a read model and swap it in; `tell` hears of the progress.

    `release` is the checksum of the schema that the read model belongs to, by default of the installed one.
    Raises RebuildUnderWay if somebody is at it, RebuildFailed if the log cannot be folded or another release is
    installed, and Unavailable if the swap never got its locks; what is served is then what it was.
    """
    async with await WatchedConnection.open(conninfo, REBUILD) as connection:
        if not await try_lock(connection, rebuild_lock_key(read_model.name)):
            raise RebuildUnderWay(f"The projection {read_model.name} is being rebuilt already.")
        why = ENDED_EARLY
        try:
            release = release or await installed_release(connection)
            return await _Rebuild(conninfo, connection, read_model, on_progress, release).run()
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            why = explain_failure(read_model, error)
            raise RebuildFailed(why) from error
        except CatalogError as error:
            why = error.detail
            raise
        finally:
            # On a connection that died, the next rebuild or projector cleans up; a cancellation must go through.
            with suppress(psycopg.Error):
                await abandon_rebuild(connection, read_model, why)


async def snapshot_holders(connection: AsyncConnection) -> set[str]:
    """The transactions that read as of an instant before now."""
    cursor = await connection.execute("select catalog.snapshot_holders()")
    return {holder for (holder,) in await cursor.fetchall()}


class _Rebuild:
    def __init__(
        self,
        conninfo: str,
        connection: WatchedConnection,
        read_model: AnyReadModel,
        on_progress: OnRebuildProgress,
        release: str | None,
    ) -> None:
        self.conninfo = conninfo
        self.connection = connection
        self.read_model = read_model
        self.generation = generation_of(read_model)
        self.tell = on_progress
        self.release = release
        self.started = time.monotonic()
        self.phase: RebuildPhase = "folding"
        self.events = 0
        self.done = 0
        self.claim_lock = asyncio.Lock()
        self.claimed = 0
        """The last stream that somebody folds or has folded."""
        self.last_stream = 0
        """The last stream of all; later ones have only events that are followed."""
        self.first_is_working = False
        """Whether the first connection is at what the second one helps with."""
        self.swap_milliseconds = 0.0
        self.deadline = 0.0
        """When the patience ends with which the swap is tried."""

    async def run(self) -> RebuildResult:
        await self._check_release()
        await self._check_installed()
        position = (await advance_mark(self.connection)).position
        (self.generation.skipped,) = await self._fetch_one("select catalog.skipped_events(%s)", (self.read_model.name,))
        await self.generation.run_step(self.connection, RebuildStep.BEGIN)
        self.last_stream, self.events = await self._fetch_one(
            "select coalesce(max(stream_id), 0), coalesce(sum(version), 0)::bigint from catalog.streams"
        )
        await self._report(self.connection)
        await self._on_two_connections(lambda connection: self._fill_slices(connection, position))
        await self._start_phase("indexing")
        await self._run_in_parallel(RebuildStep.INDEX)
        await self.generation.run_step(self.connection, RebuildStep.KEY)
        await self._run_in_parallel(RebuildStep.ANALYZE)
        await self._start_phase("swapping")
        await self._swap(position)
        return RebuildResult(
            projection=self.read_model.name,
            events=self.events,
            seconds=time.monotonic() - self.started,
            swap_milliseconds=self.swap_milliseconds,
        )

    async def _on_two_connections(self, work: Callable[[WatchedConnection], Coroutine[Any, Any, None]]) -> None:
        """Twice the same, side by side: one statement keeps one core of the database busy. The second one works while
        nobody else does, so that a rebuild leaves the others a core."""
        async with await WatchedConnection.open(self.conninfo, REBUILD) as second:
            try:
                async with asyncio.TaskGroup() as tasks:
                    self.first_is_working = True
                    tasks.create_task(work(second))
                    await work(self.connection)
                    self.first_is_working = False
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

    async def _fill_slices(self, connection: WatchedConnection, position: int) -> None:
        while await self._wait_for_turn(connection) and (claimed := await self._claim_slice(connection)):
            first, last, events = claimed
            with connection.allow_slow_statements():
                await self.generation.fill(connection, first, last, position)
            self.done = min(self.events, self.done + events)
            await self._report(connection)

    async def _run_in_parallel(self, step: RebuildStep) -> None:
        left = list(reversed(range(len(self.generation.steps[step]))))
        await self._on_two_connections(lambda connection: self._run_statements(connection, step, left))

    async def _run_statements(self, connection: WatchedConnection, step: RebuildStep, left: list[int]) -> None:
        while await self._wait_for_turn(connection) and left:
            statement = left.pop()
            with connection.allow_slow_statements():
                await self.generation.run_step(connection, step, statement)

    async def _wait_for_turn(self, connection: WatchedConnection) -> bool:
        """True: at once for the first connection, for the second when nobody else has been at work for some looks, or
        the first has done all there was."""
        if connection is self.connection:
            return True
        others_are_active, idle_checks = await self._others_are_active(connection), 0
        while others_are_active and self.first_is_working and idle_checks < IDLE_CHECKS:
            await asyncio.sleep(GATE_POLL_SECONDS)
            idle_checks = 0 if await self._others_are_active(connection) else idle_checks + 1
        return True

    async def _others_are_active(self, connection: WatchedConnection) -> bool:
        ours = [connection.info.backend_pid, self.connection.info.backend_pid]
        row = await (await connection.execute(OTHERS_ARE_ACTIVE, (ours,))).fetchone()
        return row == (True,)

    async def _claim_slice(self, connection: AsyncConnection) -> tuple[int, int, int] | None:
        """The first and the last stream of the next slice, and how many events they have; None after the last."""
        async with self.claim_lock:
            claimed = self.claimed
            row = await (await connection.execute(SLICE_AFTER, (claimed, self.last_stream, SLICE_STREAMS))).fetchone()
            assert row is not None, "an aggregate answers with one row"
            last, events = row
            if last is None:
                return None
            self.claimed = last
            return claimed + 1, last, events

    async def _swap(self, position: int) -> None:
        """Swap while nothing changes; patiently, so that nobody waits long."""
        self.deadline = time.monotonic() + SWAP_GIVE_UP_SECONDS
        pause = SWAP_PAUSES_SECONDS[0]
        while True:
            while await self._is_blocked():
                self._check_deadline()
                with suppress(errors.LockNotAvailable):
                    await self.generation.cancel_autovacuum(self.connection)
            position = await self._catch_up(await self._wait_for_old_snapshots(position))
            if await self._try_to_swap(position):
                return
            self._check_deadline()
            await asyncio.sleep(pause)
            pause = min(pause * 2, SWAP_PAUSES_SECONDS[1])

    def _check_deadline(self) -> None:
        if time.monotonic() > self.deadline:
            raise Unavailable(f"The new {self.read_model.name} is ready, but the old one was never free for a moment.")

    async def _is_blocked(self) -> bool:
        """Whether somebody holds on to what the swap must lock, so that everybody else would wait behind the two."""
        before = await self.generation.blocking_transactions(self.connection)
        await asyncio.sleep(HOLDER_POLL_SECONDS)
        return bool(before & await self.generation.blocking_transactions(self.connection))

    async def _wait_for_old_snapshots(self, position: int) -> int:
        """Follow, and wait for whoever could not see that; the position it is as of then.

        Rows that are younger than a snapshot are not there for it, so a report that began before the swap would find
        the new table empty. `create index concurrently` waits for the same reason. What the wait let pass is followed
        again, until it was short; who is never alone is not waited for without end.
        """
        for _ in range(ROUNDS_MAX):
            with self.connection.allow_slow_statements():
                position = await self._catch_up(position)
                await self.generation.run_step(self.connection, RebuildStep.AGGREGATE)
            caught_up = time.monotonic()
            waiting_for = await snapshot_holders(self.connection)
            while waiting_for:
                self._check_deadline()
                await asyncio.sleep(HOLDER_POLL_SECONDS)
                waiting_for &= await snapshot_holders(self.connection)
            if time.monotonic() - caught_up < SHORT_WAIT_SECONDS:
                break
        return position

    async def _catch_up(self, position: int) -> int:
        """Fold again what changed meanwhile, until that is little; the position it is as of then."""
        for _ in range(ROUNDS_MAX):
            upto = max(position, (await advance_mark(self.connection)).position)
            streams = await self._refold_changed(position, upto)
            position = upto
            if streams <= SMALL_ROUND_STREAMS:
                break
        return position

    async def _try_to_swap(self, position: int) -> bool:
        started = time.monotonic()
        skipped = self.generation.skipped
        gate_closed = False
        try:
            gate_closed = await self.generation.close_append_gate(self.connection)
            if gate_closed and not await self._wait_for_snapshots_gate_closed(position):
                return False
            async with self.connection.transaction():
                await self._set_lock_timeout(self.generation.lock_waits_milliseconds)
                await self.connection.execute("select pg_advisory_xact_lock_shared(%s)", (MIGRATION_LOCK,))
                await self._check_release()
                upto = max(position, await self.generation.lock_for_swap(self.connection))
                await self._set_lock_timeout(SWAP_WAITS_MILLISECONDS)
                if not gate_closed:
                    await self._refold_changed(position, upto)
                    await self._refold_skipped(upto)
                with self.connection.allow_slow_statements():
                    await self.generation.run_step(self.connection, RebuildStep.SWAP)
                await self._record(upto, swap_seconds=time.monotonic() - started)
            return True
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self.generation.skipped = skipped
            return False
        finally:
            if gate_closed:
                with suppress(psycopg.Error):
                    await self.generation.open_append_gate(self.connection)
            self.swap_milliseconds = max(self.swap_milliseconds, (time.monotonic() - started) * 1000)

    async def _wait_for_snapshots_gate_closed(self, position: int) -> bool:
        """The last few events, committed before the swap; and whoever began to read before that is soon done.

        A statement that began earlier, and comes to the table only after the swap, would not see those documents.
        """
        (upto,) = await self._fetch_one("select coalesce(max(position), 0) from catalog.events")
        await self._refold_changed(position, max(position, upto))
        deadline = time.monotonic() + SWAP_WAITS_MILLISECONDS / 1000
        waiting_for = await snapshot_holders(self.connection)
        while waiting_for and time.monotonic() < deadline:
            await asyncio.sleep(GATE_POLL_SECONDS)
            waiting_for &= await snapshot_holders(self.connection)
        return not waiting_for

    async def _check_release(self) -> None:
        """What is folded by another release's rules must not take the place of what the installed ones write into."""
        if await installed_release(self.connection) != self.release:
            why = "the database holds another release's schema"
            raise RebuildFailed(f"The projection {self.read_model.name} cannot be rebuilt: {why}.")

    async def _check_installed(self) -> None:
        """Without its steps each statement of a rebuild would do nothing."""
        query = "select exists (select from catalog.rebuild_steps where read_model = %s)"
        if await self._fetch_one(query, (self.read_model.name,)) != (True,):
            why = "the installed schema does not have it. Run `catalog migrate` with it"
            raise RebuildFailed(f"The projection {self.read_model.name} cannot be rebuilt: {why}.")

    async def _set_lock_timeout(self, milliseconds: int) -> None:
        await self.connection.execute("select set_config('lock_timeout', %s, true)", (f"{milliseconds}ms",))

    async def _refold_changed(self, after: int, upto: int) -> int:
        """Fold the streams anew that have events between two positions; how many they are."""
        query = "select distinct stream_id from catalog.events where position > %s and position <= %s"
        streams = [id for (id,) in await (await self.connection.execute(query, (after, upto))).fetchall()]
        for start in range(0, len(streams), SLICE_STREAMS):
            some = streams[start : start + SLICE_STREAMS]
            await self.generation.run_step(self.connection, RebuildStep.REFOLD, streams=some, position=upto)
        return len(streams)

    async def _refold_skipped(self, upto: int) -> None:
        """Fold the streams anew of which an operator has skipped an event since the rebuild began."""
        (skipped,) = await self._fetch_one("select catalog.skipped_events(%s)", (self.read_model.name,))
        changed = list({*skipped} ^ {*self.generation.skipped})
        self.generation.skipped = skipped
        query = "select distinct stream_id from catalog.events where position = any (%s)"
        streams = [id for (id,) in await (await self.connection.execute(query, (changed,))).fetchall()]
        if streams:
            await self.generation.run_step(self.connection, RebuildStep.REFOLD, streams=streams, position=upto)

    async def _record(self, position: int, swap_seconds: float) -> None:
        done = {
            "events": self.events,
            "seconds": round(time.monotonic() - self.started, 3),
            "swap_milliseconds": round(max(self.swap_milliseconds, swap_seconds * 1000), 3),
        }
        by = (self.read_model.version, fingerprint(self.read_model))
        await self.connection.execute(
            "select catalog.record_rebuild(%s, %s, %s, %s, %s)", (self.read_model.name, *by, position, Jsonb(done))
        )

    async def _start_phase(self, phase: RebuildPhase) -> None:
        self.phase = phase
        await self._report(self.connection)

    async def _report(self, connection: AsyncConnection) -> None:
        progress = RebuildProgress(
            projection=self.read_model.name,
            phase=self.phase,
            events=self.events,
            done=self.done,
            seconds=round(time.monotonic() - self.started, 3),
        )
        facts = {name: value for name, value in msgspec.structs.asdict(progress).items() if name != "projection"}
        await connection.execute("select catalog.record_rebuild_progress(%s, %s)", (self.read_model.name, Jsonb(facts)))
        self.tell(progress)

    async def _fetch_one(self, query: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        row = await (await self.connection.execute(query, parameters)).fetchone()
        assert row is not None, "a query for one row"
        return row


OTHERS_ARE_ACTIVE = """
select exists (
    select from pg_stat_activity
    where state = 'active'
        and backend_type = 'client backend'
        and wait_event_type is distinct from 'Lock'
        and wait_event_type is distinct from 'Client'
        and pid <> all (%s)
)
"""

SLICE_AFTER = """
select max(stream_id), sum(version)::bigint
from (
    select stream_id, version
    from catalog.streams
    where stream_id > %s and stream_id <= %s
    order by stream_id
    limit %s
) as slice
"""
