"""What is told of a rebuild: how far it is, how it has ended, why it cannot be."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import psycopg
from msgspec import Struct

from app.engine.projection.rollup import AnyReadModel
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

OnRebuildProgress = Callable[[RebuildProgress], None]


def explain_failure(read_model: AnyReadModel, error: psycopg.DatabaseError) -> str:
    """What Postgres says in its first line, and what to do about it if it is an event's fault."""
    name = read_model.name
    sentence = f"The projection {name} cannot be rebuilt: {error.diag.message_primary or error}."
    if (error.sqlstate or "")[:2] not in DATA_ERROR_CLASSES:
        return sentence
    if read_model.is_async():
        return f"{sentence} An event cannot be folded; skip it first: `catalog resume {name} --skip`."
    return f"{sentence} An event cannot be folded by the rules of {name}; they have to be changed first."


DATA_ERROR_CLASSES = ("22", "23")
"""The classes of SQLSTATE for data that an expression cannot take, and that a table cannot hold."""
