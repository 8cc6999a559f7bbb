"""Reads the status of the log and its projections, for `/projections`, `catalog lag` and the metrics alike.

The connections must read JSON as stored bytes.
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
    """An event that an operator had a projection skip."""

    position: int | None
    by: str
    at: str
    """RFC 3339, UTC, six digits."""
    error: str | None
    """The first line of the error that it caused."""


class ProjectionStatus(Struct, frozen=True, kw_only=True):
    """The status of one projection."""

    name: str
    version: int
    """The version of the projection that its documents were folded by."""
    lifecycle: Literal["inline", "async"]
    position: int
    """The last position that it includes: its checkpoint. An inline projection is never behind, so it is the head."""
    lag_events: int
    """The number of events that it has not yet applied, settled or not."""
    lag_seconds: float
    """The age of the oldest of these events, by the database's clock; 0 if there is none."""
    state: Literal["running", "stopped", "outdated"]
    """Stopped by an event that it cannot apply; outdated until it is rebuilt by the installed rules."""
    error: str | None
    """The first line of the error that stopped it; catalog.projections has the whole error."""
    error_position: int | None
    """The position of the event that stopped it."""
    skipped: list[SkippedEvent]
    rebuild: Raw | None
    """The running rebuild, in any process: {phase, events, done, seconds}."""
    last_rebuild: LastRebuild | None
    """How the last rebuild ended, in any process."""


BEHIND_AFTER_SECONDS = 10.0
"""Settling and applying events takes milliseconds; a change of the leader takes some seconds."""


class BackgroundLag(Struct, frozen=True, kw_only=True):
    """How far the background is behind the log, by the database's clock.

    The mark alone would not tell: requests as of an instant move it too, even if no projector leads.
    """

    seconds: float
    """The age of the oldest event that is not settled, or not applied by every async projection; 0 if there is none."""
    unsettled_seconds: float
    """The age of the oldest event that is not settled, or that no running projection has applied; 0 if there is none.

    So it measures the leader, which settles and applies, even if another process has settled the event."""
    all_running: bool
    """False if a projection is stopped or outdated."""

    @property
    def state(self) -> Literal["ok", "behind"]:
        return "ok" if self.all_running and self.seconds <= BEHIND_AFTER_SECONDS else "behind"


class LogStatus(Struct, frozen=True, kw_only=True):
    """The status of the log, the background and all projections."""

    head: int
    """The newest committed position; 0 for a log without events."""
    settled_position: int
    """Every position up to this one is committed, or will never be used."""
    settled_instant: datetime | None
    """No further event will be recorded at or before it; null before the log was first settled."""
    has_leader: bool
    """Whether a projector leads; while none does, no event is settled in the background or applied."""
    background: Literal["ok", "behind"]
    """Behind: an event has waited over ten seconds to be settled or applied, or a projection does not run."""
    background_seconds: float
    """The age of the oldest event that is not settled, or not applied by every projection; 0 if there is none."""
    projections: list[ProjectionStatus]
    """In the order in which the service declares them."""


async def read_log_status(connection: AsyncConnection, read_models: Sequence[AnyReadModel]) -> LogStatus:
    """The status of the log and of these read models, without those that the database does not know."""
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
    """How far these read models are behind; cheap, however far it is."""
    row = await (await connection.execute(BACKGROUND_LAG, ([each.name for each in read_models],))).fetchone()
    assert row is not None, "the mark is always there"
    seconds, unsettled_seconds, all_running = row
    return BackgroundLag(seconds=seconds, unsettled_seconds=unsettled_seconds, all_running=all_running)


async def has_leader(connection: AsyncConnection) -> bool:
    """Whether a projector leads."""
    return LEADER_LOCK in await _held_locks(connection)


async def _held_locks(connection: AsyncConnection) -> set[int]:
    """The held advisory locks. They tell a running rebuild from a killed one, whose progress stays in the database."""
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
    """The error's sentence. The further lines say where in the compiled SQL it was raised."""
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
"""The seconds of catalog.projection_lag without its counts of events, because probes ask every few seconds."""

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
