"""Administers the projections of a running service: status, resume, rebuilds in tasks, verifications in threads.

`app.engine.background.rebuild` does the work of a rebuild and stores its outcome. Here it gets a task that ends with
the service.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal

import psycopg

from app.concurrency import cancel_and_wait, run_in_own_loop
from app.engine.background.checkpoints import resume_projection
from app.engine.background.progress import OnProgress
from app.engine.background.projection_status import (
    BackgroundLag,
    LogStatus,
    ProjectionStatus,
    read_background_lag,
    read_log_status,
)
from app.engine.background.rebuild import rebuild
from app.engine.background.verify import StreamsCompared, VerifyResult, verify
from app.engine.postgres.bulkheads import Bulkhead
from app.engine.postgres.pool import Database
from app.engine.postgres.unavailability import is_unavailable
from app.engine.projection.rollup import AnyReadModel
from app.errors import CatalogError, Conflict, NotFound, Unavailable, first_line

logger = logging.getLogger("catalog")

REBUILD_STARTS_WITHIN_SECONDS = 2.0
"""`start_rebuild` waits so long for a refusal. A rebuild that still waits for running appends then was accepted."""

VERIFICATIONS_MAX = 2

OnReplayed = Callable[[Literal["rebuild", "verify"], float], None]


class ProjectionAdmin:
    """Use it with `async with`: on exit it cancels running rebuilds, which have changed nothing that is served."""

    def __init__(
        self,
        conninfo: str,
        database: Database,
        read_models: Sequence[AnyReadModel],
        on_replayed: OnReplayed = lambda *_: None,
        wake: Callable[[], None] = lambda: None,
        release: str | None = None,
    ) -> None:
        """`on_replayed` receives the seconds of each rebuild and verification. `wake` is called after a resume.

        Rebuilds are refused unless `release` is the checksum of the installed schema.
        """
        self._conninfo = conninfo
        self._database = database
        self._read_models = {each.name: each for each in read_models}
        self._on_replayed = on_replayed
        self._wake = wake
        self._release = release
        self._verifying = Bulkhead(VERIFICATIONS_MAX, REBUILD_STARTS_WITHIN_SECONDS)
        self._rebuilds: set[asyncio.Task[CatalogError | None]] = set()

    async def __aenter__(self) -> "ProjectionAdmin":
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_and_wait(*self._rebuilds)

    def read_model(self, name: str) -> AnyReadModel:
        """Raises NotFound if there is no such projection."""
        if name not in self._read_models:
            raise NotFound(f"There is no projection {name}.")
        return self._read_models[name]

    async def log_status(self) -> LogStatus:
        async with self._database.connection() as connection:
            return await read_log_status(connection, list(self._read_models.values()))

    async def background_lag(self, wait_seconds: float) -> BackgroundLag:
        """How far the background is behind. Raises Unavailable if no connection is free within `wait_seconds`."""
        async with self._database.connection(wait_seconds) as connection:
            return await read_background_lag(connection, list(self._read_models.values()))

    async def projection_status(self, name: str) -> ProjectionStatus:
        """Raises NotFound if there is no such projection."""
        self.read_model(name)
        return next(each for each in (await self.log_status()).projections if each.name == name)

    async def resume(self, name: str, skip_as: str | None) -> ProjectionStatus:
        """Resume a stopped projection; skip the event that stopped it if `skip_as` names who is responsible.

        Raises NotFound if there is no such projection, and Conflict if it is not stopped.
        """
        if (await self.projection_status(name)).state != "stopped":
            raise Conflict(f"The projection {name} is not stopped.")
        async with self._database.connection() as connection:
            await resume_projection(connection, name, skip_as)
        logger.warning("the projection %s was resumed%s", name, f"; {skip_as} skipped an event" if skip_as else "")
        self._wake()
        return await self.projection_status(name)

    async def verify(self, name: str, on_progress: OnProgress[StreamsCompared] = lambda _: None) -> VerifyResult:
        """Compare the documents of one projection with the log; `on_progress` is called in another thread.

        Raises NotFound if there is no such projection. Raises Unavailable if the database is away, or if too many
        verifications run: each has a connection of its own and keeps a processor busy.
        """
        read_model = self.read_model(name)
        started = time.perf_counter()
        try:
            async with self._verifying.enter("verifications"):
                verified = await run_in_own_loop(verify(self._conninfo, read_model, on_progress))
        except psycopg.Error as error:
            if not is_unavailable(error):
                raise
            raise Unavailable("The connection to the database was lost during the verification. Try again.") from error
        self._on_replayed("verify", time.perf_counter() - started)
        return verified

    async def start_rebuild(self, name: str) -> None:
        """Begin a rebuild that continues in the background. Raises NotFound, RebuildUnderWay or Unavailable."""
        begun = asyncio.Event()
        task = asyncio.create_task(self._rebuild(self.read_model(name), begun))
        self._rebuilds.add(task)
        task.add_done_callback(self._rebuilds.discard)
        beginning = asyncio.create_task(begun.wait())
        await asyncio.wait(
            {task, beginning}, timeout=REBUILD_STARTS_WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        beginning.cancel()
        if task.done() and not begun.is_set() and (error := task.result()):
            raise error

    async def _rebuild(self, read_model: AnyReadModel, begun: asyncio.Event) -> CatalogError | None:
        """Return why the rebuild failed; None if it succeeded."""
        name, error = read_model.name, None
        try:
            done = await rebuild(self._conninfo, read_model, lambda _: begun.set(), self._release)
        except CatalogError as refused:
            error = refused
        except psycopg.Error as failed:
            error = Unavailable(f"The rebuild of {name} failed: {first_line(failed)}")
        if error is None:
            self._on_replayed("rebuild", done.seconds)
            logger.info("a rebuild of %s ended after %.1f s", name, done.seconds)
        elif begun.is_set():
            logger.error("a rebuild of %s failed: %s", name, error.detail)
        return error
