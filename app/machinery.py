"""The read models' machinery as a service runs it: rebuilds in the background, verifications in a thread, their states.

What a rebuild does to the documents is `app.rebuild`'s; here it gets a task, ends with the service, and leaves its
outcome where whoever started it can look.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
from msgspec import Raw, Struct

from app.database import Database
from app.errors import CatalogError, Conflict, NotFound, Unavailable
from app.generations import AnyReadModel
from app.leftovers import lock_key
from app.projector import resume
from app.rebuild import Rebuilt, rebuild
from app.tasks import end, in_a_thread
from app.verify import Verified, verify

logger = logging.getLogger("catalog")

BEGINS_WITHIN_SECONDS = 2.0
"""A rebuild is refused before it begins; one that still waits for appends under way by then was not refused."""

Replayed = Callable[[Literal["rebuild", "verify"], float], None]


class LastRebuild(Struct, frozen=True, kw_only=True):
    """How the last rebuild that this process began has ended."""

    ended_at: datetime
    error: str | None = None
    """Why it failed; what was served is as it was."""
    events: int | None = None
    seconds: float | None = None
    swap_milliseconds: float | None = None
    """How long writers, or for a rollup its catch-up, had to wait at most."""


class State(Struct, frozen=True, kw_only=True):
    """How one projection is."""

    name: str
    version: int
    """The version in the code that its documents were folded by."""
    lifecycle: Literal["inline", "async"]
    position: int
    """Applied up to here: its checkpoint, or for an inline one, which is never behind, the head."""
    lag_events: int
    """How many events it has still to apply, settled or not."""
    lag_seconds: float
    """The age of the oldest of them, by the clock; 0 when there is none."""
    state: Literal["running", "stopped", "outdated"]
    """Outdated: a release with other rules was installed, and it is yet to be rebuilt by them."""
    error: str | None
    """What the event raised that stopped it."""
    error_position: int | None
    """That event."""
    skipped: Raw
    """Events skipped by somebody: [{position, by, at, error}]."""
    rebuild: Raw | None
    """A rebuild under way, in whatever process: {events, done, seconds}."""
    last_rebuild: LastRebuild | None = None


class States(Struct, frozen=True, kw_only=True):
    """Everything that could be behind."""

    head: int
    """The newest committed position; 0 for a log without events."""
    settled_position: int
    """Every position up to this one is committed or will never be."""
    settled_instant: datetime | None
    """No event will be recorded at or before it any more; null before the log was first settled."""
    projections: list[State]


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
        self._rebuilds: set[asyncio.Task[CatalogError | None]] = set()
        self._last: dict[str, LastRebuild] = {}

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
        names = list(self._read_models)
        given = {"names": names, "keys": [lock_key(name) for name in names]}
        async with self._database.connection() as connection:
            mark = await (await connection.execute(MARK)).fetchone()
            rows = await (await connection.execute(STATES, given)).fetchall()
        assert mark is not None, "the mark is always there"
        position, instant, head = mark
        states = [self._state(head, *row) for row in rows]
        return States(head=head, settled_position=position, settled_instant=instant, projections=states)

    async def state(self, name: str) -> State:
        """Raises NotFound."""
        self.read_model(name)
        return next(each for each in (await self.states()).projections if each.name == name)

    def _state(self, head: int, name: str, background: bool, position: int, *rest: Any) -> State:
        version, lag_events, lag_seconds, state, error, error_position, skipped, under_way = rest
        return State(
            name=name,
            version=version,
            lifecycle="async" if background else "inline",
            position=position if background else head,
            lag_events=lag_events,
            lag_seconds=lag_seconds,
            state=state,
            error=error,
            error_position=error_position,
            skipped=Raw(skipped),
            rebuild=None if under_way is None else Raw(under_way),
            last_rebuild=self._last.get(name),
        )

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

    async def verify(self, name: str) -> Verified:
        """Raises NotFound, and Unavailable if the database is away."""
        started = time.perf_counter()
        try:
            verified = await in_a_thread(verify(self._conninfo, self.read_model(name)))
        except psycopg.OperationalError as error:
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
            self._last[name] = _ended(done)
        elif begun.is_set():
            logger.error("a rebuild of %s failed: %s", name, error.detail)
            self._last[name] = LastRebuild(ended_at=datetime.now(UTC), error=error.detail)
        return error


def _ended(done: Rebuilt) -> LastRebuild:
    return LastRebuild(
        ended_at=datetime.now(UTC),
        events=done.events,
        seconds=done.seconds,
        swap_milliseconds=done.swap_milliseconds,
    )


MARK = """
select position, nullif(instant, '-infinity'), (select coalesce(max(events.position), 0) from catalog.events)
from catalog.settled
"""

STATES = """
select name, background, projections.position, version,
    coalesce(lag_events, 0), coalesce(lag_seconds, 0), state, error, error_position, skipped,
    case when exists (
        select
        from pg_locks
        where locktype = 'advisory'
            and granted
            and database = (select oid from pg_database where datname = current_database())
            and (classid::bigint << 32) + objid::bigint = known.key
    ) then rebuild end
from unnest(%(names)s::text[], %(keys)s::bigint[]) with ordinality as known (name, key, place)
join catalog.projections using (name)
left join catalog.projection_lag using (name)
order by known.place
"""
