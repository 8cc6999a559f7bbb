"""Law 2 in examples: what a rebuild keeps, whom it does not disturb, and what a killed rebuild leaves."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from app.domain.events import Event as AnyEvent
from app.engine.background.checkpoints import register
from app.engine.background.projector import Projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildFailed, RebuildProgress, RebuildResult, RebuildUnderWay
from app.engine.background.rebuild_swap import SWAP_WAITS_MILLISECONDS
from app.engine.background.verify import verify
from app.engine.compiler.rebuild_steps import fingerprint, read_model_tables
from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.engine.postgres.migrations import checksum
from app.engine.projection.projection import Projection
from app.engine.projection.rollup import AnyReadModel, Rollup, counts, earliest, keyed, latest
from app.engine.projection.rules import Index
from app.main import PROJECTIONS, schema_sql
from app.schema import migrate, schema_of
from projections.items import Item, Items
from projections.owners import Owner, Owners
from tests.support.appending import append
from tests.support.workload import (
    SPADE,
    SWAPPED,
    catch_up_all,
    differences,
    poison,
    run_for_a_while,
    until,
    write_directly,
)


def some_items(connection: psycopg.Connection, count: int = 30) -> list[int]:
    streams = [append(connection, None, [SPADE])[0] for _ in range(count)]
    asyncio.run(catch_up_all(connection.info.dsn))
    return streams


def rebuilt(
    connection: psycopg.Connection, read_model: AnyReadModel, tell: Callable[[RebuildProgress], None] = lambda _: None
) -> RebuildResult:
    return asyncio.run(rebuild(connection.info.dsn, read_model, tell))


def leftovers(connection: psycopg.Connection) -> list[Any]:
    """The tables of unfinished generations, and the rebuilds that the database reports as running."""
    return connection.execute(
        "select relname::text from pg_class where relkind = 'r' and relname like '%\\_next'"
        " union all select name from catalog.projections where rebuild is not null order by 1"
    ).fetchall()


def names_and_privileges(connection: psycopg.Connection) -> list[Any]:
    """All visible properties of the tables, including comments; their partitions are named by what they hold."""
    return connection.execute(
        "select relname, relkind, relacl::text, reloptions, obj_description(pg_class.oid, 'pg_class'),"
        " array(select col_description(pg_class.oid, n) from generate_series(1, 4) as n),"
        " array(select conname from pg_constraint where conrelid = pg_class.oid and not relispartition order by 1),"
        " array(select inhrelid from pg_inherits where inhparent = pg_class.oid) <> '{}'"
        " from pg_class where relnamespace = 'catalog'::regnamespace and not (relispartition and relkind = 'i')"
        " and relkind in ('r', 'p', 'i', 'I', 'v') order by 1"
    ).fetchall()


def test_after_two_rebuilds_everything_has_its_name_its_comment_and_its_privileges(
    connection: psycopg.Connection,
) -> None:
    role = f"analyst_of_{connection.info.dbname}"
    connection.execute(f"create role {role}; grant select on catalog.items, catalog.owners to {role}")
    connection.execute("grant select on catalog.categories to public")
    before = names_and_privileges(connection)
    for _ in range(2):
        for read_model in PROJECTIONS:
            rebuilt(connection, read_model)
    assert names_and_privileges(connection) == before
    connection.execute(f"drop owned by {role}; drop role {role}")


def test_corrupt_missing_and_surplus_documents_are_named_and_healed(connection: psycopg.Connection) -> None:
    corrupt, missing, *_ = some_items(connection)
    connection.execute('update catalog.items set document = document || \'{"name": "x"}\' where id = %s', (corrupt,))
    connection.execute("delete from catalog.items where id = %s", (missing,))
    connection.execute("update catalog.owners set document = document || '{\"total_items\": 7}'")
    connection.execute("insert into catalog.categories select 'no such', document from catalog.categories")
    assert [each.id for each in differences(connection.info.dsn)] == [corrupt, missing, "alice", "no such"]
    for read_model in PROJECTIONS:
        rebuilt(connection, read_model)
    assert differences(connection.info.dsn) == []


def test_a_wrong_version_instant_or_member_beside_right_documents_is_named_and_healed(
    connection: psycopg.Connection,
) -> None:
    """These errors show only later: an ETag is made of the version, and a rollup's next aggregate of its members."""
    first, second, third, *_ = some_items(connection)
    connection.execute("update catalog.items set version = 7 where id = %s", (first,))
    connection.execute("update catalog.items set valid_from = 'infinity' where id = %s", (second,))
    connection.execute("update catalog.owners_members set key = 'bob' where id = %s", (first,))
    connection.execute("update catalog.categories_members set part = '{}' where id = %s", (second,))
    connection.execute("delete from catalog.categories_members where id = %s", (third,))
    connection.execute("insert into catalog.owners_members values (2000000, 'nobody', '{}')")
    assert [(each.of, each.id) for each in differences(connection.info.dsn)] == [
        *(("row", first), ("row", second)),
        *(("member", first), ("member", 2_000_000)),
        *(("member", second), ("member", third)),
    ]
    for read_model in PROJECTIONS:
        rebuilt(connection, read_model)
    assert differences(connection.info.dsn) == []


