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

from app.engine.background.generation import forget, generation_of
from app.engine.background.rebuild_status import (
    ENDED_EARLY,
    Phase,
    Progress,
    RebuildFailed,
    RebuildUnderWay,
    Rebuilt,
    Told,
    why_refused,
)
from app.engine.compiler.rebuild_steps import Step, fingerprint
from app.engine.postgres.advisory_locks import MIGRATION_LOCK, lock_key, try_lock
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.migrations import installed_release
from app.engine.postgres.session_settings import REBUILD
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import LOOK_AGAIN_SECONDS, settle
from app.errors import CatalogError, Unavailable

SLICE_STREAMS = 2_000
FEW_STREAMS = 100
ROUNDS_AT_MOST = 10
HELD_LONG_SECONDS = 0.05
SWAP_WAITS_MILLISECONDS = 250
"""Writers and readers wait no longer than this for a swap that itself has to wait; it is then tried again."""
SWAP_PAUSES_SECONDS = (0.05, 5.0)
"""After the first attempt that had to let go, up to after the last ones."""
SWAP_PATIENCE_SECONDS = 600.0
"""How long a finished generation waits for long transactions on the old one, and for old snapshots, to end."""
SHORT_WAIT_SECONDS = 1.0
CALM_LOOKS = 10
"""So many times in a row nobody else was at work, so that the second connection may be."""


async def rebuild(
    conninfo: str, read_model: AnyReadModel, tell: Told = lambda _: None, release: str | None = None
) -> Rebuilt:
    """Build the next generation of a read model and swap it in; `tell` hears of the progress.

    `release` is the checksum of the schema that the read model belongs to, by default of the installed one.
    Raises RebuildUnderWay if somebody is at it, RebuildFailed if the log cannot be folded or another release is
    installed, and Unavailable if the swap never got its locks; what is served is then what it was.
    """
    async with await WatchedConnection.opened(conninfo, REBUILD) as connection:
        if not await try_lock(connection, lock_key(read_model.name)):
            raise RebuildUnderWay(f"The projection {read_model.name} is being rebuilt already.")
        why = ENDED_EARLY
        try:
            release = release or await installed_release(connection)
            return await _Rebuild(conninfo, connection, read_model, tell, release).run()
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            why = why_refused(read_model, error)
            raise RebuildFailed(why) from error
        except CatalogError as error:
            why = error.detail
            raise
        finally:
            # On a connection that died, the next rebuild or projector cleans up; a cancellation must go through.
            with suppress(psycopg.Error):
                await forget(connection, read_model, why)


async def snapshot_holders(connection: AsyncConnection) -> set[str]:
    """The transactions that read as of an instant before now."""
    cursor = await connection.execute("select catalog.snapshot_holders()")
    return {holder for (holder,) in await cursor.fetchall()}


