"""A bulkhead lets in exactly as many as it has slots and places in its queue, and shares the pool as documented."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from app.engine.postgres.bulkheads import Bulkhead, Bulkheads, CommandBulkhead
from app.errors import Unavailable

NO_WAIT_SECONDS = 0.001


async def slots(bulkhead: Bulkhead) -> int:
    """How many can be inside at once."""
    async with AsyncExitStack() as inside:
        for number in range(100):
            try:
                await inside.enter_async_context(bulkhead.enter("tests", NO_WAIT_SECONDS))
            except Unavailable:
                return number
    raise AssertionError("it has no limit")


@pytest.mark.parametrize(
    ("pool_size", "costly", "commands", "imports"),
    [(1, 1, 1, 1), (2, 1, 1, 1), (3, 1, 2, 1), (4, 2, 3, 1), (9, 4, 8, 1)],
)
def test_each_kind_of_work_has_its_share_of_the_pool(pool_size: int, costly: int, commands: int, imports: int) -> None:
    async def run() -> list[int]:
        given = Bulkheads(pool_size, wait_seconds=30)
        kinds = (given.costly, given.commands, given.imports)
        assert [each.limit for each in kinds] == [costly, commands, imports], "as a refusal says it"
        return [await slots(each) for each in kinds]

    assert asyncio.run(run()) == [costly, commands, imports]


@pytest.mark.parametrize(("pool_size", "left_to_commands"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 7)])
def test_an_import_takes_a_slot_of_the_commands_where_the_pool_has_more_than_two_connections(
    pool_size: int, left_to_commands: int
) -> None:
    async def run() -> int:
        given = Bulkheads(pool_size, wait_seconds=30)
        async with given.imports.enter("imports"):
            return await slots(given.commands)

    assert asyncio.run(run()) == min(left_to_commands, max(1, pool_size - 1))


@pytest.mark.parametrize("pool_size", [1, 4, 9])
def test_all_kinds_together_leave_the_last_connection(pool_size: int) -> None:
    async def run() -> int:
        given = Bulkheads(pool_size, wait_seconds=30)
        inside = 0
        async with AsyncExitStack() as held:
            for bulkhead in (given.costly, given.commands):
                for _ in range(bulkhead.limit):
                    try:
                        await held.enter_async_context(bulkhead.enter("tests", NO_WAIT_SECONDS))
                        inside += 1
                    except Unavailable:
                        break
        return inside

    assert asyncio.run(run()) == max(1, pool_size - 1)


def test_who_waited_in_vain_for_the_outer_bulkhead_keeps_no_slot_of_the_inner_one() -> None:
    async def run() -> tuple[int, int]:
        given = Bulkheads(4, wait_seconds=30)
        async with AsyncExitStack() as held:
            for _ in range(given.commands.limit):
                await held.enter_async_context(given.commands.enter("commands"))
            while_full = await slots(given.costly)
        return while_full, await slots(given.costly)

    assert asyncio.run(run()) == (0, 2)


@pytest.mark.parametrize("kind", [Bulkhead, CommandBulkhead])
@pytest.mark.parametrize("places", [1, 2, None])
def test_the_queue_holds_as_many_as_it_may_and_the_next_is_refused_at_once(
    kind: type[Bulkhead], places: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the queue's own length, and with shorter ones. Whoever waited is let in afterwards."""
    if places is not None:
        monkeypatch.setattr(kind, "waiting_max", places)

    async def run() -> None:
        bulkhead = kind(1, wait_seconds=30)
        free = asyncio.Event()

        async def hold() -> None:
            async with bulkhead.enter("tests"):
                await free.wait()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hold())
            await asyncio.sleep(0)
            for _ in range(kind.waiting_max):
                tasks.create_task(hold())
            await asyncio.sleep(0)
            assert bulkhead.waiting == kind.waiting_max
            with pytest.raises(Unavailable):
                await bulkhead.enter("tests").__aenter__()
            free.set()
        assert bulkhead.waiting == 0

    asyncio.run(run())


def test_a_queue_is_for_costly_reads_and_a_longer_one_for_commands() -> None:
    given = Bulkheads(4, wait_seconds=30)
    assert (given.costly.waiting_max, given.imports.waiting_max, given.commands.waiting_max) == (32, 32, 1000)
