"""Fills the tables of a new generation from the log, slice by slice, and then indexes them."""

import asyncio

from psycopg import AsyncConnection

from app.engine.background.generation import Generation
from app.engine.background.rebuild_status import ProgressReporter
from app.engine.background.two_connections import TwoConnections
from app.engine.compiler.rebuild_steps import RebuildStep
from app.engine.postgres.connections import WatchedConnection

SLICE_STREAMS = 2_000


async def fill_generation(
    connections: TwoConnections, generation: Generation, position: int, progress: ProgressReporter
) -> None:
    """Fold every stream that now exists as of `position`; later streams are left to the catch-up."""
    first = connections.first
    row = await (await first.execute(LAST_STREAM_AND_EVENTS)).fetchone()
    assert row is not None, "an aggregate answers with one row"
    last_stream, progress.events = row
    await progress.report(first)
    slices = _Slices(last_stream)

    async def fill_next(connection: WatchedConnection) -> bool:
        claimed = await slices.claim(connection)
        if claimed is None:
            return False
        first_stream, last_stream, events = claimed
        with connection.allow_slow_statements():
            await generation.fill(connection, first_stream, last_stream, position)
        progress.add(events)
        await progress.report(connection)
        return True

    await connections.run(fill_next)


async def index_generation(connections: TwoConnections, generation: Generation) -> None:
    await _run_in_parallel(connections, generation, RebuildStep.INDEX)
    await generation.run_step(connections.first, RebuildStep.KEY)
    await _run_in_parallel(connections, generation, RebuildStep.ANALYZE)


async def _run_in_parallel(connections: TwoConnections, generation: Generation, step: RebuildStep) -> None:
    """Run the statements of a step, in order, on two connections."""
    left = list(reversed(range(len(generation.steps[step]))))

    async def run_next(connection: WatchedConnection) -> bool:
        if not left:
            return False
        statement = left.pop()
        with connection.allow_slow_statements():
            await generation.run_step(connection, step, statement)
        return True

    await connections.run(run_next)


class _Slices:
    """The streams to fold; each slice of them is claimed by one connection."""

    def __init__(self, last_stream: int) -> None:
        self._last_stream = last_stream
        self._claimed = 0
        """The last stream that a connection folds or has folded."""
        self._lock = asyncio.Lock()

    async def claim(self, connection: AsyncConnection) -> tuple[int, int, int] | None:
        """The first and the last stream of the next slice, and the number of its events; None after the last slice."""
        async with self._lock:
            claimed = self._claimed
            row = await (await connection.execute(SLICE_AFTER, (claimed, self._last_stream, SLICE_STREAMS))).fetchone()
            assert row is not None, "an aggregate answers with one row"
            last, events = row
            if last is None:
                return None
            self._claimed = last
            return claimed + 1, last, events


LAST_STREAM_AND_EVENTS = "select coalesce(max(stream_id), 0), coalesce(sum(version), 0)::bigint from catalog.streams"

SLICE_AFTER = """
select max(stream_id), sum(version)::bigint
from (
    select stream_id, version
    from catalog.streams
    where stream_id > %s and stream_id <= %s
    order by stream_id
    limit %s
) as slice
"""
