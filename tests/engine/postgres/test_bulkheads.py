"""The queues before a pool's connections."""

import asyncio

import pytest

from app.engine.postgres.bulkheads import Bulkhead, Bulkheads
from app.errors import Unavailable

BURST = 200


async def refused_of_a_burst(bulkhead: Bulkhead) -> int:
    """How many of many that come at once are refused; each that is let in gives its slot back at once."""

    async def enter() -> None:
        async with bulkhead.enter("commands"):
            await asyncio.sleep(0)

    outcomes = await asyncio.gather(*(enter() for _ in range(BURST)), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, Unavailable) for outcome in outcomes)
    return sum(outcome is not None for outcome in outcomes)


@pytest.mark.parametrize("pool_size", [1, 4])
def test_a_burst_of_commands_waits_where_costly_reads_are_refused(pool_size: int) -> None:
    async def run() -> tuple[int, int]:
        bulkheads = Bulkheads(pool_size, wait_seconds=5)
        return await refused_of_a_burst(bulkheads.commands), await refused_of_a_burst(bulkheads.costly)

    commands, costly = asyncio.run(run())
    assert commands == 0
    assert costly > 0


def test_who_waits_in_vain_for_the_outer_bulkhead_gives_the_inner_slot_back() -> None:
    async def run() -> None:
        outer = Bulkhead(1, 0.01)
        inner = Bulkhead(1, 0.01, outer)
        async with outer.enter("commands"):
            with pytest.raises(Unavailable):
                async with inner.enter("searches"):
                    raise AssertionError("the outer one is full")
        async with inner.enter("searches"):
            assert inner.waiting == 0

    asyncio.run(run())
