"""The swap at the end of a rebuild: no reader misses a document, and only the rebuild waits for long transactions."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.engine.background.rebuild_swap import SWAP_WAITS_MILLISECONDS
from app.engine.background.verify import verify
from app.engine.projection.rollup import AnyReadModel
from app.main import PROJECTIONS
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append
from tests.support.rebuilds import is_built, rebuilt, some_items
from tests.support.workload import (
    SWAPPED,
    catch_up_all,
    differences,
    until,
    write_directly,
)


def test_readers_with_prepared_statements_and_verifications_do_not_notice_swaps(
    connection: psycopg.Connection,
) -> None:
    streams, ended = some_items(connection), Event()
    conninfo = connection.info.dsn

    def read() -> set[int]:
        """The number of items that each read has found."""
        found = set()
        with psycopg.connect(conninfo, autocommit=True) as reader:
            while not ended.is_set():
                rows = reader.execute("select id, document from catalog.items", prepare=True).fetchall()
                found.add(len(rows))
        return found

    def verify_all_the_time() -> list[Any]:
        found: list[Any] = []
        while not ended.is_set():
            found += differences(conninfo)
        return found

    with ThreadPoolExecutor(2) as pool:
        reading, verifying = pool.submit(read), pool.submit(verify_all_the_time)
        try:
            for _ in range(10):
                for read_model in PROJECTIONS:
                    rebuilt(connection, read_model)
        finally:
            ended.set()
        assert reading.result() == {len(streams)}
        assert verifying.result() == []


def test_rebuilds_among_writers_lose_nothing(connection: psycopg.Connection) -> None:
    """Each rebuild is checked alone, since the next would repair its losses; few, since the log grows meanwhile."""
    conninfo, start, ended = connection.info.dsn, Barrier(5), Event()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write_directly, conninfo, n, start, lambda _: ended.is_set()) for n in range(4)]
        start.wait()
        try:
            for _ in range(4):
                rebuilt(connection, Items)
                assert asyncio.run(verify(conninfo, Items)).differing == []
            rebuilt(connection, Owners)
        finally:
            ended.set()
        assert all(writer.result() for writer in writers)
    asyncio.run(catch_up_all(conninfo))
    assert differences(conninfo) == []


def append_without_waiting(conninfo: str, stream: int) -> None:
    """Append for a while. An append that waits for a lock, as behind each attempt to swap, raises LockNotAvailable."""
    until_then = time.monotonic() + 1.5
    with psycopg.connect(conninfo, autocommit=True) as writer:
        writer.execute(f"set lock_timeout = '{SWAP_WAITS_MILLISECONDS // 2}ms'")
        while time.monotonic() < until_then:
            append(writer, stream, [SWAPPED])


def test_a_snapshot_sees_each_document_as_of_its_newest_event_whenever_it_began(
    connection: psycopg.Connection,
) -> None:
    """This includes a snapshot that began before a swap and reads the table after it."""
    conninfo, start, ended = connection.info.dsn, Barrier(3), Event()
    some_items(connection)
    streams_and_items = (
        "select streams.version, items.version from catalog.streams left join catalog.items on id = stream_id"
        " where streams.version is distinct from items.version"
    )

    def read() -> list[Any]:
        found: list[Any] = []
        with psycopg.connect(conninfo, autocommit=True) as reader:
            while not ended.is_set():
                reader.execute("begin isolation level repeatable read; select 1")
                reader.execute("select count(*) from catalog.settled")
                found += reader.execute(streams_and_items).fetchall()
                reader.execute("commit")
        return found

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read), pool.submit(read)]
        writers = [pool.submit(write_directly, conninfo, n, start, lambda _: ended.is_set()) for n in range(2)]
        start.wait()
        try:
            for _ in range(4):
                rebuilt(connection, Items)
        finally:
            ended.set()
        assert all(writer.result() for writer in writers)
        assert [reader.result() for reader in readers] == [[], []]


def test_a_long_transaction_delays_the_swap_and_nobody_else(connection: psycopg.Connection) -> None:
    streams = some_items(connection)
    with psycopg.connect(connection.info.dsn) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("select count(*) from catalog.items")
        rebuilding = pool.submit(rebuilt, connection, Items)
        until(lambda: is_built(connection, "items"))
        append_without_waiting(connection.info.dsn, streams[0])
        assert not rebuilding.done()
        reader.rollback()
        rebuilding.result()
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []


def test_a_row_lock_in_the_table_delays_the_swap_and_nobody_else(connection: psycopg.Connection) -> None:
    """The transaction writes without holding the gate: each attempt to swap would make all other writers wait."""
    streams = some_items(connection)
    with psycopg.connect(connection.info.dsn) as locker, ThreadPoolExecutor(1) as pool:
        locker.execute("select from catalog.items where id = %s for update", (streams[1],))
        locker.execute("update catalog.items set version = version where id = %s", (streams[1],))
        rebuilding = pool.submit(rebuilt, connection, Items)
        until(lambda: is_built(connection, "items"))
        append_without_waiting(connection.info.dsn, streams[0])
        assert not rebuilding.done()
        locker.rollback()
        rebuilding.result()


@pytest.mark.parametrize("read_model", [Items, Owners])
def test_a_snapshot_from_before_the_swap_sees_all_documents_after_it(
    connection: psycopg.Connection, read_model: AnyReadModel
) -> None:
    """A report or a dump that reads the table late delays only the rebuild."""
    streams = some_items(connection)
    table = sql.Identifier("catalog", read_model.name)
    before = connection.execute(sql.SQL("select * from {}").format(table)).fetchall()
    with psycopg.connect(connection.info.dsn) as reader, ThreadPoolExecutor(1) as pool:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select from catalog.streams")
        rebuilding = pool.submit(rebuilt, connection, read_model)
        until(lambda: is_built(connection, read_model.name))
        append_without_waiting(connection.info.dsn, streams[0])
        assert sorted(reader.execute(sql.SQL("select * from {}").format(table))) == sorted(before)
        assert not rebuilding.done()
        reader.rollback()
        rebuilding.result()
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []
