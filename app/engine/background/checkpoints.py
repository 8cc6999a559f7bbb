"""The checkpoints of asynchronous projections, and the batches that move them."""

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


class Checkpoint(Struct, frozen=True):
    """Where a background projection is."""

    position: int
    state: str
    """running; stopped by an event that it raised on; or outdated, until it is rebuilt by the rules installed."""
    settled: int
    """Where it can get to just now."""


HAS_WORK = """
select (select is_called and last_value > settled.position from catalog.log_position_seq)
    or exists (
        select from catalog.projections
        where name = any (%s) and state = 'running' and projections.position < settled.position)
from catalog.settled
"""


async def catch_up(connection: AsyncConnection, name: str, batch_events: int = CATCH_UP_BATCH_EVENTS) -> int:
    """Apply everything that is settled to one background projection; its checkpoint then.

    An event that it raises on stops this projection alone, and is kept with what it raised; it does not raise here.
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
    """Raises NotFound for a projection that the database does not know."""
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
    """One batch; the checkpoint then."""
    function = sql.Identifier("catalog", f"catch_up_{name}")
    query = sql.SQL("select {}(%s, %s)").format(function)
    row = await (await connection.execute(query, (position, events))).fetchone()
    assert row is not None, "a function answers with one row"
    return int(row[0])


async def _stop_projection(connection: AsyncConnection, name: str, after: int, error: psycopg.Error) -> None:
    """Stop at the event behind the checkpoint, which is the one that raised. No row that the error quotes is logged."""
    logger.error("the projection %s stopped behind position %s: %s", name, after, error.diag.message_primary)
    await connection.execute("select catalog.stop_projection(%s, %s, %s)", (name, after, str(error)))


async def resume_projection(connection: AsyncConnection, name: str, skip_as: str | None = None) -> None:
    """Let a stopped projection go on, past the event that stopped it if `skip_as` says who takes that upon himself.

    The skipped event is kept in catalog.projections.skipped. Raises NotFound for an unknown projection.
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
    """Make the read models known to the database, in the transaction that installs their functions.

    One that comes to a log with events in it is yet to be built. A rollup that has changed is not caught up until it is
    rebuilt: the installed functions would add up what others have left. One that was changed back before anybody
    rebuilt it goes on.
    """
    for read_model in read_models:
        given = {
            "name": read_model.name,
            "version": read_model.version,
            "fingerprint": fingerprint(read_model),
            "background": read_model.is_async(),
        }
        connection.execute(REGISTER_READ_MODEL, given)
