"""Too much to do, or somebody in the way: bounded in time, answered 503 with Retry-After, and then all is well."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from app.engine.postgres.pool import Database
from app.errors import Unavailable
from tests.support.patience import patient_settings, until
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import running_service


@contextmanager
def narrow(conninfo: str, **limits: str) -> Iterator[httpx.Client]:
    """A client of a service with a single connection, which is patient in all but these limits."""
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off", "CATALOG_POOL_SIZE": "1", **limits}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        yield client


@contextmanager
def held_up(client: httpx.Client, connection: psycopg.Connection, item: dict[str, Any]) -> Iterator[Future[Any]]:
    """A command that waits for the lock of its item, and has the only connection."""
    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute("select from catalog.streams where stream_id = %s for update", (item["id"],))
            waiting = pool.submit(client.put, f"/items/{item['id']}", json={"name": "Rake"})
            until(lambda: is_waiting(connection), "the command does not wait")
            yield waiting
        waiting.result()


def test_requests_beyond_the_pool_are_told_to_come_back(conninfo: str, connection: psycopg.Connection) -> None:
    with narrow(conninfo, CATALOG_POOL_TIMEOUT_SECONDS="1") as client, ThreadPoolExecutor(3) as pool:
        item = client.post("/items", json=an_item()).json()
        with held_up(client, connection, item) as waiting:
            for refused in pool.map(client.get, ["/items/1"] * 3):
                assert "too many requests" in assert_problem(refused, 503)["detail"]
                assert int(refused.headers["Retry-After"]) >= 1
            assert not waiting.done()
        assert waiting.result().json()["version"] == 2


def test_a_command_that_waits_for_a_lock_for_too_long_is_told_to_come_back(
    conninfo: str, connection: psycopg.Connection
) -> None:
    with narrow(conninfo, CATALOG_LOCK_TIMEOUT_SECONDS="1") as client:
        item = client.post("/items", json=an_item()).json()
        with held_up(client, connection, item) as waiting:
            late = waiting.result()
        assert "Another command on the same stream" in assert_problem(late, 503)["detail"]
        assert late.headers["Retry-After"] == "1"
        assert client.put(f"/items/{item['id']}", json={"name": "Rake"}).json()["version"] == 2


def is_waiting(connection: psycopg.Connection) -> bool:
    row = connection.execute("select exists (select from pg_locks where not granted)").fetchone()
    return row == (True,)


def test_a_statement_that_takes_too_long_is_ended(conninfo: str, connection: psycopg.Connection) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_STATEMENT_TIMEOUT_SECONDS": "1.5", "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _):
        with connection.transaction():
            connection.execute("lock table catalog.items in access exclusive mode")
            refused = httpx.get(f"{url}/api/v2/items/1")
        assert "took too long" in assert_problem(refused, 503)["detail"]
        assert refused.headers["Retry-After"] == "1"
        assert httpx.get(f"{url}/api/v2/items/1").status_code == 404


@pytest.mark.anyio
async def test_a_transaction_that_is_left_open_is_ended(conninfo: str, connection: psycopg.Connection) -> None:
    settings = patient_settings(statement_timeout_seconds=0.5)
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
