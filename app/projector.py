"""The background: one leader per database settles the log and keeps the rollups caught up, each event exactly once.

Who leads holds a session lock; when its connection goes, another takes over within seconds. Two that both believe
they lead do no harm: a batch and its checkpoint are one transaction, and only from the checkpoint it expects.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, errors, sql

from app.away import is_away
from app.database import WatchedConnection
from app.errors import CatalogError, NotFound
from app.in_doubt import committing
from app.leftovers import forget_killed_rebuilds, try_lock
from app.migrating import installed_release
from app.once import sweep
from app.rebuild import rebuild
from app.rebuild_facts import RebuildFailed
from app.rebuild_sql import AnyReadModel, fingerprint
from app.rollup import Rollup
from app.session import LEADER
from app.settled import settle
from app.tasks import end

logger = logging.getLogger("catalog")

LEADER_LOCK = 7023051975126217513
TENDING_LOCK = 7023051975126217514
BATCH_EVENTS = 1_000
IDLE_SECONDS = (0.02, 1.0)
"""Polled after the first, when something happened lately, up to the last, when nothing does."""
NOT_LEADING_SECONDS = 1.0
TEND_SECONDS = 10.0
GIVEN_UP_SECONDS = 600.0
"""What cannot be rebuilt is not tried again sooner."""
SOMEBODY_WAS_THERE = "SW006"
REST_SECONDS = (0.01, 0.05)


class Checkpoint(Struct, frozen=True):
    """Where a background projection is."""

    position: int
    state: str
    """running; stopped by an event that it raised on; or outdated, until it is rebuilt by the rules installed."""
    settled: int
    """Where it can get to just now."""


class Projector:
    """`await run()` for as long as the service lives; `wake()` after an append in this process."""

    def __init__(self, conninfo: str, read_models: Sequence[AnyReadModel], release: str | None = None) -> None:
        """`release`, the checksum of our schema: only while it is the installed one are our rules anybody's."""
        self._conninfo = conninfo
        self._read_models = list(read_models)
        self._release = release
        self._rollups = [each for each in read_models if issubclass(each, Rollup)]
        self._woken = asyncio.Event()
        self._given_up: dict[str, float] = {}
        """Until when a read model is left alone that could not be rebuilt."""
        self.leads = False

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Lead whenever nobody else does, and tend. What fails is logged and tried again: only cancelling ends it."""
        tending = asyncio.create_task(self._tend())
        try:
            while True:
                await self._lead_while_it_lasts()
                await asyncio.sleep(NOT_LEADING_SECONDS)
        finally:
            await end(tending)

    async def _lead_while_it_lasts(self) -> None:
        try:
            async with await WatchedConnection.opened(self._conninfo, LEADER) as connection:
                while not await try_lock(connection, LEADER_LOCK):  # noqa: ASYNC110, the lock tells nobody
                    await asyncio.sleep(NOT_LEADING_SECONDS)
                self.leads = True
                await self._lead(connection)
        except Exception as error:
            if _is_lost(error):
                logger.warning("the projector lost its database and tries again: %s", error)
            else:
                logger.exception("the projector failed and tries again")
        finally:
            self.leads = False

    async def _lead(self, connection: AsyncConnection) -> None:
        pause = IDLE_SECONDS[0]
        while True:
            self._woken.clear()
            began = time.monotonic()
            if await self._something_new(connection):
                await settle(connection)
                for rollup in self._rollups:
                    await catch_up(connection, rollup.name)
                pause = IDLE_SECONDS[0]
                await asyncio.sleep(_rest(time.monotonic() - began))
            else:
                pause = min(pause * 2, IDLE_SECONDS[1])
            await self._wait(pause)

    async def _something_new(self, connection: AsyncConnection) -> bool:
        """One cheap look: has a position been handed out behind the mark, or is a projection behind the mark?"""
        names = [rollup.name for rollup in self._rollups]
        row = await (await connection.execute(SOMETHING_NEW, (names,))).fetchone()
        return row == (True,)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _tend(self) -> None:
        while True:
            try:
                await self.tend()
            except Exception as error:
                if _is_lost(error):
                    logger.warning("the projections are looked after later: %s", error)
                else:
                    logger.exception("the projections are looked after later")
            await asyncio.sleep(TEND_SECONDS)

    async def tend(self) -> None:
        """Clean up after killed rebuilds, and rebuild what has other rules than ours; one process at a time.

        Whoever is of the installed release may, leading or not: a leader of another release has other rules.
        """
        async with await WatchedConnection.opened(self._conninfo) as connection:
            if await self._is_installed(connection) and await try_lock(connection, TENDING_LOCK):
                for read_model in self._read_models:
                    await self._look_after(connection, read_model)
                await sweep(connection)

    async def _is_installed(self, connection: AsyncConnection) -> bool:
        return self._release in (None, await installed_release(connection))

    async def _look_after(self, connection: AsyncConnection, read_model: AnyReadModel) -> None:
        name = read_model.name
        await forget_killed_rebuilds(connection, [read_model])
        query = "select fingerprint from catalog.projections where name = %s"
        row = await (await connection.execute(query, (name,))).fetchone()
        if row in (None, (fingerprint(read_model),)) or self._given_up.get(name, 0) > time.monotonic():
            return
        logger.warning("rebuilding %s: its rules or its version have changed", name)
        try:
            await rebuild(self._conninfo, read_model, release=self._release)
        except RebuildFailed as error:
            self._given_up[name] = time.monotonic() + GIVEN_UP_SECONDS
            logger.error("%s The old documents serve until that has changed.", error.detail)
        except (CatalogError, psycopg.Error, OSError) as error:
            if not (isinstance(error, CatalogError) or _is_lost(error)):
                raise
            logger.warning("%s is looked after later: %s", name, error)


def _is_lost(error: Exception) -> bool:
    """Whether the database or the network was away; else it is a mistake of ours."""
    return isinstance(error, OSError) or is_away(error)


def _rest(worked_seconds: float) -> float:
    """As long as the work took, within bounds: a round costs much the same for a few events as for one, so that under
    load, without rests, the background would take from the writers what they need."""
    least, most = REST_SECONDS
    return min(max(worked_seconds, least), most)


SOMETHING_NEW = """
select (select is_called and last_value > settled.position from catalog.events_position_seq)
    or exists (
        select from catalog.projections
        where name = any (%s) and state = 'running' and projections.position < settled.position)
