"""The second migration: what is personal moves out of a log that holds it, and every event reads as before.

It starts from what the first release would have left: `releases/0001.sql`, if it is there, else the part that matters.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.database import checksum
from app.main import PROJECTIONS, schema_sql
from app.postgres import EmbeddedPostgres, embedded_binaries
from app.projector import register
from tests.conftest import binaries_under_test, database_like
from tests.laws.test_forgetting import tables_with
from tests.log import error_of
from tests.test_cli import catalog

HERE = Path(__file__).parent
RELEASE = HERE / "releases" / "0001.sql"
MIGRATION = HERE.parent.parent / "app" / "migrations" / "0002_personal.sql"

OLD_STYLE = """
create schema catalog;
create table catalog.streams (
    stream_id integer generated always as identity primary key,
    version integer not null check (version > 0),
    recorded_at timestamptz not null
);
create table catalog.events (
    position bigint generated always as identity primary key,
    event_id uuid not null,
    stream_id integer not null,
    version integer not null check (version > 0),
    type text not null,
    data jsonb not null check (jsonb_typeof(data) = 'object'),
    metadata jsonb not null check (jsonb_typeof(metadata) = 'object'),
    recorded_at timestamptz not null,
    constraint events_by_stream unique (stream_id, version)
);
create index events_by_recorded_at on catalog.events (recorded_at);
create function catalog.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are for ever' using errcode = 'SW003';
end
$$;
create trigger events_are_for_ever before update or delete or truncate on catalog.events
for each statement execute function catalog.refuse_change();
alter table catalog.events enable always trigger events_are_for_ever;
create function catalog.step_owners(p_key text, p_part jsonb, p_events catalog.events[]) returns jsonb
language sql stable return p_part;
create view catalog.projection_lag as
select null::text as name, max(position) as position, count(*) as lag_events, 0::double precision as lag_seconds
from catalog.events;

insert into catalog.streams (version, recorded_at) select 5, now() from generate_series(1, 20);
insert into catalog.events (event_id, stream_id, version, type, data, metadata, recorded_at)
select gen_random_uuid(), stream_id, number, type, data, '{"user_id": "tester"}',
    now() - interval '1 day' + number * interval '1 second'
from catalog.streams
cross join lateral (
    values (1, 'item_created', jsonb_build_object('name', 'geheimnis ' || stream_id, 'description', 'geheimnis',
            'category', 'tools', 'image_urls', '["https://geheimnis/1.jpg"]'::jsonb, 'location_lat', 53.0,
            'location_lon', -13.405, 'owner_id', 'alice', 'status', 'active')),
        (2, 'item_updated', '{"changes": {"category": "toys"}, "previous_values": {"category": "tools"}}'),
        (3, 'item_updated', '{"changes": {"name": "ein geheimnis", "location_lat": 54.0},
            "previous_values": {"name": "geheimnis", "location_lat": 53.0}}'),
        (4, 'item_status_changed', '{"old_status": "active", "new_status": "swapped", "reason": "geheimnis"}'),
        (5, 'item_deleted', '{"reason": null}')
) as happened (number, type, data)

;
"""

READ = "select position, stream_id, version, type, data::text, recorded_at from catalog.events order by position"


@pytest.fixture
def old(server: EmbeddedPostgres) -> Iterator[str]:
    """A database as the first release would have left it."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("drop database if exists template_empty")
        connection.execute("create database template_empty")
    with database_like(server, "template_empty") as conninfo:
        psql = [str((binaries_under_test() or embedded_binaries()) / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", conninfo]
        release = RELEASE.read_text(encoding="utf-8") if RELEASE.exists() else OLD_STYLE
        subprocess.run(psql, input=release, text=True, check=True, capture_output=True)
        yield conninfo


def migrated(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(MIGRATION.read_bytes())
        connection.execute(schema_sql().encode())
        register(connection, PROJECTIONS)


def test_every_event_reads_as_before_and_the_log_holds_no_text(old: str) -> None:
    with psycopg.connect(old, autocommit=True) as connection:
        before = connection.execute(READ).fetchall()
        assert len(before) > 1
        migrated(old)
        assert connection.execute(READ).fetchall() == before
        left = "select count(*) from catalog.log where data is distinct from catalog.forgotten_form(type, data)"
        assert connection.execute(left).fetchone() == (0,)
        assert "log" not in tables_with(connection, "geheimnis")
        for statement in ("update catalog.log set type = type", "delete from catalog.log", "truncate catalog.log"):
            assert error_of(connection, statement)[0] == "SW003"
        enabled = "select tgenabled::text from pg_trigger where tgname = 'events_are_for_ever'"
        assert connection.execute(enabled).fetchone() == ("A",)


def test_its_streams_go_on_and_can_be_forgotten(old: str) -> None:
    migrated(old)
    with psycopg.connect(old, autocommit=True) as connection:
        (before, stream) = connection.execute(
            "select md5(string_agg(log::text, ',' order by position)), min(stream_id) from catalog.log"
        ).fetchone() or ("", 0)
        (upto,) = connection.execute("select max(position) from catalog.log").fetchone() or (0,)
        restored = '[{"type": "item_restored", "status": "active"}, {"type": "item_deleted", "reason": "geheimnis"}]'
        connection.execute("select catalog.append_to_stream(%s, null, %s, '{}')", (stream, restored))
        for (each,) in connection.execute("select stream_id from catalog.streams").fetchall():
            connection.execute("select catalog.forget_stream(%s)", (each,))
        assert tables_with(connection, "geheimnis") == set()
        then = "select md5(string_agg(log::text, ',' order by position)) from catalog.log where position <= %s"
        assert connection.execute(then, (upto,)).fetchone() == (before,)


def test_what_would_not_read_as_before_is_not_migrated(old: str) -> None:
    """The control of its own check: here the names would be lost."""
    right, lossy = "then data - '{category,owner_id,status}'", "then data - '{category,owner_id,status,name}'"
    migration = MIGRATION.read_text(encoding="utf-8")
    assert migration.count(right) == 1
    with psycopg.connect(old) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="an event would not read as before"):
            connection.execute(migration.replace(right, lossy).encode())
        connection.rollback()
        assert connection.execute("select to_regclass('catalog.log')").fetchone() == (None,)


def test_the_service_of_this_release_runs_on_it(old: str) -> None:
    migrated(old)
    with psycopg.connect(old, autocommit=True) as connection:
        connection.execute("insert into catalog.installed (checksum) values (%s)", (checksum(schema_sql()),))
    assert catalog("rebuild", "--all", DATABASE_URL=old).returncode == 0
    assert catalog("verify", DATABASE_URL=old).returncode == 0
