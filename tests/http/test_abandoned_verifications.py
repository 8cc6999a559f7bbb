"""A verification ends when its client leaves: it has a connection of its own, and keeps a processor busy."""

import psycopg
import pytest

from tests.support.in_process_service import in_process_service, until
from tests.support.operator_commands import fetch_value

pytestmark = pytest.mark.anyio

BLOCKED = "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"


async def test_a_verification_that_waits_in_the_database_ends_when_its_client_leaves(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process_service(conninfo, monkeypatch, projector="off") as service:
        with psycopg.connect(conninfo) as holding:
            holding.execute("lock table catalog.items")
            sent = service.send("POST", "/projections/items/verify", b"", {"Accept": "application/x-ndjson"})
            await until(lambda: fetch_value(connection, BLOCKED, holding.info.backend_pid) == 1, "it waits")
            sent.leave()
            await sent.ended()
            await until(lambda: fetch_value(connection, BLOCKED, holding.info.backend_pid) == 0, "it has ended")
