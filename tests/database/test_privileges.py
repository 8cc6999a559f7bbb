"""What the database itself refuses, whoever got hold of the service's or an analyst's password."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors

from app.engine.events.event import EventRegistry
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.appending import append
from tests.support.databases import database_like
from tests.support.operator_commands import SPADE

CHANGES = {
    "update": "update catalog.log set data = '{}'",
    "delete": "delete from catalog.log",
    "truncate": "truncate catalog.log",
    "insert": "insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)"
    " values (gen_random_uuid(), 1, 9, 'item_deleted', '{}', '{}', now())",
    "forge a position": "insert into catalog.log (position, event_id, stream_id, version, type, data, metadata,"
    " recorded_at) overriding system value values (1000, gen_random_uuid(), 1, 9, 'item_deleted', '{}', '{}', now())",
    "insert by the function": "select catalog.insert_event(gen_random_uuid(), 1, 9, 'item_deleted', '{}', '{}', now())",
    "copy": "copy catalog.log from stdin",
    "set the sequence": "select setval('catalog.log_position_seq', 1)",
    "take from the sequence": "select nextval('catalog.log_position_seq')",
    "restart the sequence": "alter table catalog.log alter column position restart with 1",
    "disable the trigger": "alter table catalog.log disable trigger log_is_append_only",
    "disable all triggers": "alter table catalog.log disable trigger all",
    "drop the trigger": "drop trigger log_is_append_only on catalog.log",
    "replace the trigger's function": "create or replace function catalog.refuse_change() returns trigger"
    " language plpgsql as $$ begin return null; end $$",
    "play the replica": "set session_replication_role = replica",
    "a trigger of one's own": "create trigger mine before insert on catalog.log"
    " for each row execute function suppress_redundant_updates_trigger()",
    "a rule of one's own": "create rule mine as on insert to catalog.log do instead nothing",
    "a table in the schema": "create table catalog.mine ()",
    "a function in the schema": "create function catalog.mine() returns int language sql return 1",
    "drop the log": "drop table catalog.log",
    "rename the log": "alter table catalog.log rename to gone",
    "what is personal": "delete from catalog.personal",
    "forget": "select catalog.forget_stream(1)",
    "the audit of forgetting": "delete from catalog.forgotten",
    "versions": "update catalog.streams set version = 1",
    "the mark": "update catalog.settled set instant = 'infinity', noted_instant = 'infinity'",
    "documents": "update catalog.items set document = '{}'",
    "the past": "delete from catalog.items_history",
    "a partition": "delete from catalog.items_live",
    "checkpoints": "update catalog.projections set position = 0",
    "kept answers": "delete from catalog.idempotency_keys",
    "the steps of a rebuild": "update catalog.rebuild_steps set statement = 'delete from catalog.log'",
    "migrations": "insert into catalog.migrations (number, name) values (99, 'mine')",
    "become the owner": "set role catalog",
}


@contextmanager
def login(server: EmbeddedPostgres, conninfo: str, group: str) -> Iterator[psycopg.Connection]:
    """A connection of a role of its own that is in `group` and owns nothing."""
    name = f"login_{secrets.token_hex(4)}"
    with psycopg.connect(server.conninfo, autocommit=True) as owner:
        owner.execute(f"create role {name} login in role {group}")
        try:
            with psycopg.connect(conninfo, user=name, autocommit=True) as connection:
                yield connection
        finally:
            owner.execute(f"drop role {name}")


@pytest.fixture(scope="module")
def walled(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            append(connection, None, [SPADE])
        yield conninfo


@pytest.fixture(scope="module")
def service_login(server: EmbeddedPostgres, walled: str) -> Iterator[psycopg.Connection]:
    with login(server, walled, "catalog_service") as connection:
        yield connection


@pytest.fixture(scope="module")
def reader_login(server: EmbeddedPostgres, walled: str) -> Iterator[psycopg.Connection]:
    with login(server, walled, "catalog_reader") as connection:
        yield connection


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_service_changes_nothing_but_by_functions(service_login: psycopg.Connection, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        service_login.execute(change.encode())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_neither_does_an_analyst(reader_login: psycopg.Connection, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        reader_login.execute(change.encode())


def test_the_service_appends_and_reads(service_login: psycopg.Connection) -> None:
    stream_id, *_ = append(service_login, None, [SPADE])
    found = service_login.execute("select type from catalog.events where stream_id = %s", (stream_id,)).fetchall()
    assert found == [("item_created",)]
    assert service_login.execute("select count(*) from catalog.items").fetchone() != (0,)


def test_an_analyst_sees_the_views_and_nothing_below_them(
    reader_login: psycopg.Connection, service_login: psycopg.Connection
) -> None:
    views = [
        name
        for (name,) in service_login.execute("select viewname from pg_views where schemaname = 'public' order by 1")
    ]
    assert {"items", "item_versions", "item_events", "audit_trail", "owners", "categories"} <= set(views)
    for view in views:
        reader_login.execute(f"select * from public.{view}".encode())
    reader_login.execute("select * from items_as_of(now() - interval '1 day')")
    reader_login.execute("select * from item_diff(1, now() - interval '1 day', now())")
    reader_login.execute("select * from changes_between(now() - interval '1 day', now())")
    for (table,) in service_login.execute(
        "select relname from pg_class where relnamespace = 'catalog'::regnamespace and relkind in ('r', 'p', 'v', 'S')"
    ).fetchall():
        with pytest.raises(errors.InsufficientPrivilege):
            reader_login.execute(f"select * from catalog.{table}".encode())


def test_an_analyst_may_move_into_the_past(reader_login: psycopg.Connection) -> None:
    with reader_login.transaction(force_rollback=True):
        reader_login.execute("set local catalog.as_of = '2020-01-01'")
        assert reader_login.execute("select count(*) from items").fetchone() == (0,)


def test_an_import_reads_no_table_of_the_callers_own(service_login: psycopg.Connection) -> None:
    """A view would be asked as the owner, with whatever the caller has put into it."""
    with service_login.transaction(force_rollback=True):
        service_login.execute(
            "create function pg_temp.evil() returns jsonb language plpgsql as"
            " $$ begin delete from catalog.streams; return '{}'; end $$"
        )
        service_login.execute("create temporary view arriving as select pg_temp.evil() as event")
        with pytest.raises(psycopg.DatabaseError, match="an import begins with begin_import") as refused:
            service_login.execute("select catalog.append_new_streams('{}')")
    assert refused.value.sqlstate == "SW008"


def test_the_table_that_arrives_is_not_the_callers_to_change(service_login: psycopg.Connection) -> None:
    for change in (
        "create trigger mine before insert on pg_temp.arriving for each row execute function pg_temp.evil()",
        "alter table pg_temp.arriving add column mine int default 1",
        "drop table pg_temp.arriving",
    ):
        with service_login.transaction(force_rollback=True):
            service_login.execute("select catalog.begin_import()")
            service_login.execute(
                "create function pg_temp.evil() returns trigger language plpgsql as $$ begin return new; end $$"
            )
            with pytest.raises(errors.InsufficientPrivilege):
                service_login.execute(change.encode())


def test_names_of_the_callers_own_are_not_met_by_what_runs_as_the_owner(service_login: psycopg.Connection) -> None:
    """Types, tables and functions of the session come last, whatever its search_path says."""
    with service_login.transaction(force_rollback=True):
        service_login.execute("create type pg_temp.jsonb as (evil integer)")
        service_login.execute("create temporary table events (evil integer)")
        service_login.execute(
            "create function pg_temp.jsonb_array_length(pg_catalog.jsonb) returns integer language plpgsql as"
            " $$ begin raise 'evil, as %', current_user; end $$"
        )
        service_login.execute("set local search_path = pg_temp, public, catalog, pg_catalog")
        query = "select version from catalog.append_to_stream(null, null, %s, %s)"
        events = EventRegistry.encode([SPADE]).decode()
        made = service_login.execute(query, (events, "{}")).fetchone()
        assert made == (1,)


def test_the_mark_never_passes_what_was_noted(service_login: psycopg.Connection) -> None:
    before = service_login.execute("select position, instant::text from catalog.settled").fetchone()
    service_login.execute("select catalog.publish_mark(1000000, 'infinity')")
    assert service_login.execute("select position, instant::text from catalog.settled").fetchone() == before


def test_a_checkpoint_never_passes_the_mark(service_login: psycopg.Connection) -> None:
    """From behind it a projection would never come back."""
    with service_login.transaction(force_rollback=True):
        service_login.execute("select catalog.record_rebuild('owners', 1, 'mine', 9223372036854775807, '{}')")
        query = "select projections.position <= settled.position from catalog.projections, catalog.settled"
        assert service_login.execute(f"{query} where name = 'owners'").fetchone() == (True,)


def test_what_runs_as_the_owner_looks_names_up_in_the_system_first(service_login: psycopg.Connection) -> None:
    paths = service_login.execute(
        "select proname, proconfig from pg_proc where prosecdef and pronamespace = 'catalog'::regnamespace order by 1"
    ).fetchall()
    assert len(paths) > 10
    assert [name for name, configured in paths if configured != ["search_path=pg_catalog, pg_temp"]] == []


def test_what_runs_as_the_owner_is_for_the_service_alone(
    reader_login: psycopg.Connection, service_login: psycopg.Connection
) -> None:
    query = (
        "select proname from pg_proc where pronamespace = 'catalog'::regnamespace and (prosecdef or provolatile = 'v')"
        " and has_function_privilege(oid, 'execute')"
    )
    assert reader_login.execute(query).fetchall() == []
    assert service_login.execute(query).fetchall() != []
