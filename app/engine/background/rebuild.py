"""Rebuilds a read model while clients read and write: a new generation beside the serving one, then a short swap.

A killed rebuild has changed nothing that is served. Its advisory lock disappears with its connection, and the next
rebuild starts from the beginning. Memory is bounded: Postgres folds the streams in slices; no event passes through
Python. `rebuild_fill` fills and indexes the new tables, `rebuild_catch_up` folds what changed meanwhile, and
`rebuild_swap` puts the new tables in the place of the old ones.
"""

from contextlib import suppress

import psycopg
from psycopg import AsyncConnection

from app.engine.background.generation import abandon_rebuild, generation_of
from app.engine.background.progress import OnProgress
from app.engine.background.rebuild_fill import fill_generation, index_generation
from app.engine.background.rebuild_status import (
    ENDED_EARLY,
    ProgressReporter,
    RebuildFailed,
    RebuildProgress,
    RebuildResult,
    RebuildUnderWay,
    explain_failure,
)
from app.engine.background.rebuild_swap import Swap, check_release
from app.engine.background.two_connections import TwoConnections
from app.engine.compiler.rebuild_steps import RebuildStep
from app.engine.postgres.advisory_locks import rebuild_lock_key, try_lock
from app.engine.postgres.connections import WatchedConnection
from app.engine.postgres.migrations import installed_release
from app.engine.postgres.session_settings import REBUILD
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import advance_mark
from app.errors import CatalogError


async def rebuild(
    conninfo: str,
    read_model: AnyReadModel,
    on_progress: OnProgress[RebuildProgress] = lambda _: None,
    release: str | None = None,
) -> RebuildResult:
    """Build the next generation of a read model and swap it in.

    `release` is the checksum of the schema that the read model belongs to; the default is the installed one.
    Raises RebuildUnderWay if another rebuild of it runs. Raises RebuildFailed if the log cannot be folded or another
    release is installed, and Unavailable if the swap never got its locks. The old generation then still serves.
    """
    async with await WatchedConnection.open(conninfo, REBUILD) as connection:
        if not await try_lock(connection, rebuild_lock_key(read_model.name)):
            raise RebuildUnderWay(f"The projection {read_model.name} is being rebuilt already.")
        why = ENDED_EARLY
        try:
            release = release or await installed_release(connection)
            return await _rebuild(conninfo, connection, read_model, on_progress, release)
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            why = explain_failure(read_model, error)
            raise RebuildFailed(why) from error
        except CatalogError as error:
            why = error.detail
            raise
        finally:
            # If the connection is lost, the next rebuild or projector cleans up. A cancellation must not be replaced.
            with suppress(psycopg.Error):
                await abandon_rebuild(connection, read_model, why)


async def _rebuild(
    conninfo: str,
    connection: WatchedConnection,
    read_model: AnyReadModel,
    on_progress: OnProgress[RebuildProgress],
    release: str | None,
) -> RebuildResult:
    progress = ProgressReporter(read_model.name, on_progress)
    generation = generation_of(read_model)
    connections = TwoConnections(conninfo, connection)
    await check_release(connection, read_model, release)
    await _check_installed(connection, read_model)
    position = (await advance_mark(connection)).position
    await generation.read_skipped(connection)
    await generation.run_step(connection, RebuildStep.BEGIN)
    await fill_generation(connections, generation, position, progress)
    await progress.start_phase(connection, "indexing")
    await index_generation(connections, generation)
    await progress.start_phase(connection, "swapping")
    swap = Swap(connection, read_model, generation, release, progress)
    await swap.run(position)
    return RebuildResult(
        projection=read_model.name,
        events=progress.events,
        seconds=progress.seconds(),
        swap_milliseconds=swap.milliseconds,
    )


async def _check_installed(connection: AsyncConnection, read_model: AnyReadModel) -> None:
    """Without its compiled steps, every statement of a rebuild would do nothing. Raises RebuildFailed."""
    query = "select exists (select from catalog.rebuild_steps where read_model = %s)"
    if await (await connection.execute(query, (read_model.name,))).fetchone() != (True,):
        why = "the installed schema does not have it. Run `catalog migrate` with it"
        raise RebuildFailed(f"The projection {read_model.name} cannot be rebuilt: {why}.")
