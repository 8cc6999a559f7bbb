"""An import ends when its client leaves, wherever it waits: its transaction is rolled back, its connection is free."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.engine.store import bulk_append
from app.parsing.rows import NDJSON
from tests.support.append_gate import WAITING_AT_THE_GATE, gate_closed
from tests.support.in_process_service import Exchange, InProcessService, in_process_service, until
from tests.support.operator_commands import fetch_value
from tests.support.sample_items import an_item

pytestmark = pytest.mark.anyio

HOUR = 3600.0
BODY = json.dumps(an_item()).encode() + b"\n"
STORED = "select (select count(*) from catalog.log) + (select count(*) from catalog.streams)"
BUSY = """
select count(*)
from pg_stat_activity
where datname = current_database()
    and application_name = 'catalog'
    and (state <> 'idle' or backend_xid is not null)
"""
BLOCKED = "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"

THE_SAME_KEY = {"user_id": "tester", "key": "twin", "request": "another one"}

Hold = Callable[[psycopg.Connection], AbstractContextManager[None]]


@contextmanager
def at_the_gate(connection: psycopg.Connection) -> Iterator[None]:
    with gate_closed(connection):
        yield


@contextmanager
def at_the_search_words(connection: psycopg.Connection) -> Iterator[None]:
    """Before the gate, when the rows are copied and the index is written."""
    with connection.transaction():
        connection.execute("lock table catalog.items_words in exclusive mode")
        yield


@contextmanager
def at_the_last_row(connection: psycopg.Connection) -> Iterator[None]:
    """Within the gate, when the documents are written."""
    with connection.transaction():
        connection.execute("lock table catalog.items in exclusive mode")
        yield


def is_held(connection: psycopg.Connection, holding: psycopg.Connection) -> bool:
    return bool(fetch_value(connection, BLOCKED, holding.info.backend_pid) == 1)


def post(service: InProcessService, body: bytes = BODY, query: str = "", key: str | None = None) -> Exchange:
    headers = {"Content-Type": NDJSON} | ({} if key is None else {"Idempotency-Key": key})
    return service.send("POST", f"/items/import{query}", body, headers)


async def check_nothing_is_left(service: InProcessService, connection: psycopg.Connection) -> None:
    """Its only connection serves others, and the log is empty."""
    await until(lambda: fetch_value(connection, BUSY) == 0, "its transaction has ended")
    assert fetch_value(connection, STORED) == 0
    assert fetch_value(connection, WAITING_AT_THE_GATE) == 0
    async with service.client() as client:
        assert (await client.get("/stats")).json()["total_items"] == 0


@pytest.mark.parametrize("hold", [at_the_gate, at_the_search_words, at_the_last_row], ids=lambda hold: hold.__name__)
async def test_an_import_that_waits_in_the_database_is_rolled_back_when_its_client_leaves(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, hold: Hold
) -> None:
    """No time limit ends it: they are an hour."""
    monkeypatch.setattr(bulk_append, "STORED_WITHIN_SECONDS", HOUR)
    limits = {"statement_timeout_seconds": HOUR, "lock_timeout_seconds": HOUR}
    async with in_process_service(conninfo, monkeypatch, pool_size=1, projector="off", **limits) as service:
        with psycopg.connect(conninfo, autocommit=True) as holding, hold(holding):
            sent = post(service)
            await until(lambda: is_held(connection, holding), "it waits")
            sent.leave()
            await sent.ended()
            await check_nothing_is_left(service, connection)
        again = post(service)
        await again.ended()
        assert again.status == 200
        assert fetch_value(connection, "select count(*) from catalog.log") == 1


async def test_an_import_that_waits_in_the_database_is_rolled_back_when_the_service_stops(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is told, and nothing waits for the import's time limit, which is an hour."""
    monkeypatch.setattr(bulk_append, "STORED_WITHIN_SECONDS", HOUR)
    limits = {"statement_timeout_seconds": HOUR, "lock_timeout_seconds": HOUR}
    async with in_process_service(conninfo, monkeypatch, pool_size=1, projector="off", **limits) as service:
        with psycopg.connect(conninfo, autocommit=True) as holding, at_the_gate(holding):
            sent = post(service)
            await until(lambda: is_held(connection, holding), "it waits")
            service.stopping.set()
            await sent.ended()
            await check_nothing_is_left(service, connection)
        assert sent.status == 503
        assert b"nothing was stored" in sent.received


async def test_an_import_that_waits_for_its_turn_ends_when_its_client_leaves_and_the_one_before_it_is_stored(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_append, "STORED_WITHIN_SECONDS", HOUR)
    limits = {"statement_timeout_seconds": HOUR, "lock_timeout_seconds": HOUR}
    async with in_process_service(conninfo, monkeypatch, pool_size=3, projector="off", **limits) as service:
        with psycopg.connect(conninfo, autocommit=True) as holding, ExitStack() as stack:
            stack.enter_context(gate_closed(holding))
            first = post(service)
            await until(lambda: is_held(connection, holding), "the first one waits at the gate")
            second = post(service, BODY * 2)
            await until(lambda: second.body_is_read, "the second one waits for its turn")
            second.leave()
            await second.ended()
            assert is_held(connection, holding)
            assert fetch_value(connection, STORED) == 0
            stack.close()
            await first.ended()
        assert first.status == 200
        assert fetch_value(connection, "select count(*) from catalog.log") == 1


async def test_an_import_that_waits_for_a_twin_ends_when_its_client_leaves(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin holds the same key, uncommitted."""
    monkeypatch.setattr(bulk_append, "STORED_WITHIN_SECONDS", HOUR)
    limits = {"statement_timeout_seconds": HOUR, "lock_timeout_seconds": HOUR}
    async with in_process_service(conninfo, monkeypatch, pool_size=1, projector="off", **limits) as service:
        with psycopg.connect(conninfo) as twin:
            twin.execute("select catalog.store_idempotent_outcome(%s, '{}')", (Jsonb(THE_SAME_KEY),))
            sent = post(service, query="?user_id=tester", key="twin")
            await until(lambda: is_held(connection, twin), "it waits")
            sent.leave()
            await sent.ended()
            await check_nothing_is_left(service, connection)
            twin.rollback()