def test_a_rebuild_while_events_keep_coming_ends(connection: psycopg.Connection) -> None:
    streams, told = some_items(connection), []

    def tell(progress: RebuildProgress) -> None:
        told.append(progress)
        append(connection, None, [SPADE])
        append(connection, streams[0], [SWAPPED])

    for read_model in PROJECTIONS:
        assert rebuilt(connection, read_model, tell).events >= 30
        assert told[-1].done == told[-1].events
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []


def test_two_rebuilds_of_one_read_model_are_refused_and_one_after_the_other_is_not(
    connection: psycopg.Connection,
) -> None:
    connection.execute("select pg_advisory_lock(%s)", (rebuild_lock_key("items"),))
    with pytest.raises(RebuildUnderWay, match="items is being rebuilt already"):
        rebuilt(connection, Items)
    rebuilt(connection, Owners)
    connection.execute("select pg_advisory_unlock(%s)", (rebuild_lock_key("items"),))
    for _ in range(10):
        rebuilt(connection, Items)


def test_a_rebuild_that_fails_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    some_items(connection)
    poison(connection)
    before = connection.execute("select * from catalog.owners").fetchall()
    with pytest.raises(RebuildFailed, match="owners cannot be rebuilt"):
        rebuilt(connection, Owners)
    assert leftovers(connection) == []
    assert connection.execute("select * from catalog.owners").fetchall() == before


KILLED = """
import asyncio, os, signal, sys
from app.engine.background import rebuild, rebuild_swap
from app.main import PROJECTIONS

async def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

rebuild_swap.Swap._record = die
asyncio.run(rebuild.rebuild(sys.argv[1], next(each for each in PROJECTIONS if each.name == sys.argv[2])))
"""


def kill_a_rebuild(connection: psycopg.Connection, read_model: AnyReadModel) -> None:
    """It is killed at its last step, in the transaction that would have swapped it in."""
    command = [sys.executable, "-c", KILLED, connection.info.dsn, read_model.name]
    assert subprocess.run(command, check=False).returncode == -9
    locked = "select count(*) from pg_locks join pg_database on pg_database.oid = database"
    locked += " where locktype = 'advisory' and datname = current_database()"
    until(lambda: connection.execute(locked).fetchone() == (0,))


@pytest.mark.parametrize("read_model", [Items, Owners])
def test_a_killed_rebuild_has_changed_nothing_and_the_next_one_begins_anew(
    connection: psycopg.Connection, read_model: AnyReadModel
) -> None:
    some_items(connection)
    kill_a_rebuild(connection, read_model)
    assert leftovers(connection) != []
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []
    rebuilt(connection, read_model)
    assert leftovers(connection) == []
    assert differences(connection.info.dsn) == []


def test_a_projector_that_starts_cleans_up_after_a_killed_rebuild_and_rebuilds_what_has_other_rules(
    connection: psycopg.Connection,
) -> None:
    some_items(connection)
    kill_a_rebuild(connection, Items)
    connection.execute("update catalog.projections set fingerprint = 'of other rules' where name <> 'items'")
    connection.execute("update catalog.owners set document = document || '{\"total_items\": 7}'")
    ended = Event()
    current = sorted((each.name, fingerprint(each)) for each in PROJECTIONS)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run_for_a_while(Projector(connection.info.dsn, PROJECTIONS), ended))
        try:
            query = "select name, fingerprint from catalog.projections order by 1"
            until(lambda: connection.execute(query).fetchall() == current and leftovers(connection) == [])
        finally:
            ended.set()
    assert differences(connection.info.dsn) == []


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


def is_built(connection: psycopg.Connection, name: str) -> bool:
    """Whether the rebuild has reached the swap."""
    query = "select rebuild -> 'done' = rebuild -> 'events' from catalog.projections where name = %s"
    return connection.execute(query, (name,)).fetchone() == (True,)


