"""Too much to do, or somebody in the way: bounded in time, answered 503 with Retry-After, and then all is well."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from app.engine.postgres.pool import Database
from app.errors import Unavailable
from app.settings import Settings
from tests.support.patience import until
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import running_service


@pytest.fixture
def narrow(conninfo: str) -> Iterator[httpx.Client]:
    """A client of a service with a single connection, which waits for nothing for long."""
    environment = {
        "DATABASE_URL": conninfo,
        "CATALOG_PROJECTOR": "off",
        "CATALOG_POOL_SIZE": "1",
        "CATALOG_POOL_TIMEOUT_SECONDS": "0.3",
        "CATALOG_STATEMENT_TIMEOUT_SECONDS": "3",
        "CATALOG_LOCK_TIMEOUT_SECONDS": "2",
    }
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:
        yield client


def test_requests_beyond_the_pool_are_told_to_come_back_and_so_is_a_command_that_waits_for_a_lock(
    narrow: httpx.Client, connection: psycopg.Connection
) -> None:
    item = narrow.post("/items", json=an_item()).json()
    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute("select from catalog.streams where stream_id = %s for update", (item["id"],))
            waiting = pool.submit(narrow.put, f"/items/{item['id']}", json={"name": "Rake"})
            until(lambda: is_waiting(connection), "the command does not wait")
            for _ in range(3):
                refused = narrow.get("/items/1")
                assert "too many requests" in assert_problem(refused, 503)["detail"]
                assert int(refused.headers["Retry-After"]) >= 1
            late = waiting.result()
        assert "Another command on the same stream" in assert_problem(late, 503)["detail"]
        assert late.headers["Retry-After"] == "1"
    assert narrow.put(f"/items/{item['id']}", json={"name": "Rake"}).json()["version"] == 2


def is_waiting(connection: psycopg.Connection) -> bool:
    row = connection.execute("select exists (select from pg_locks where not granted)").fetchone()
    return row == (True,)


def test_a_statement_that_takes_too_long_is_ended(conninfo: str, connection: psycopg.Connection) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_STATEMENT_TIMEOUT_SECONDS": "0.5", "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _):
        with connection.transaction():
            connection.execute("lock table catalog.items in access exclusive mode")
            refused = httpx.get(f"{url}/api/v2/items/1")
        assert "took too long" in assert_problem(refused, 503)["detail"]
        assert refused.headers["Retry-After"] == "1"
        assert httpx.get(f"{url}/api/v2/items/1").status_code == 404


@pytest.mark.anyio
async def test_a_transaction_that_is_left_open_is_ended(conninfo: str, connection: psycopg.Connection) -> None:
    settings = Settings(statement_timeout_seconds=0.2)
    async with Database(conninfo, settings.pool) as database:
        with pytest.raises(Unavailable):  # noqa: PT012, the last statement raises
            async with database.connection() as opened, opened.transaction():
                await opened.execute("select 1")
                pid = opened.info.backend_pid
                until(lambda: not is_there(connection, pid), "it is still open")
                await opened.execute("select 1")
        async with database.connection() as opened:
            assert await (await opened.execute("select 1")).fetchone() == (1,)


def is_there(connection: psycopg.Connection, pid: int) -> bool:
    row = connection.execute("select exists (select from pg_stat_activity where pid = %s)", (pid,)).fetchone()
    return row == (True,)
