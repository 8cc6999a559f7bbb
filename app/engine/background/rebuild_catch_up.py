"""Folds streams into a new generation again if they changed after they were folded."""

from psycopg import AsyncConnection

from app.engine.background.generation import Generation
from app.engine.background.rebuild_fill import SLICE_STREAMS
from app.engine.compiler.rebuild_steps import RebuildStep
from app.engine.store.high_water_mark import advance_mark

ROUNDS_MAX = 10
SMALL_ROUND_STREAMS = 100
"""A round with no more changed streams is the last one."""


async def catch_up_generation(connection: AsyncConnection, generation: Generation, position: int) -> int:
    """Refold what changed after `position`, until a round is small; return the position it is as of then."""
    for _ in range(ROUNDS_MAX):
        upto = max(position, (await advance_mark(connection)).position)
        streams = await refold_changed(connection, generation, position, upto)
        position = upto
        if streams <= SMALL_ROUND_STREAMS:
            break
    return position


async def refold_changed(connection: AsyncConnection, generation: Generation, after: int, upto: int) -> int:
    """Refold the streams that have events after one position and up to another; return how many streams."""
    query = "select distinct stream_id from catalog.events where position > %s and position <= %s"
    streams = [id for (id,) in await (await connection.execute(query, (after, upto))).fetchall()]
    for start in range(0, len(streams), SLICE_STREAMS):
        some = streams[start : start + SLICE_STREAMS]
        await generation.run_step(connection, RebuildStep.REFOLD, streams=some, position=upto)
    return len(streams)


async def refold_skipped(connection: AsyncConnection, generation: Generation, upto: int) -> None:
    """Refold the streams of the events that an operator has skipped since the rebuild began."""
    before = generation.skipped
    await generation.read_skipped(connection)
    changed = list({*generation.skipped} ^ {*before})
    query = "select distinct stream_id from catalog.events where position = any (%s)"
    streams = [id for (id,) in await (await connection.execute(query, (changed,))).fetchall()]
    if streams:
        await generation.run_step(connection, RebuildStep.REFOLD, streams=streams, position=upto)
