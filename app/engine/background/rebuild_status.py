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
from app.engine.projection.rollup import AnyReadModel
from app.errors import Conflict


class RebuildUnderWay(Conflict):
    """The projection is being rebuilt already"""


class RebuildFailed(Conflict):
    """The projection cannot be rebuilt"""


RebuildPhase = Literal["folding", "indexing", "swapping"]
"""folding: nearly all events are folded; indexing: indexes are made; swapping: the new tables replace the old ones."""


class RebuildProgress(Struct, frozen=True, kw_only=True):
    """How far a rebuild is."""

    projection: str
    phase: RebuildPhase
    events: int
    """The number of events to fold, without those recorded after the rebuild began."""
    done: int
    seconds: float
    """The time since the rebuild began."""


class RebuildResult(Struct, frozen=True, kw_only=True):
    """The result of a finished rebuild."""

    projection: str
    events: int
    seconds: float
    swap_milliseconds: float
    """The longest that writers, or for a rollup its catch-up, had to wait."""


class LastRebuild(Struct, frozen=True, kw_only=True):
    """How the last rebuild ended, as stored in catalog.projections."""

    ended_at: datetime
    error: str | None = None
    """Why it failed; the old documents still serve."""
    events: int | None = None
    seconds: float | None = None
    swap_milliseconds: float | None = None
    """The longest that writers, or for a rollup its catch-up, had to wait."""


ENDED_EARLY = "It was ended before it was done."


class ProgressReporter:
    """Reports how far one rebuild is, to a caller and to catalog.projections."""

    def __init__(self, projection: str, on_progress: OnProgress[RebuildProgress]) -> None:
        self.events = 0
        """The number of events to fold."""
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
    """The error of Postgres in one sentence, and what to do if an event cannot be folded."""
    name = read_model.name
    sentence = f"The projection {name} cannot be rebuilt: {error.diag.message_primary or error}."
    if (error.sqlstate or "")[:2] not in DATA_ERROR_CLASSES:
        return sentence
    if read_model.is_async():
        return f"{sentence} An event cannot be folded; skip it first: `catalog resume {name} --skip`."
    return f"{sentence} An event cannot be folded by the rules of {name}; change the rules first."


DATA_ERROR_CLASSES = ("22", "23")
"""The classes of SQLSTATE for data that an expression rejects, and for data that a table rejects."""
