"""Moves the checkpoints of async projections, a batch of events at a time."""

import logging
from collections.abc import Sequence

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, errors, sql

from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.postgres.in_doubt import committing
from app.engine.projection.rollup import AnyReadModel
from app.errors import NotFound

logger = logging.getLogger("catalog")
CATCH_UP_BATCH_EVENTS = 1_000
CHECKPOINT_MOVED = "SW006"
"""The SQLSTATE of a batch that another process has applied meanwhile."""


class Checkpoint(Struct, frozen=True):
    """How far an async projection is."""

    position: int
    state: str
    """running; stopped by an event that it cannot apply; or outdated, until it is rebuilt by the installed rules."""
    settled: int
    """The position up to which the log is settled: a projection applies nothing beyond."""


HAS_WORK = """
select (select is_called and last_value > settled.position from catalog.log_position_seq)
    or exists (
        select from catalog.projections
        where name = any (%s) and state = 'running' and projections.position < settled.position)
from catalog.settled
"""


async def catch_up(connection: AsyncConnection, name: str, batch_events: int = CATCH_UP_BATCH_EVENTS) -> int:
    """Apply all settled events to one async projection; return its checkpoint.

    A batch that fails or takes too long is tried again with fewer events. If one event fails alone, this projection
    stops, and the database stores the error; nothing is raised then.
    """
    events = batch_events
    while True:
        checkpoint = await read_checkpoint(connection, name)
        if checkpoint.state != "running" or checkpoint.position >= checkpoint.settled:
            return checkpoint.position
        try:
            position = await _apply_batch(connection, name, checkpoint.position, events)
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
            if error.sqlstate == CHECKPOINT_MOVED:
                continue
            if events == 1:
                await _stop_projection(connection, name, checkpoint.position, error)
            events = max(1, events // 4)


async def read_checkpoint(connection: AsyncConnection, name: str) -> Checkpoint:
    """Raises NotFound if the database does not know the projection."""
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


async def _apply_batch(connection: AsyncConnection, name: str, position: int, events: int) -> int:
    """Apply one batch after `position`; return the new checkpoint."""
    function = sql.Identifier("catalog", f"catch_up_{name}")
    query = sql.SQL("select {}(%s, %s)").format(function)
    row = await (await connection.execute(query, (position, events))).fetchone()
    assert row is not None, "a function answers with one row"
    return int(row[0])


async def _stop_projection(connection: AsyncConnection, name: str, after: int, error: psycopg.Error) -> None:
    """Stop the projection at the event after its checkpoint, which failed. The log line quotes no row of the error."""
    logger.error("the projection %s stopped behind position %s: %s", name, after, error.diag.message_primary)
    await connection.execute("select catalog.stop_projection(%s, %s, %s)", (name, after, str(error)))


async def resume_projection(connection: AsyncConnection, name: str, skip_as: str | None = None) -> None:
    """Resume a stopped projection; skip the event that stopped it if `skip_as` names who is responsible.

    catalog.projections.skipped lists the skipped events. Raises NotFound if the database does not know the projection.
    """
    await read_checkpoint(connection, name)
    with committing(connection):
        await connection.execute("select catalog.resume_projection(%s, %s)", (name, skip_as))


REGISTER_READ_MODEL = """
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
    """Register the read models in the transaction that installs their functions.

    A new read model over a log with events must first be rebuilt. A changed rollup becomes outdated and is not caught
    up until it is rebuilt: the installed functions would mix with rows that other rules wrote. If its rules are changed
    back before a rebuild, it runs again.
    """
    for read_model in read_models:
        given = {
            "name": read_model.name,
            "version": read_model.version,
            "fingerprint": fingerprint(read_model),
            "background": read_model.is_async(),
        }
        connection.execute(REGISTER_READ_MODEL, given)
