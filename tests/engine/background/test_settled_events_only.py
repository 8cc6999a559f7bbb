"""A read model applies no event behind the mark, so it does not pass one that commits late."""

import asyncio

import psycopg
from psycopg import AsyncConnection

from app.engine.background.checkpoints import catch_up
from app.engine.store.high_water_mark import advance_mark
from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.workload import SPADE, audit, catch_up_all, differences, not_applied_once

ROLLUPS = [each.name for each in PROJECTIONS if each.is_async()]


async def settle(conninfo: str) -> int:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        return (await advance_mark(connection)).position


async def checkpoints_after_a_round(conninfo: str) -> list[int]:
    """As the projector does when the mark is somewhere."""
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        return [await catch_up(connection, name) for name in ROLLUPS]


def test_an_event_that_commits_late_is_applied_although_later_ones_were_there(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    audit(conninfo)
    _, _, first, _, _ = append(connection, None, [SPADE])
    assert asyncio.run(settle(conninfo)) == first
    with psycopg.connect(conninfo) as slow:
        append(slow, None, [SPADE])
        append(connection, None, [SPADE])
        assert asyncio.run(checkpoints_after_a_round(conninfo)) == [first] * len(ROLLUPS)
        slow.commit()
    asyncio.run(catch_up_all(conninfo))
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []
