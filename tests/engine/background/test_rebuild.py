"""Law 2 in examples: what a rebuild keeps, and what it corrects."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from app.engine.background.generation import RollupGeneration
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress, RebuildUnderWay
from app.engine.background.rebuild_swap import Swap
from app.engine.compiler.rebuild_steps import read_model_tables
from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.main import PROJECTIONS
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append
from tests.support.rebuilds import rebuilt, some_items
from tests.support.workload import (
    SPADE,
    SWAPPED,
    catch_up_all,
    differences,
)


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


def test_an_event_skipped_during_a_rebuild_is_left_out_though_the_first_swap_fails(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader comes to the table once the swap has begun, and goes when it has failed."""
    conninfo, lock, attempts = connection.info.dsn, RollupGeneration.lock_for_swap, 0
    stream, *_ = some_items(connection, 3)
    position = append(connection, stream, [SWAPPED])[2]
    asyncio.run(catch_up_all(conninfo))

    def skip(_: RebuildProgress) -> None:
        skipped = Jsonb([{"position": position, "by": "olga"}])
        connection.execute("update catalog.projections set skipped = %s where name = 'owners'", (skipped,))

    with psycopg.connect(conninfo) as reader:

        async def lock_before_a_reader_comes(generation: RollupGeneration, opened: AsyncConnection) -> int:
            nonlocal attempts
            attempts += 1
            locked = await lock(generation, opened)
            if attempts == 1:
                reader.execute("lock table catalog.owners in access share mode")
            return locked

        monkeypatch.setattr(RollupGeneration, "lock_for_swap", lock_before_a_reader_comes)
        monkeypatch.setattr(Swap, "_check_deadline", lambda _: reader.rollback())
        rebuilt(connection, Owners, skip)
    assert attempts == 2
    by_status = connection.execute("select document ->> 'by_status' from catalog.owners").fetchall()
    assert by_status == [('{"active": 3}',)]
    assert differences(conninfo) == []


def test_a_stopped_projection_that_is_rebuilt_runs_and_shows_no_error(connection: psycopg.Connection) -> None:
    """New rules can fold the event that stopped it."""
    some_items(connection)
    connection.execute("select catalog.stop_projection(name, position, 'it fails here') from catalog.projections")
    state = "select state, error, error_position from catalog.projections where name = 'owners'"
    assert connection.execute(state).fetchone() != ("running", None, None)
    rebuilt(connection, Owners)
    assert connection.execute(state).fetchone() == ("running", None, None)


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