class _Rebuild:
    def __init__(
        self, conninfo: str, connection: WatchedConnection, read_model: AnyReadModel, tell: Told, release: str | None
    ) -> None:
        self.conninfo = conninfo
        self.connection = connection
        self.read_model = read_model
        self.generation = generation_of(read_model)
        self.tell = tell
        self.release = release
        self.began = time.monotonic()
        self.phase: Phase = "folding"
        self.events = 0
        self.done = 0
        self.claiming = asyncio.Lock()
        self.claimed = 0
        """The last stream that somebody folds or has folded."""
        self.last = 0
        """The last stream of all; later ones have only events that are followed."""
        self.goes_on = False
        """Whether the first connection is at what the second one helps with."""
        self.swap_milliseconds = 0.0
        self.deadline = 0.0
        """When the patience ends with which the swap is tried."""

    async def run(self) -> Rebuilt:
        await self._check_release()
        await self._check_installed()
        position = (await settle(self.connection)).position
        (self.generation.skipped,) = await self._one("select catalog.skipped_events(%s)", (self.read_model.name,))
        await self.generation.do(self.connection, Step.BEGIN)
        self.last, self.events = await self._one(
            "select coalesce(max(stream_id), 0), coalesce(sum(version), 0)::bigint from catalog.streams"
        )
        await self._say(self.connection)
        await self._on_two_connections(lambda connection: self._fill_by(connection, position))
        await self._enter("indexing")
        await self._side_by_side(Step.INDEX)
        await self.generation.do(self.connection, Step.KEY)
        await self._side_by_side(Step.ANALYZE)
        await self._enter("swapping")
        await self._swap(position)
        return Rebuilt(
            projection=self.read_model.name,
            events=self.events,
            seconds=time.monotonic() - self.began,
            swap_milliseconds=self.swap_milliseconds,
        )

    async def _on_two_connections(self, work: Callable[[WatchedConnection], Coroutine[Any, Any, None]]) -> None:
        """Twice the same, side by side: one statement keeps one core of the database busy. The second one works while
        nobody else does, so that a rebuild leaves the others a core."""
        async with await WatchedConnection.opened(self.conninfo, REBUILD) as second:
            try:
                async with asyncio.TaskGroup() as tasks:
                    self.goes_on = True
                    tasks.create_task(work(second))
                    await work(self.connection)
                    self.goes_on = False
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

    async def _fill_by(self, connection: WatchedConnection, position: int) -> None:
        while await self._may_work(connection) and (claimed := await self._claim_slice(connection)):
            first, last, events = claimed
            with connection.taking_its_time():
                await self.generation.fill(connection, first, last, position)
            self.done = min(self.events, self.done + events)
            await self._say(connection)

    async def _side_by_side(self, step: Step) -> None:
        left = list(reversed(range(len(self.generation.steps[step]))))
        await self._on_two_connections(lambda connection: self._do_some(connection, step, left))

    async def _do_some(self, connection: WatchedConnection, step: Step, left: list[int]) -> None:
        while await self._may_work(connection) and left:
            place = left.pop()
            with connection.taking_its_time():
                await self.generation.do(connection, step, place)

    async def _may_work(self, connection: WatchedConnection) -> bool:
        """True: at once for the first connection, for the second when nobody else has been at work for some looks, or
        the first has done all there was."""
        if connection is self.connection:
            return True
        others, calm_looks = await self._others_work(connection), 0
        while others and self.goes_on and calm_looks < CALM_LOOKS:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            calm_looks = 0 if await self._others_work(connection) else calm_looks + 1
        return True

    async def _others_work(self, connection: WatchedConnection) -> bool:
        ours = [connection.info.backend_pid, self.connection.info.backend_pid]
        row = await (await connection.execute(OTHERS_WORK, (ours,))).fetchone()
        return row == (True,)

    async def _claim_slice(self, connection: AsyncConnection) -> tuple[int, int, int] | None:
        """The first and the last stream of the next slice, and how many events they have; None after the last."""
        async with self.claiming:
            claimed = self.claimed
            row = await (await connection.execute(SLICE_AFTER, (claimed, self.last, SLICE_STREAMS))).fetchone()
            assert row is not None, "an aggregate answers with one row"
            last, events = row
            if last is None:
                return None
            self.claimed = last
            return claimed + 1, last, events

    async def _swap(self, position: int) -> None:
        """Swap while nothing changes; patiently, so that nobody waits long."""
        self.deadline = time.monotonic() + SWAP_PATIENCE_SECONDS
        pause = SWAP_PAUSES_SECONDS[0]
        while True:
            while await self._is_held_long():
                self._check_patience()
                with suppress(errors.LockNotAvailable):
                    await self.generation.dismiss_vacuum(self.connection)
            position = await self._follow(await self._outlast_snapshots(position))
            if await self._try_to_swap(position):
                return
            self._check_patience()
            await asyncio.sleep(pause)
            pause = min(pause * 2, SWAP_PAUSES_SECONDS[1])

    def _check_patience(self) -> None:
        if time.monotonic() > self.deadline:
            raise Unavailable(f"The new {self.read_model.name} is ready, but the old one was never free for a moment.")

    async def _is_held_long(self) -> bool:
        """Whether somebody holds on to what the swap must lock, so that everybody else would wait behind the two."""
        before = await self.generation.holders(self.connection)
        await asyncio.sleep(HELD_LONG_SECONDS)
        return bool(before & await self.generation.holders(self.connection))

    async def _outlast_snapshots(self, position: int) -> int:
        """Follow, and wait for whoever could not see that; the position it is as of then.

        Rows that are younger than a snapshot are not there for it, so a report that began before the swap would find
        the new table empty. `create index concurrently` waits for the same reason. What the wait let pass is followed
        again, until it was short; who is never alone is not waited for without end.
        """
        for _ in range(ROUNDS_AT_MOST):
            with self.connection.taking_its_time():
                position = await self._follow(position)
                await self.generation.do(self.connection, Step.ADD_UP)
            followed = time.monotonic()
            waiting_for = await snapshot_holders(self.connection)
            while waiting_for:
                self._check_patience()
                await asyncio.sleep(HELD_LONG_SECONDS)
                waiting_for &= await snapshot_holders(self.connection)
            if time.monotonic() - followed < SHORT_WAIT_SECONDS:
                break
        return position

    async def _follow(self, position: int) -> int:
        """Fold again what changed meanwhile, until that is little; the position it is as of then."""
        for _ in range(ROUNDS_AT_MOST):
            upto = max(position, (await settle(self.connection)).position)
            streams = await self._refold_touched(position, upto)
            position = upto
            if streams <= FEW_STREAMS:
                break
        return position

    async def _try_to_swap(self, position: int) -> bool:
        started = time.monotonic()
        skipped = self.generation.skipped
        quiet = False
        try:
            quiet = await self.generation.quieten(self.connection)
            if quiet and not await self._outlast_in_quiet(position):
                return False
            async with self.connection.transaction():
                await self._limit_waits(self.generation.lock_waits_milliseconds)
                await self.connection.execute("select pg_advisory_xact_lock_shared(%s)", (MIGRATION_LOCK,))
                await self._check_release()
                upto = max(position, await self.generation.lock(self.connection))
                await self._limit_waits(SWAP_WAITS_MILLISECONDS)
                if not quiet:
                    await self._refold_touched(position, upto)
                    await self._leave_out_what_was_skipped(upto)
                with self.connection.taking_its_time():
                    await self.generation.do(self.connection, Step.SWAP)
                await self._record(upto, swap_seconds=time.monotonic() - started)
            return True
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self.generation.skipped = skipped
            return False
        finally:
            if quiet:
                with suppress(psycopg.Error):
                    await self.generation.resume(self.connection)
            self.swap_milliseconds = max(self.swap_milliseconds, (time.monotonic() - started) * 1000)

    async def _outlast_in_quiet(self, position: int) -> bool:
        """The last few events, committed before the swap; and whoever began to read before that is soon done.

        A statement that began earlier, and comes to the table only after the swap, would not see those documents.
        """
        (upto,) = await self._one("select coalesce(max(position), 0) from catalog.events")
        await self._refold_touched(position, max(position, upto))
        deadline = time.monotonic() + SWAP_WAITS_MILLISECONDS / 1000
        waiting_for = await snapshot_holders(self.connection)
        while waiting_for and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
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
        if await self._one(query, (self.read_model.name,)) != (True,):
            why = "the installed schema does not have it. Run `catalog migrate` with it"
            raise RebuildFailed(f"The projection {self.read_model.name} cannot be rebuilt: {why}.")

    async def _limit_waits(self, milliseconds: int) -> None:
        await self.connection.execute("select set_config('lock_timeout', %s, true)", (f"{milliseconds}ms",))

    async def _refold_touched(self, after: int, upto: int) -> int:
        """Fold the streams anew that have events between two positions; how many they are."""
        query = "select distinct stream_id from catalog.events where position > %s and position <= %s"
        streams = [id for (id,) in await (await self.connection.execute(query, (after, upto))).fetchall()]
        for start in range(0, len(streams), SLICE_STREAMS):
            some = streams[start : start + SLICE_STREAMS]
            await self.generation.do(self.connection, Step.REFOLD, streams=some, position=upto)
        return len(streams)

    async def _leave_out_what_was_skipped(self, upto: int) -> None:
        """Fold the streams anew of which an operator has skipped an event since the rebuild began."""
        (skipped,) = await self._one("select catalog.skipped_events(%s)", (self.read_model.name,))
        changed = list({*skipped} ^ {*self.generation.skipped})
        self.generation.skipped = skipped
        query = "select distinct stream_id from catalog.events where position = any (%s)"
        streams = [id for (id,) in await (await self.connection.execute(query, (changed,))).fetchall()]
        if streams:
            await self.generation.do(self.connection, Step.REFOLD, streams=streams, position=upto)

    async def _record(self, position: int, swap_seconds: float) -> None:
        done = {
            "events": self.events,
            "seconds": round(time.monotonic() - self.began, 3),
            "swap_milliseconds": round(max(self.swap_milliseconds, swap_seconds * 1000), 3),
        }
        by = (self.read_model.version, fingerprint(self.read_model))
        await self.connection.execute(
            "select catalog.record_rebuild(%s, %s, %s, %s, %s)", (self.read_model.name, *by, position, Jsonb(done))
        )

    async def _enter(self, phase: Phase) -> None:
        self.phase = phase
        await self._say(self.connection)

    async def _say(self, connection: AsyncConnection) -> None:
        progress = Progress(
            projection=self.read_model.name,
            phase=self.phase,
            events=self.events,
            done=self.done,
            seconds=round(time.monotonic() - self.began, 3),
        )
        facts = {name: value for name, value in msgspec.structs.asdict(progress).items() if name != "projection"}
        await connection.execute("select catalog.note_progress(%s, %s)", (self.read_model.name, Jsonb(facts)))
        self.tell(progress)

    async def _one(self, query: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        row = await (await self.connection.execute(query, parameters)).fetchone()
        assert row is not None, "a query for one row"
        return row


OTHERS_WORK = """
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
