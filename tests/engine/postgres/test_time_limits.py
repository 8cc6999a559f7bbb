"""A statement of the background, and a migration, wait as long as they may; then they end."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Semaphore
from typing import Any

import psycopg
import pytest

from app.engine.postgres import connections, migrations
from app.engine.postgres.connections import WatchedConnection
from app.errors import SetupError
from app.main import install

NEVER_SECONDS = 600.0
AT_ONCE_SECONDS = 0.2


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("ends", [False, True])
def test_a_statement_that_may_be_slow_has_its_own_time(
    conninfo: str, is_slow: bool, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server does not answer in time, the connection is closed."""
    own, other = (NEVER_SECONDS, AT_ONCE_SECONDS) if ends else (AT_ONCE_SECONDS, NEVER_SECONDS)
    statement = f"select pg_sleep({2 * AT_ONCE_SECONDS if ends else NEVER_SECONDS})"

    async def run() -> None:
        async with await WatchedConnection.open(conninfo) as opened:
            monkeypatch.setattr(connections, "SLOW_ANSWER_SECONDS", own if is_slow else other)
            monkeypatch.setattr(connections, "ANSWER_SECONDS", other if is_slow else own)
            with opened.allow_slow_statements() if is_slow else nullcontext():
                await opened.execute(statement.encode())

    if ends:
        asyncio.run(run())
    else:
        with pytest.raises(psycopg.OperationalError):
            asyncio.run(run())


def test_a_migration_tries_again_until_a_table_is_free_or_its_time_is_over(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute("update catalog.installed set checksum = 'of another schema'")
    conninfo, attempts, migrate_once = connection.info.dsn, Semaphore(0), migrations._migrate_once

    def attempt(*given: Any) -> bool:
        attempts.release()
        return migrate_once(*given)

    monkeypatch.setattr(migrations, "_migrate_once", attempt)
    with psycopg.connect(conninfo) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("lock table catalog.streams")
        monkeypatch.setattr(migrations, "MIGRATION_WAIT_SECONDS", 0.0)
        with pytest.raises(SetupError, match="while others hold on to it"):
            install(conninfo)
        monkeypatch.setattr(migrations, "MIGRATION_WAIT_SECONDS", NEVER_SECONDS)
        patient = pool.submit(install, conninfo)
        for _ in range(3):
            assert attempts.acquire(timeout=60)
        assert not patient.done()
        holder.rollback()
        assert patient.result(60) is True
