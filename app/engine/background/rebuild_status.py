"""What a rebuild reports: its progress, its outcome, and why it failed."""

import time
from datetime import datetime
from typing import Literal

import msgspec
import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.engine.background.progress import OnProgress
from app.engine.projection.rollup import AnyReadModel, Rollup
from app.errors import Conflict


class RebuildUnderWay(Conflict):
    """The projection is being rebuilt already"""


class RebuildFailed(Conflict):
    """The projection cannot be rebuilt"""


RebuildPhase = Literal["folding", "indexing", "swapping"]
"""Nearly all events are folded in the first; the second makes the indexes; the third waits for a quiet moment."""


class RebuildProgress(Struct, frozen=True, kw_only=True):
    """How far a rebuild is."""

    projection: str
    phase: RebuildPhase
    events: int
    """How many there are to fold; those recorded meanwhile come on top."""
    done: int
    seconds: float
    """Since it began."""


class RebuildResult(Struct, frozen=True, kw_only=True):
    """A rebuild that is done."""

    projection: str
    events: int
    seconds: float
    swap_milliseconds: float
    """How long writers, or for a rollup its catch-up, had to wait at most."""


class LastRebuild(Struct, frozen=True, kw_only=True):
    """How a rebuild has ended, as catalog.projections keeps it."""

    ended_at: datetime
    error: str | None = None
    """Why it failed; what was served is as it was."""
    events: int | None = None
    seconds: float | None = None
    swap_milliseconds: float | None = None
    """How long writers, or for a rollup its catch-up, had to wait at most."""


ENDED_EARLY = "It was ended before it was done."


class ProgressReporter:
    """Reports how far one rebuild is, to a caller and to catalog.projections."""

    def __init__(self, projection: str, on_progress: OnProgress[RebuildProgress]) -> None:
        self.events = 0
        """How many events there are to fold."""
        self._projection = projection
        self._on_progress = on_progress
        self._phase: RebuildPhase = "folding"
        self._done = 0
        self._started = time.monotonic()

    def seconds(self) -> float:
        """The time since the rebuild began."""
        return time.monotonic() - self._started

    def add(self, events: int) -> None:
        self._done = min(self.events, self._done + events)

    async def start_phase(self, connection: AsyncConnection, phase: RebuildPhase) -> None:
        self._phase = phase
        await self.report(connection)

    async def report(self, connection: AsyncConnection) -> None:
        progress = RebuildProgress(
            projection=self._projection,
            phase=self._phase,
            events=self.events,
            done=self._done,
            seconds=round(self.seconds(), 3),
        )
        facts = {name: value for name, value in msgspec.structs.asdict(progress).items() if name != "projection"}
        await connection.execute("select catalog.record_rebuild_progress(%s, %s)", (self._projection, Jsonb(facts)))
        self._on_progress(progress)


def explain_failure(read_model: AnyReadModel, error: psycopg.DatabaseError) -> str:
    """What Postgres says in its first line, and what to do about it if it is an event's fault."""
    name = read_model.name
    sentence = f"The projection {name} cannot be rebuilt: {error.diag.message_primary or error}."
    if (error.sqlstate or "")[:2] not in DATA_ERROR_CLASSES:
        return sentence
    if issubclass(read_model, Rollup):
        return f"{sentence} An event cannot be folded; skip it first: `catalog resume {name} --skip`."
    return f"{sentence} An event cannot be folded by the rules of {name}; they have to be changed first."


DATA_ERROR_CLASSES = ("22", "23")
"""The classes of SQLSTATE for data that an expression cannot take, and that a table cannot hold."""
