"""However few streams a slice or a round has, a rebuild and a verification come to the same result."""

import asyncio
from math import ceil
from typing import Any

import psycopg
import pytest

from app.engine.background import rebuild_catch_up, rebuild_fill, rebuild_swap
from app.engine.background import verify as verification
from app.engine.background.generation import Generation, generation_of
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress
from app.engine.background.verify import StreamsCompared, verify
from app.engine.compiler.rebuild_steps import RebuildStep
from app.engine.postgres.connections import WatchedConnection
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import Mark, advance_mark
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append, json_as_bytes
from tests.support.workload import SPADE, SWAPPED, catch_up_all, differences

STREAMS = 7
Ran = tuple[RebuildStep, list[int] | None]
SLICES = [1, 3, STREAMS - 2, STREAMS, STREAMS + 1]


@pytest.fixture
def streams(connection: psycopg.Connection) -> list[int]:
    """Seven items, each swapped."""
    json_as_bytes(connection)
    return [append(connection, None, [SPADE, SWAPPED])[0] for _ in range(STREAMS)]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Ran]:
    """The steps that rebuilds run, each with the streams that it is for."""
    run_step = Generation.run_step
    ran: list[Ran] = []

    async def note(self: Generation, connection: Any, step: RebuildStep, *rest: Any, **given: Any) -> None:
        ran.append((step, given.get("streams")))
        await run_step(self, connection, step, *rest, **given)

    monkeypatch.setattr(Generation, "run_step", note)
    return ran


@pytest.mark.parametrize("slice_streams", SLICES)
@pytest.mark.parametrize("read_model", [Items, Owners])
def test_a_rebuild_folds_and_catches_up_in_slices_of_any_size(
    connection: psycopg.Connection,
    streams: list[int],
    steps: list[Ran],
    read_model: AnyReadModel,
    slice_streams: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it indexes, some streams get an event; the others are folded once."""
    monkeypatch.setattr(rebuild_fill, "SLICE_STREAMS", slice_streams)
    monkeypatch.setattr(rebuild_catch_up, "SLICE_STREAMS", slice_streams)
    seen: list[RebuildProgress] = []
    changed = streams[1:-1]

    def change_some_streams_once(progress: RebuildProgress) -> None:
        seen.append(progress)
        if progress.phase == "indexing":
            for stream in changed:
                append(connection, stream, [SWAPPED])

    asyncio.run(rebuild(connection.info.dsn, read_model, change_some_streams_once))
    assert [each.phase for each in seen].count("indexing") == 1
    assert max(each.done for each in seen) == 2 * STREAMS
    assert [step for step, _ in steps].count(RebuildStep.FILL) == ceil(STREAMS / slice_streams)
    refolded = [some for step, some in steps if step == RebuildStep.REFOLD and some]
    assert sorted(stream for some in refolded for stream in some) == changed
    assert max(map(len, refolded)) == min(slice_streams, len(changed))
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []


@pytest.mark.parametrize(
    ("small", "rounds_max", "changed_each_round", "rounds"),
    [(STREAMS, 9, 0, 1), (STREAMS - 1, 9, 0, 2), (2, 9, 2, 2), (1, 3, 2, 3), (1, 1, 2, 1)],
)
def test_a_catch_up_ends_with_a_small_round_or_after_as_many_as_it_may_have(
    connection: psycopg.Connection,
    streams: list[int],
    monkeypatch: pytest.MonkeyPatch,
    small: int,
    rounds_max: int,
    changed_each_round: int,
    rounds: int,
) -> None:
    """It begins with nothing, so the first round folds all seven streams; further streams change before each round."""
    monkeypatch.setattr(rebuild_catch_up, "SMALL_ROUND_STREAMS", small)
    monkeypatch.setattr(rebuild_catch_up, "ROUNDS_MAX", rounds_max)
    marks: list[Mark] = []

    async def change_and_advance(opened: Any) -> Mark:
        for stream in streams[:changed_each_round]:
            append(connection, stream, [SWAPPED])
        marks.append(await advance_mark(opened))
        return marks[-1]

    monkeypatch.setattr(rebuild_catch_up, "advance_mark", change_and_advance)

    async def catch_up() -> int:
        generation = generation_of(Items)
        async with await WatchedConnection.open(connection.info.dsn) as opened:
            for step in (RebuildStep.BEGIN, RebuildStep.INDEX, RebuildStep.KEY):
                await generation.run_step(opened, step)
            return await rebuild_catch_up.catch_up_generation(opened, generation, 0)

    assert asyncio.run(catch_up()) == marks[-1].position
    assert len(marks) == rounds
    query = "select id, version, document::text from catalog.{} order by id"
    folded, stored = (connection.execute(query.format(name).encode()).fetchall() for name in ("items_next", "items"))
    assert folded == stored


@pytest.mark.parametrize(("short_seconds", "rounds"), [(60.0, 1), (0.0, 3)])
def test_a_swap_waits_for_snapshots_again_until_a_wait_is_short_or_often_enough(
    connection: psycopg.Connection,
    streams: list[int],
    steps: list[Ran],
    short_seconds: float,
    rounds: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild_swap, "SHORT_WAIT_SECONDS", short_seconds)
    monkeypatch.setattr(rebuild_swap, "ROUNDS_MAX", 3)
    asyncio.run(rebuild(connection.info.dsn, Owners))
    assert [step for step, _ in steps].count(RebuildStep.AGGREGATE) == rounds


@pytest.mark.parametrize("slice_streams", SLICES)
def test_a_verification_finds_the_same_in_slices_of_any_size(
    connection: psycopg.Connection, streams: list[int], slice_streams: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It also finds rows of streams before the first, between two, and after the last."""
    monkeypatch.setattr(verification, "VERIFY_SLICE_STREAMS", slice_streams)
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []
    surplus = [-5, 0, STREAMS + 1, STREAMS + 9, STREAMS + 10]
    for id in surplus:
        connection.execute(
            "insert into catalog.items select %s, version, valid_from, document from catalog.items where id = 1", (id,)
        )
        connection.execute(
            "insert into catalog.owners_members select %s, key, part from catalog.owners_members where id = 1", (id,)
        )
    connection.execute("update catalog.items set version = 77 where id = any (%s)", (streams,))
    connection.execute("update catalog.owners_members set key = 'nobody' where id = any (%s)", (streams,))
    for read_model in (Items, Owners):
        told: list[StreamsCompared] = []
        found = asyncio.run(verify(connection.info.dsn, read_model, told.append)).differing
        assert sorted(each.id for each in found if isinstance(each.id, int)) == sorted([*surplus, *streams])
        assert [each.streams for each in told] == [
            min(count, STREAMS) for count in range(slice_streams, STREAMS + len(surplus) + 1, slice_streams)
        ]
