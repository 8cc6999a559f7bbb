"""How the projections are: what `/projections`, `catalog lag` and the metrics show is asked here, so that all agree.

Connections read JSON as it is stored.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct
from psycopg import AsyncConnection

from app.engine.background.rebuild_status import LastRebuild
from app.engine.postgres.advisory_locks import LEADER_LOCK, rebuild_lock_key
from app.engine.projection.rollup import AnyReadModel


class SkippedEvent(Struct, frozen=True, kw_only=True):
    """An event that somebody told a projection to leave out."""

    position: int | None
    by: str
    at: str
    """RFC 3339, UTC, six digits."""
    error: str | None
    """What it had raised, the first line of it."""


class ProjectionStatus(Struct, frozen=True, kw_only=True):
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
    """Stopped by an event that it raised on; outdated until it is rebuilt by the rules installed."""
    error: str | None
    """What the event raised that stopped it, the first line of it; catalog.projections has all."""
    error_position: int | None
    """That event."""
    skipped: list[SkippedEvent]
    rebuild: Raw | None
    """A rebuild under way, in whatever process: {phase, events, done, seconds}."""
    last_rebuild: LastRebuild | None
    """How the last rebuild has ended, whoever began it."""


BEHIND_AFTER_SECONDS = 10.0
"""Settling and applying take milliseconds, another leader's taking over some seconds."""


class BackgroundLag(Struct, frozen=True, kw_only=True):
    """How far the background is behind the log, by the database's clock and never by the mark alone: requests as of
    an instant move the mark too, though nobody may lead."""

    seconds: float
    """The age of the oldest event that is not settled, or that a background projection has not applied; 0 for none."""
    unsettled_seconds: float
    """The age of the oldest event that is not settled, or that no running projection has applied: the leader, who
    settles and applies, has not dealt with it, whoever else may have settled it; 0 for none."""
    all_running: bool
    """False if a projection is stopped by an event, or outdated until it is rebuilt by the rules installed."""

    @property
    def state(self) -> Literal["ok", "behind"]:
        return "ok" if self.all_running and self.seconds <= BEHIND_AFTER_SECONDS else "behind"


class LogStatus(Struct, frozen=True, kw_only=True):
    """Everything that could be behind."""

    head: int
    """The newest committed position; 0 for a log without events."""
    settled_position: int
    """Every position up to this one is committed or will never be."""
    settled_instant: datetime | None
    """No event will be recorded at or before it any more; null before the log was first settled."""
    has_leader: bool
    """Whether some projector leads; while none does, nothing is settled or caught up."""
    background: Literal["ok", "behind"]
    """Behind: an event waits for longer than ten seconds to be settled or applied, or a projection does not run."""
    background_seconds: float
    """The age of the oldest event that is not settled, or that a projection has not applied; 0 when there is none."""
    projections: list[ProjectionStatus]
    """In the order in which the service lists them."""


async def read_log_status(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> LogStatus:
    """How the read models are; without those that the database does not know."""
    row = await (await connection.execute(MARK_AND_HEAD)).fetchone()
    assert row is not None, "the mark is always there"
    position, instant, head = row
    held = await _held_locks(connection)
    background = await read_background_lag(connection, read_models)
    rows = await (await connection.execute(PROJECTION_STATUSES, ([each.name for each in read_models],))).fetchall()
    return LogStatus(
        head=head,
        settled_position=position,
        settled_instant=instant,
        has_leader=LEADER_LOCK in held,
        background=background.state,
        background_seconds=background.seconds,
        projections=[_projection_status(head, held, *row) for row in rows],
    )


async def read_background_lag(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> BackgroundLag:
    """Of the mark and of these read models; cheap, however far behind they are."""
    row = await (await connection.execute(BACKGROUND_LAG, ([each.name for each in read_models],))).fetchone()
    assert row is not None, "the mark is always there"
    seconds, unsettled_seconds, all_running = row
    return BackgroundLag(seconds=seconds, unsettled_seconds=unsettled_seconds, all_running=all_running)


async def has_leader(connection: AsyncConnection) -> bool:
    """Whether some projector leads."""
    return LEADER_LOCK in await _held_locks(connection)


async def _held_locks(connection: AsyncConnection) -> set[int]:
    """The advisory locks: a rebuild's progress outlives one that was killed, its lock does not."""
    return {key for (key,) in await (await connection.execute(ADVISORY_LOCKS)).fetchall()}


def _projection_status(
    head: int, held: set[int], name: str, background: bool, position: int, *rest: Any
) -> ProjectionStatus:
    version, lag_events, lag_seconds, state, error, error_position, skipped, rebuild, last_rebuild = rest
    return ProjectionStatus(
        name=name,
        version=version,
        lifecycle="async" if background else "inline",
        position=position if background else head,
        lag_events=lag_events,
        lag_seconds=lag_seconds,
        state=state,
        error=_first_line(error),
        error_position=error_position,
        skipped=[_skipped_event(each) for each in msgspec.json.decode(skipped, type=list[SkippedEvent])],
        rebuild=Raw(rebuild) if rebuild is not None and rebuild_lock_key(name) in held else None,
        last_rebuild=None if last_rebuild is None else msgspec.json.decode(last_rebuild, type=LastRebuild),
    )


def _skipped_event(skip: SkippedEvent) -> SkippedEvent:
    return SkippedEvent(position=skip.position, by=skip.by, at=skip.at, error=_first_line(skip.error))


def _first_line(error: str | None) -> str | None:
    """The sentence; then Postgres says where in the compiled SQL it was."""
    return error and error.partition("\n")[0]


MARK_AND_HEAD = """
select position, nullif(instant, '-infinity'), (select coalesce(max(events.position), 0) from catalog.events)
from catalog.settled
"""

BACKGROUND_LAG = """
select greatest(unsettled.seconds, background.seconds),
    greatest(unsettled.seconds, background.least_seconds),
    background.all_running
from (
    select coalesce(extract(epoch from clock_timestamp() - (
        select events.recorded_at
        from catalog.events
        where events.position > settled.position
        order by events.position
        limit 1
    )), 0)::double precision as seconds
    from catalog.settled
) as unsettled
cross join (
    select coalesce(max(lag.seconds), 0) as seconds,
        coalesce(min(lag.seconds) filter (where lag.state = 'running'), 0) as least_seconds,
        coalesce(bool_and(lag.state = 'running'), true) as all_running
    from (
        select projections.state,
            greatest(coalesce(extract(epoch from clock_timestamp() - (
                select events.recorded_at
                from catalog.events
                where events.position > projections.position
                order by events.position
                limit 1
            )), 0), 0)::double precision as seconds
        from catalog.projections
        where projections.background
            and projections.name = any (%s)
    ) as lag
) as background
"""
"""What catalog.projection_lag says as well, without counting events, for probes ask this every few seconds."""

ADVISORY_LOCKS = """
select (classid::bigint << 32) + objid::bigint
from pg_locks
where locktype = 'advisory'
    and granted
    and database = (select oid from pg_database where datname = current_database())
"""

PROJECTION_STATUSES = """
select name, background, projections.position, version, coalesce(lag_events, 0), coalesce(lag_seconds, 0),
    state, error, error_position, skipped, rebuild, last_rebuild
from unnest(%s::text[]) with ordinality as known (name, place)
join catalog.projections using (name)
left join catalog.projection_lag using (name)
order by known.place
"""