from catalog.settled
"""


async def catch_up(connection: AsyncConnection, name: str, batch_events: int = BATCH_EVENTS) -> int:
    """Apply everything that is settled to one background projection; its checkpoint then.

    An event that it raises on stops this projection alone, and is kept with what it raised; it does not raise here.
    """
    events = batch_events
    while True:
        checkpoint = await read_checkpoint(connection, name)
        if checkpoint.state != "running" or checkpoint.position >= checkpoint.settled:
            return checkpoint.position
        try:
            position = await _apply(connection, name, checkpoint.position, events)
            if position >= checkpoint.settled:
                return position
            events = min(batch_events, events * 2)
        except errors.QueryCanceled:
            if events == 1:
                raise
            events = max(1, events // 4)
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            if error.sqlstate == SOMEBODY_WAS_THERE:
                continue
            if events == 1:
                await _stop(connection, name, checkpoint.position, error)
            events = max(1, events // 4)


async def read_checkpoint(connection: AsyncConnection, name: str) -> Checkpoint:
    """Raises NotFound for a projection that the database does not know."""
    row = await (await connection.execute(READ_CHECKPOINT, (name,))).fetchone()
    if row is None:
        raise NotFound(f"There is no projection {name}.")
    return Checkpoint(*row)


READ_CHECKPOINT = """
select projections.position, projections.state, settled.position
from catalog.projections
cross join catalog.settled
where name = %s
"""


async def _apply(connection: AsyncConnection, name: str, position: int, events: int) -> int:
    """One batch; the checkpoint then."""
    function = sql.Identifier("catalog", f"catch_up_{name}")
    query = sql.SQL("select {}(%s, %s)").format(function)
    row = await (await connection.execute(query, (position, events))).fetchone()
    assert row is not None, "a function answers with one row"
    return int(row[0])


async def _stop(connection: AsyncConnection, name: str, after: int, error: psycopg.Error) -> None:
    """Stop at the event behind the checkpoint, which is the one that raised. No row that the error quotes is logged."""
    logger.error("the projection %s stopped behind position %s: %s", name, after, error.diag.message_primary)
    await connection.execute("select catalog.stop_projection(%s, %s, %s)", (name, after, str(error)))


async def resume(connection: AsyncConnection, name: str, skip_as: str | None = None) -> None:
    """Let a stopped projection go on, past the event that stopped it if `skip_as` says who takes that upon himself.

    The skipped event is kept in catalog.projections.skipped. Raises NotFound for an unknown projection.
    """
    await read_checkpoint(connection, name)
    with committing(connection):
        await connection.execute("select catalog.resume_projection(%s, %s)", (name, skip_as))


REGISTER = """
insert into catalog.projections as known (name, version, fingerprint, background)
select %(name)s, %(version)s,
    case when exists (select from catalog.events) then '' else %(fingerprint)s end, %(background)s
on conflict (name) do update
set state = case when known.fingerprint = %(fingerprint)s then 'running' else 'outdated' end,
    changed_at = clock_timestamp()
where known.background
    and (known.fingerprint = %(fingerprint)s) = (known.state = 'outdated')
"""


def register(connection: psycopg.Connection, read_models: Sequence[AnyReadModel]) -> None:
    """Make the read models known to the database, in the transaction that installs their functions.

    One that comes to a log with events in it is yet to be built. A rollup that has changed is not caught up until it is
    rebuilt: the installed functions would add up what others have left. One that was changed back before anybody
    rebuilt it goes on.
    """
    for read_model in read_models:
        given = {
            "name": read_model.name,
            "version": read_model.version,
            "fingerprint": fingerprint(read_model),
            "background": issubclass(read_model, Rollup),
        }
        connection.execute(REGISTER, given)