def slowest_append(conninfo: str, stream: int) -> float:
    """The seconds of the slowest append during a while."""
    slowest, until_then = 0.0, time.monotonic() + 1.5
    with psycopg.connect(conninfo, autocommit=True) as writer:
        while time.monotonic() < until_then:
            start = time.monotonic()
            append(writer, stream, [SWAPPED])
            slowest = max(slowest, time.monotonic() - start)
    return slowest


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
        slowest = slowest_append(connection.info.dsn, streams[0])
        assert not rebuilding.done()
        reader.rollback()
        rebuilding.result()
    assert slowest * 1000 < SWAP_WAITS_MILLISECONDS
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
        slowest = slowest_append(connection.info.dsn, streams[0])
        assert not rebuilding.done()
        locker.rollback()
        assert rebuilding.result().swap_milliseconds < SWAP_WAITS_MILLISECONDS
    assert slowest * 1000 < SWAP_WAITS_MILLISECONDS / 2


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
        slowest = slowest_append(connection.info.dsn, streams[0])
        assert sorted(reader.execute(sql.SQL("select * from {}").format(table))) == sorted(before)
        assert not rebuilding.done()
        reader.rollback()
        rebuilding.result()
    assert slowest * 1000 < SWAP_WAITS_MILLISECONDS
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []


def test_an_event_skipped_during_a_rebuild_is_left_out(connection: psycopg.Connection) -> None:
    stream, *_ = some_items(connection, 3)
    position = append(connection, stream, [SWAPPED])[2]
    asyncio.run(catch_up_all(connection.info.dsn))

    def skip(progress: RebuildProgress) -> None:
        """Skip the event as `resume` does, after the rebuild has read the skipped events, before it folds a stream."""
        skipped = Jsonb([{"position": position, "by": "olga"}])
        connection.execute("update catalog.projections set skipped = %s where name = 'owners'", (skipped,))

    rebuilt(connection, Owners, skip)
    by_status = connection.execute("select document ->> 'by_status' from catalog.owners").fetchall()
    assert by_status == [('{"active": 3}',)]
    assert differences(connection.info.dsn) == []


def test_a_rebuilt_table_has_statistics(connection: psycopg.Connection) -> None:
    some_items(connection)
    for read_model in PROJECTIONS:
        rebuilt(connection, read_model)
    query = "select relname from pg_class where relname = any (%s) and reltuples >= 0 order by 1"
    names = [table.live for read_model in PROJECTIONS for table in read_model_tables(read_model)]
    expected = sorted((name,) for name in names)
    assert connection.execute(query, (names,)).fetchall() == expected


def test_nobody_vacuums_a_table_before_it_serves(connection: psycopg.Connection) -> None:
    """The swap would have to wait for the autovacuum."""
    some_items(connection)
    query = "select count(*) from pg_class where relname like %s and reloptions @> '{autovacuum_enabled=off}'"
    seen: dict[str, int] = {}

    def look(progress: RebuildProgress) -> None:
        with psycopg.connect(connection.info.dsn) as other:
            (seen[progress.phase],) = other.execute(query, ("items%\\_next",)).fetchone() or (0,)

    rebuilt(connection, Items, look)
    assert seen == dict.fromkeys(("folding", "indexing", "swapping"), len(read_model_tables(Items)))
    assert connection.execute(query, ("items%",)).fetchone() == (0,)


def test_a_cancelled_rebuild_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    some_items(connection)

    async def cancelled() -> None:
        task = asyncio.create_task(rebuild(connection.info.dsn, Items))
        async with await AsyncConnection.connect(connection.info.dsn) as reader:
            await reader.execute("select count(*) from catalog.items")
            await asyncio.to_thread(until, lambda: ("items_next",) in leftovers(connection))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())
    assert leftovers(connection) == []


class WiderOwner(Owner, frozen=True, kw_only=True):
    by_owner: dict[str, int]


class WiderOwners(Rollup[WiderOwner, Item]):
    """The owners of a later release, which also aggregates a field that members do not have yet."""

    name = "owners"
    of = Items
    by = Item.owner_id
    rules = (
        keyed(WiderOwner.owner_id),
        counts(WiderOwner.total_items),
        counts(WiderOwner.by_status, by=Item.status),
        counts(WiderOwner.by_category, by=Item.category),
        earliest(WiderOwner.first_activity_at, Item.created_at),
        latest(WiderOwner.latest_activity_at, Item.updated_at),
        counts(WiderOwner.by_owner, by=Item.owner_id),
    )


LATER: tuple[AnyReadModel, ...] = tuple(WiderOwners if each is Owners else each for each in PROJECTIONS)


def test_a_changed_rollup_waits_for_its_rebuild_and_is_not_stopped_by_an_innocent_event(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    some_items(connection, 3)
    migrate(conninfo, schema_of(LATER), lambda opened: register(opened, LATER))
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))
    states = (
        "select name, state, lag_events from catalog.projections join catalog.projection_lag using (name) order by 1"
    )
    running = {(each.name, "running", 0) for each in LATER if each.is_async()}
    outdated = running - {("owners", "running", 0)} | {("owners", "outdated", 1)}
    assert set(connection.execute(states)) == outdated
    assert connection.execute("select document ->> 'total_items' from catalog.owners").fetchall() == [("3",)]
    asyncio.run(Projector(conninfo, LATER).maintain())
    asyncio.run(catch_up_all(conninfo))
    assert set(connection.execute(states)) == running
    verified = asyncio.run(verify(conninfo, WiderOwners))
    assert (verified.checked, verified.differing) == (1, [])


