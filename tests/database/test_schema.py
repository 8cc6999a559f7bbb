"""The installed schema: explained, repeatable, and shown in full in a file that changes with it."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.compiler.schema import compile_read_models
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.migrations import check_schema
from app.errors import SetupError
from app.main import PROJECTIONS, schema_sql
from app.schema import migrate
from tests.support.databases import database_like
from tests.support.paths import COMPILED_SQL
from tests.support.patience import until_equal

UNEXPLAINED = """
with ours as (select oid from pg_namespace where nspname in ('catalog', 'public'))
select 'relation ' || oid::regclass from pg_class
where relnamespace in (select oid from ours) and relkind in ('r', 'p', 'v', 'i', 'I')
    and obj_description(oid, 'pg_class') is null
    and not (relispartition and relkind = 'i')
    and not exists (select from pg_constraint where conindid = pg_class.oid)
union all
select 'column ' || attrelid::regclass || '.' || attname from pg_attribute
where attrelid in (select oid from pg_class where relnamespace in (select oid from ours)
        and relkind in ('r', 'p', 'v') and not relispartition)
    and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null
union all
select 'function ' || oid::regprocedure from pg_proc
where pronamespace in (select oid from ours) and obj_description(oid, 'pg_proc') is null
union all
select 'type ' || oid::regtype from pg_type
where typnamespace in (select oid from ours) and typtype in ('e', 'd') and obj_description(oid, 'pg_type') is null
union all
select 'trigger ' || tgname from pg_trigger
where tgrelid in (select oid from pg_class where relnamespace in (select oid from ours))
    and not tgisinternal and obj_description(oid, 'pg_trigger') is null
