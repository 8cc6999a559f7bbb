"""Laws 2 and 4: a rebuild changes nothing; the background skips nothing and applies nothing twice."""

import asyncio
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.generations import AnyReadModel
from app.main import PROJECTIONS
from app.rebuild import rebuild
from app.verify import verify
from tests.histories import item_histories
from tests.log import append
from tests.soak.load import catch_up_all


def differing(conninfo: str, read_model: AnyReadModel) -> list[Any]:
    return asyncio.run(verify(conninfo, read_model)).differing


def stored(connection: psycopg.Connection) -> list[Any]:
    """Every document of every read model."""
    tables = [connection.execute(f"select * from catalog.{each.name} order by 1").fetchall() for each in PROJECTIONS]
    return [*tables]


few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(histories=st.lists(item_histories, min_size=1, max_size=5), batch=st.integers(1, 7), again=item_histories)
def test_rollups_equal_the_fold_of_all_documents_whatever_the_batches(
    connection: psycopg.Connection, histories: list[Any], batch: int, again: Any
) -> None:
    conninfo = connection.info.dsn
    streams = [append(connection, None, history)[0] for history in histories]
    asyncio.run(catch_up_all(conninfo, batch))
    append(connection, streams[0], again[1:] or again)
    assert [differing(conninfo, each) for each in PROJECTIONS] == [[], [], []]
    asyncio.run(catch_up_all(conninfo, batch))
    assert [differing(conninfo, each) for each in PROJECTIONS] == [[], [], []]


@few
@given(histories=st.lists(item_histories, min_size=1, max_size=5))
def test_a_rebuild_changes_nothing(connection: psycopg.Connection, histories: list[Any]) -> None:
    for history in histories:
        append(connection, None, history)
    asyncio.run(catch_up_all(connection.info.dsn))
    before = stored(connection)
    for read_model in PROJECTIONS:
        asyncio.run(rebuild(connection.info.dsn, read_model))
    assert stored(connection) == before


def test_nothing_can_be_rebuilt(connection: psycopg.Connection) -> None:
    """A log without events: every rebuild, every catch-up and every verification ends."""
    asyncio.run(catch_up_all(connection.info.dsn))
    for read_model in PROJECTIONS:
        assert asyncio.run(rebuild(connection.info.dsn, read_model)).events == 0
        assert asyncio.run(verify(connection.info.dsn, read_model)).checked == 0