def test_a_rollup_that_was_changed_back_before_anybody_rebuilt_it_goes_on(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    some_items(connection, 3)
    migrate(conninfo, schema_of(LATER), lambda opened: register(opened, LATER))
    append(connection, None, [SPADE])
    migrate(conninfo, schema_sql() + "\n", lambda opened: register(opened, PROJECTIONS))
    asyncio.run(catch_up_all(conninfo))
    query = "select state from catalog.projections where name = 'owners'"
    assert connection.execute(query).fetchone() == ("running",)
    assert connection.execute("select document ->> 'total_items' from catalog.owners").fetchall() == [("4",)]
    assert differences(conninfo) == []


def test_a_stream_of_events_that_nobody_uses_has_nothing_to_differ_in(connection: psycopg.Connection) -> None:
    """A release that knew more event types may leave such an event, and then be rolled back."""
    some_items(connection, 2)
    append(connection, None, [{"type": "item_weighed", "grams": 7}])
    asyncio.run(catch_up_all(connection.info.dsn))
    assert differences(connection.info.dsn) == []


def test_an_update_that_says_nothing_changes_nothing_anywhere(connection: psycopg.Connection) -> None:
    """No command records such an event; another program may have."""
    stream, *_ = append(connection, None, [SPADE])
    append(connection, stream, [{"type": "item_updated", "previous_values": {}}])
    asyncio.run(catch_up_all(connection.info.dsn))
    documents = "select document from catalog.items union all select document from catalog.owners"
    before = connection.execute(documents).fetchall()
    assert len(before) == 2
    for read_model in PROJECTIONS:
        asyncio.run(rebuild(connection.info.dsn, read_model))
    assert connection.execute(documents).fetchall() == before


def test_only_the_installed_release_rebuilds_and_after_a_rollback_it_is_the_older_one(
    connection: psycopg.Connection,
) -> None:
    ours, fingerprints = checksum(schema_sql()), "select fingerprint from catalog.projections"
    some_items(connection, 3)
    connection.execute("update catalog.projections set fingerprint = 'of later rules', version = 2")
    connection.execute("insert into catalog.installed (checksum) values ('of a later release')")
    projector = Projector(connection.info.dsn, PROJECTIONS, ours)
    asyncio.run(projector.maintain())
    assert set(connection.execute(fingerprints)) == {("of later rules",)}
    connection.execute("insert into catalog.installed (checksum) values (%s)", (ours,))
    asyncio.run(projector.maintain())
    assert set(connection.execute(fingerprints)) == {(fingerprint(each),) for each in PROJECTIONS}


def test_a_rebuild_is_refused_when_another_release_is_installed_before_it_or_meanwhile(
    connection: psycopg.Connection,
) -> None:
    some_items(connection, 3)
    table = connection.execute("select 'catalog.items'::regclass::oid").fetchone()

    def install_another(_: RebuildProgress) -> None:
        connection.execute("insert into catalog.installed (checksum) values ('of another release')")

    with pytest.raises(RebuildFailed, match="another release's schema"):
        rebuilt(connection, Items, install_another)
    with pytest.raises(RebuildFailed, match="another release's schema"):
        asyncio.run(rebuild(connection.info.dsn, Items, release=checksum(schema_sql())))
    assert connection.execute("select 'catalog.items'::regclass::oid").fetchone() == table
    assert leftovers(connection) == []


def test_a_changed_index_is_a_reason_to_rebuild_and_a_changed_comment_is_none() -> None:
    def items_with(*given: Index) -> Any:
        class Shelf(Projection[Item, AnyEvent]):
            name = "items"
            rules = Items.rules
            indexes = given

        return Shelf

    by_name, described = Index((Item.name,)), Index((Item.name,), serves="a listing")
    assert fingerprint(items_with(by_name)) != fingerprint(items_with())
    assert fingerprint(items_with(by_name)) == fingerprint(items_with(described))


def test_a_read_model_that_is_not_installed_is_refused_with_a_sentence(connection: psycopg.Connection) -> None:
    class Uninstalled(Projection[Item, AnyEvent]):
        rules = Items.rules

    with pytest.raises(RebuildFailed, match=r"uninstalled cannot be rebuilt: the installed schema does not have it"):
        rebuilt(connection, Uninstalled)
    assert leftovers(connection) == []