union all
select 'unique constraint ' || conname from pg_constraint
where connamespace in (select oid from ours) and contype = 'u' and obj_description(oid, 'pg_constraint') is null
"""


def test_every_object_has_a_comment(connection: psycopg.Connection) -> None:
    assert connection.execute(UNEXPLAINED).fetchall() == []


def test_every_index_says_which_query_it_serves() -> None:
    for projection in PROJECTIONS:
        assert all(index.serves for index in getattr(projection, "indexes", ()))


def test_the_compiled_projections_are_as_last_reviewed() -> None:
    """After a changed rule: `make snapshot`, and the changed SQL is in the diff."""
    assert compile_read_models(PROJECTIONS) == COMPILED_SQL.read_text(encoding="utf-8")


@pytest.fixture
def empty(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("drop database if exists template_empty")
        connection.execute("create database template_empty")
    return "template_empty"


def test_migrating_twice_installs_once(server: EmbeddedPostgres, empty: str) -> None:
    with database_like(server, empty) as conninfo:
        assert migrate(conninfo, schema_sql())
        assert not migrate(conninfo, schema_sql())
        check_schema(conninfo, schema_sql())


def test_two_that_migrate_at_once_take_turns(server: EmbeddedPostgres, empty: str) -> None:
    with database_like(server, empty) as conninfo:
        start = Barrier(4)

        def run(_: int) -> bool:
            start.wait()
            return migrate(conninfo, schema_sql())

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(run, range(4))) == [False, False, False, True]


def test_installing_over_an_older_release_keeps_what_is_stored(conninfo: str, connection: psycopg.Connection) -> None:
    connection.execute("select catalog.append_to_stream(null, null, '[{\"type\": \"x\"}]', '{}')")
    newer = schema_sql() + "\ncomment on schema catalog is 'a newer release';"
    assert migrate(conninfo, newer)
    assert connection.execute("select count(*) from catalog.events").fetchone() == (1,)
    assert connection.execute("select count(*) from catalog.installed").fetchone() == (2,)


def test_a_migration_that_waits_for_a_long_transaction_keeps_nobody_else_waiting(
    conninfo: str, connection: psycopg.Connection
) -> None:
    """An import, say, holds on to the log for a minute: the migration asks again and again, and lets others by."""
    connection.execute("set lock_timeout = '30s'")
    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(conninfo) as importing:
            importing.execute("lock table catalog.log in row exclusive mode")
            migrating = pool.submit(migrate, conninfo, schema_sql() + "\ncomment on schema catalog is 'newer';")
            until_equal(lambda: connection.execute(WAITING).fetchone(), (True,), "it does not wait for the log")
            for _ in range(20):
                connection.execute("select catalog.append_to_stream(null, null, '[{\"type\": \"x\"}]', '{}')")
            assert not migrating.done()
        assert migrating.result()


WAITING = "select exists (select from pg_locks where not granted and relation = 'catalog.log'::regclass)"


def test_a_database_without_a_catalog_is_told_apart_from_one_of_another_release(
    server: EmbeddedPostgres, empty: str
) -> None:
    with database_like(server, empty) as conninfo:
        with pytest.raises(SetupError, match="no catalog yet: run `catalog migrate`"):
            check_schema(conninfo, schema_sql())
        migrate(conninfo, schema_sql())
        with pytest.raises(SetupError, match="another release's schema"):
            check_schema(conninfo, schema_sql() + " ")


def test_a_migration_that_fails_changes_nothing(server: EmbeddedPostgres, empty: str) -> None:
    with database_like(server, empty) as conninfo:
        with pytest.raises(SetupError, match=r"cannot be migrated: .*nonsense"):
            migrate(conninfo, schema_sql() + "\nselect nonsense();")
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("select to_regnamespace('catalog')").fetchone() == (None,)


def test_a_database_that_is_not_there_is_one_clear_sentence(conninfo: str) -> None:
    nowhere = make_conninfo(conninfo, dbname="nowhere")
    with pytest.raises(SetupError, match=r'the database cannot be migrated: .*database "nowhere" does not exist'):
        migrate(nowhere, schema_sql())
    with pytest.raises(SetupError, match=r'the database cannot be reached: .*database "nowhere" does not exist'):
        check_schema(nowhere, schema_sql())


def test_a_database_of_another_encoding_is_refused_in_a_sentence(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    try:
        with pytest.raises(SetupError, match="the database is encoded in LATIN1: create one with `encoding 'UTF8'`"):
            migrate(make_conninfo(server.conninfo, dbname="latin"), schema_sql())
    finally:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("drop database latin")


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        ("Wi-Fi_box", "'box' 'fi' 'i' 'ox' 'wi' 'x'"),
        ("o'clock", "'ck' 'clock' 'k' 'lock' 'o' 'ock'"),
        ("a.b/c\n(ä)", "'a' 'b' 'c' 'ä'"),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_search_index_holds_every_end_of_every_word(connection: psycopg.Connection, content: str, ends: str) -> None:
    """… and the stems, which of these words are ends of theirs as well."""
    indexed = connection.execute(
        "select catalog.search_vector(catalog.tokens_of(%s))::text", (content,)
    ).fetchone() or ("",)
    assert indexed[0] == ends


@pytest.mark.parametrize(
    "content",
    ["Wi-Fi_box (ä) b B", "\t'a':1A,2 \\ ö\nz Z é zz 10 9", "über uber " + "x" * 1500, "x" * 2100 + " y", ""],
)
def test_the_words_of_a_text_are_the_same_however_often_it_says_them(
    connection: psycopg.Connection, content: str
) -> None:
    """Long texts and short ones go different ways, and what an item has is compared with what a rebuild finds."""
    query = "select catalog.tokens_of(%(content)s), catalog.tokens_of(repeat(%(content)s || ' ', 500))"
    once, often = connection.execute(query, {"content": content}).fetchone() or (None, None)
    assert once == often == sorted(set(re.findall(r"[^\W_]+", content.lower())), key=str.encode)


def test_a_search_that_matches_a_text_finds_it_by_the_index(connection: psycopg.Connection) -> None:
    """Whatever part of a text is searched for, in any case, and however long its words are."""
    content = "Größe 42 (new), for Anna-Maria's " + "bicycle" * 30 + " and running shoes"
    parts = [content[i:j] for i in range(0, len(content), 7) for j in range(i + 1, len(content) + 1, 11)]
    query = """
        select count(*) filter (where catalog.matches_search(%(content)s, part)),
            count(*) filter (
                where not catalog.search_vector(catalog.tokens_of(%(content)s)) @@ catalog.candidate_query(part))
        from (select array_to_string(regexp_split_to_array(btrim(part, E' \n\t'), '\\s+'), ' ') as part
              from unnest(%(parts)s::text[]) as part) as part
        where part ~ '[^\\s!-/:-@]'
    """
    found, missed = connection.execute(query, {"content": content, "parts": parts}).fetchone() or (0, 0)
    assert found > 100
    assert missed == 0
