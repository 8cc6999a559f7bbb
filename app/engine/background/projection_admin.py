"""The read models' machinery as a service runs it: rebuilds in the background, verifications in a thread, their states.

What a rebuild does to the documents is `app.engine.background.rebuild`'s, which also keeps its outcome in the database;
here it gets a task and ends with the service.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal

import psycopg

from app.concurrency import end, in_a_thread
from app.engine.background.checkpoints import resume
from app.engine.background.projection_status import Background, State, States, read_background, read_states
from app.engine.background.rebuild import rebuild
from app.engine.background.verify import Told, Verified, verify
from app.engine.postgres.bulkheads import Bulkhead
from app.engine.postgres.pool import Database
from app.engine.postgres.unavailability import is_away
from app.engine.projection.rollup import AnyReadModel
from app.errors import CatalogError, Conflict, NotFound, Unavailable

logger = logging.getLogger("catalog")

BEGINS_WITHIN_SECONDS = 2.0
"""A rebuild is refused before it begins; one that still waits for appends under way by then was not refused."""

VERIFYING_AT_ONCE = 2

Replayed = Callable[[Literal["rebuild", "verify"], float], None]


class Machinery:
    """`async with` it: rebuilds under way end with it, and nothing that is served has changed by them then."""

    def __init__(
        self,
        conninfo: str,
        database: Database,
        read_models: Sequence[AnyReadModel],
        replayed: Replayed = lambda *_: None,
        wake: Callable[[], None] = lambda: None,
        release: str | None = None,
    ) -> None:
        """`replayed` hears how many seconds a rebuild or verification took, `wake` when a projection may go on.

        Rebuilds are refused unless `release` is the checksum of the installed schema.
        """
        self._conninfo = conninfo
        self._database = database
        self._read_models = {each.name: each for each in read_models}
        self._replayed = replayed
        self._wake = wake
        self._release = release
        self._verifying = Bulkhead(VERIFYING_AT_ONCE, BEGINS_WITHIN_SECONDS)
        self._rebuilds: set[asyncio.Task[CatalogError | None]] = set()

    async def __aenter__(self) -> "Machinery":
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(*self._rebuilds)

    def read_model(self, name: str) -> AnyReadModel:
        """Raises NotFound."""
        if name not in self._read_models:
            raise NotFound(f"There is no projection {name}.")
        return self._read_models[name]

    async def states(self) -> States:
        async with self._database.connection() as connection:
            return await read_states(connection, list(self._read_models.values()))

    async def background(self, wait_seconds: float) -> Background:
        """How far it is behind; a connection is waited for only so long. Raises Unavailable."""
        async with self._database.connection(wait_seconds) as connection:
            return await read_background(connection, list(self._read_models.values()))

    async def state(self, name: str) -> State:
        """Raises NotFound."""
        self.read_model(name)
        return next(each for each in (await self.states()).projections if each.name == name)

    async def resume(self, name: str, skip_as: str | None) -> State:
        """Let a stopped projection go on; past the event that stopped it, if somebody takes that upon himself.

        Raises NotFound, and Conflict if it is not stopped.
        """
        if (await self.state(name)).state != "stopped":
            raise Conflict(f"The projection {name} is not stopped.")
        async with self._database.connection() as connection:
            await resume(connection, name, skip_as)
        logger.warning("the projection %s goes on%s", name, f"; {skip_as} skipped an event" if skip_as else "")
        self._wake()
        return await self.state(name)

    async def verify(self, name: str, tell: Told = lambda *_: None) -> Verified:
        """`tell` hears, in another thread, how far it is.

        Raises NotFound, and Unavailable if the database is away or too many verifications are under way: each has a
        connection of its own and keeps a processor busy.
        """
        read_model = self.read_model(name)
        started = time.perf_counter()
        try:
            async with self._verifying.entered("verifications"):
                verified = await in_a_thread(verify(self._conninfo, read_model, tell))
        except psycopg.Error as error:
            if not is_away(error):
                raise
            raise Unavailable("The database went away while verifying. Try again.") from error
        self._replayed("verify", time.perf_counter() - started)
        return verified

    async def start_rebuild(self, name: str) -> None:
        """Begin a rebuild that goes on by itself. Raises NotFound, RebuildUnderWay, Unavailable."""
        begun = asyncio.Event()
        task = asyncio.create_task(self._rebuild(self.read_model(name), begun))
        self._rebuilds.add(task)
        task.add_done_callback(self._rebuilds.discard)
        beginning = asyncio.create_task(begun.wait())
        await asyncio.wait({task, beginning}, timeout=BEGINS_WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        if task.done() and not begun.is_set() and (error := task.result()):
            raise error

    async def _rebuild(self, read_model: AnyReadModel, begun: asyncio.Event) -> CatalogError | None:
        """Why it failed, if it did; then nothing that is served has changed."""
        name, error = read_model.name, None
        try:
            done = await rebuild(self._conninfo, read_model, lambda _: begun.set(), self._release)
        except CatalogError as refused:
            error = refused
        except psycopg.Error as failed:
            error = Unavailable(f"The rebuild of {name} failed: {str(failed).strip()}")
        if error is None:
            self._replayed("rebuild", done.seconds)
            logger.info("a rebuild of %s ended after %.1f s", name, done.seconds)
        elif begun.is_set():
            logger.error("a rebuild of %s failed: %s", name, error.detail)
        return error
