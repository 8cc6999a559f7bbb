"""The projector: one leader per database settles the log and applies each event to each rollup exactly once.

The leader holds an advisory lock of its session. If its connection is lost, another projector leads within seconds. Two
projectors that both think they lead apply nothing twice: a batch and its checkpoint are one transaction, which succeeds
only from the expected checkpoint.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import psycopg
from psycopg import AsyncConnection

from app.concurrency import cancel_and_wait
from app.engine.background.checkpoints import HAS_WORK, catch_up
from app.engine.background.generation import clean_up_killed_rebuilds
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildFailed
from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.postgres.advisory_locks import LEADER_LOCK, MAINTENANCE_LOCK, try_lock
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.migrations import installed_release
from app.engine.postgres.session_settings import LEADER
from app.engine.postgres.unavailability import is_unavailable
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import advance_mark
from app.engine.store.idempotency import delete_expired
from app.errors import CatalogError, first_line

logger = logging.getLogger("catalog")
IDLE_SECONDS = (0.02, 1.0)
"""The pause before the next poll: the first after work, then twice as long each time, up to the second."""
LEADER_RETRY_SECONDS = 1.0
MAINTENANCE_SECONDS = 10.0
FAILED_REBUILD_RETRY_SECONDS = 600.0
"""A projection that cannot be rebuilt is tried again after this time."""
BACK_OFF_SECONDS = (0.01, 0.05)


class Projector:
    """Runs beside the service: `await run()` while it lives, and `wake()` after each append in this process."""

    def __init__(self, conninfo: str, read_models: Sequence[AnyReadModel], release: str | None = None) -> None:
        """`release` is the checksum of our schema. Projections are rebuilt only while it is the installed one."""
        self._conninfo = conninfo
        self._read_models = list(read_models)
        self._release = release
        self._rollups = [each for each in read_models if each.is_async()]
        self._woken = asyncio.Event()
        self._retry_after: dict[str, float] = {}
        """When to try again to rebuild a read model, by its name."""
        self.leads = False

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Lead while no other projector does, and maintain. Logs and retries failures; only cancelling ends it."""
        maintenance = asyncio.create_task(self._maintain_periodically())
        try:
            while True:
                await self._lead_until_lost()
                await asyncio.sleep(LEADER_RETRY_SECONDS)
        finally:
            await cancel_and_wait(maintenance)

    async def _lead_until_lost(self) -> None:
        try:
            async with await WatchedConnection.open(self._conninfo, LEADER) as connection:
                while not await try_lock(connection, LEADER_LOCK):  # noqa: ASYNC110, an advisory lock sends no notification
                    await asyncio.sleep(LEADER_RETRY_SECONDS)
                self.leads = True
                await self._lead(connection)
        except Exception as error:
            if _is_connection_lost(error):
                logger.warning("the projector lost its database and tries again: %s", first_line(error))
            else:
                logger.exception("the projector failed and tries again")
        finally:
            self.leads = False

    async def _lead(self, connection: AsyncConnection) -> None:
        pause = IDLE_SECONDS[0]
        while True:
            self._woken.clear()
            began = time.monotonic()
            if await self._has_work(connection):
                await advance_mark(connection)
                for rollup in self._rollups:
                    await catch_up(connection, rollup.name)
                pause = IDLE_SECONDS[0]
                await asyncio.sleep(_back_off(time.monotonic() - began))
            else:
                pause = min(pause * 2, IDLE_SECONDS[1])
            await self._wait(pause)

    async def _has_work(self, connection: AsyncConnection) -> bool:
        """Whether a position was assigned after the mark, or a projection is behind the mark; cheap."""
        names = [rollup.name for rollup in self._rollups]
        row = await (await connection.execute(HAS_WORK, (names,))).fetchone()
        return row == (True,)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _maintain_periodically(self) -> None:
        while True:
            try:
                await self.maintain()
            except Exception as error:
                if _is_connection_lost(error):
                    why = first_line(error)
                    logger.warning("the projections could not be maintained; the projector tries again: %s", why)
                else:
                    logger.exception("the projections could not be maintained; the projector tries again")
            await asyncio.sleep(MAINTENANCE_SECONDS)

    async def maintain(self) -> None:
        """Clean up after killed rebuilds, and rebuild projections whose rules differ from ours; one process at a time.

        Any process of the installed release may do so, leading or not: the leader may have another release's rules.
        """
        async with await WatchedConnection.open(self._conninfo) as connection:
            if await self._is_installed(connection) and await try_lock(connection, MAINTENANCE_LOCK):
                for read_model in self._read_models:
                    await self._rebuild_if_outdated(connection, read_model)
                await delete_expired(connection)

    async def _is_installed(self, connection: AsyncConnection) -> bool:
        return self._release in (None, await installed_release(connection))

    async def _rebuild_if_outdated(self, connection: AsyncConnection, read_model: AnyReadModel) -> None:
        name = read_model.name
        await clean_up_killed_rebuilds(connection, [read_model])
        query = "select fingerprint from catalog.projections where name = %s"
        row = await (await connection.execute(query, (name,))).fetchone()
        if row in (None, (fingerprint(read_model),)) or self._retry_after.get(name, 0) > time.monotonic():
            return
        logger.warning("rebuilding %s: its rules or its version have changed", name)
        try:
            await rebuild(self._conninfo, read_model, release=self._release)
        except RebuildFailed as error:
            self._retry_after[name] = time.monotonic() + FAILED_REBUILD_RETRY_SECONDS
            logger.error("%s The old documents are served until a rebuild succeeds.", error.detail)
        except (CatalogError, psycopg.Error, OSError) as error:
            if not (isinstance(error, CatalogError) or _is_connection_lost(error)):
                raise
            logger.warning("%s could not be rebuilt; the projector tries again: %s", name, first_line(error))


def _is_connection_lost(error: Exception) -> bool:
    """Whether the database or the network was away; any other error is a mistake in our code."""
    return isinstance(error, OSError) or is_unavailable(error)


def _back_off(worked_seconds: float) -> float:
    """The pause after a round: as long as the round took, within bounds.

    A round costs much the same for one event as for a few. Without pauses, under load, it would slow down the writers.
    """
    least, most = BACK_OFF_SECONDS
    return min(max(worked_seconds, least), most)
