"""Batches shrink until they succeed, grow again, and one event that takes too long is left to the next round."""

import asyncio

import psycopg
import pytest
from psycopg import AsyncConnection, errors

from app.engine.background.checkpoints import catch_up
from app.engine.store.high_water_mark import advance_mark
from tests.support.appending import append
from tests.support.operator_commands import fetch_value
from tests.support.workload import SPADE

TAKE_TOO_LONG = """
create sequence public.tries;
create table public.batches (size bigint not null);
create function public.take_time() returns trigger language plpgsql as $$
begin
    if nextval('public.tries') <= {times} then
        raise query_canceled;
    end if;
    insert into public.batches values (new.position - old.position);
    return null;
end $$;
create trigger take_time after update of position on catalog.projections
for each row execute function public.take_time();
"""
"""The first batches end as the server ends a statement after its time."""
BATCH_EVENTS = 16
EVENTS = 100


async def settle_and_catch_up(conninfo: str) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
        await advance_mark(opened)
        await catch_up(opened, "owners", BATCH_EVENTS)


def test_after_a_batch_that_took_too_long_batches_grow_again(connection: psycopg.Connection) -> None:
    for _ in range(EVENTS):
        append(connection, None, [SPADE])
    connection.execute(TAKE_TOO_LONG.format(times=1).encode())
    asyncio.run(settle_and_catch_up(connection.info.dsn))
    sizes = [size for (size,) in connection.execute("select size from public.batches")]
    assert sizes[:4] == [4, 8, 16, 16]
    assert sum(sizes) == EVENTS


def test_one_event_that_takes_too_long_is_not_tried_again_at_once_and_stops_nothing(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE, SPADE])
    connection.execute(TAKE_TOO_LONG.format(times=50).encode())
    with pytest.raises(errors.QueryCanceled):
        asyncio.run(settle_and_catch_up(conninfo))
    assert fetch_value(connection, "select last_value from public.tries") <= 3
    state = "select state, position from catalog.projections where name = 'owners'"
    assert connection.execute(state).fetchone() == ("running", 0)
    connection.execute("drop trigger take_time on catalog.projections")
    asyncio.run(settle_and_catch_up(conninfo))
    assert fetch_value(connection, "select position from catalog.projections where name = 'owners'") == 2
