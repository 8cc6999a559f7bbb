"""A database of the previous release, with data in it, is brought forward: nothing is lost, and nothing is left over.

`releases/` holds what `pg_dump --inserts --no-owner --no-privileges` of PostgreSQL 15 made of each release's database.
"""

import asyncio

import httpx
import psycopg
import pytest

from app.engine.background.projector import Projector
from app.engine.background.verify import verify
from app.engine.postgres.migrations import known_migrations
from app.errors import SetupError
from app.main import PROJECTIONS, install
from app.schema import MIGRATIONS
from tests.support.appending import error_of
from tests.support.erasure_checks import tables_with
from tests.support.schema_dumps import dumped_schema, without_kept_routines
from tests.support.service_process import running_service


def all_events(conninfo: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        query = "select position, event_id, stream_id, version, type, data, metadata, recorded_at from catalog.events"
        return connection.execute(f"{query} order by position").fetchall()


def test_every_event_reads_as_before(released: str) -> None:
    before = all_events(released)
    assert len(before) > 30
    assert install(released)
    assert all_events(released) == before
    assert not install(released)


def test_documents_are_what_the_log_says_and_the_service_goes_on(released: str) -> None:
    install(released)
    asyncio.run(Projector(released, PROJECTIONS).maintain())
    for read_model in PROJECTIONS:
        verified = asyncio.run(verify(released, read_model))
        assert verified.checked > 3
        assert verified.differing == []
    newest = all_events(released)[-1][0]
    with running_service({"DATABASE_URL": released}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
        one = api.get("/items", params={"limit": 1}).json()[0]
        changed = api.put(f"/items/{one['id']}", json={"name": "Brought forward"})
        assert (changed.json()["version"], changed.json()["name"]) == (one["version"] + 1, "Brought forward")
        assert int(changed.headers["X-Position"]) > int(str(newest))


def test_what_was_brought_forward_has_the_same_schema_as_what_is_new(released: str, conninfo: str) -> None:
    install(released)
    assert set(without_kept_routines(dumped_schema(released))) ^ set(dumped_schema(conninfo)) == set()


def test_the_log_holds_nothing_personal_any_more_and_is_for_ever_again(released: str) -> None:
    install(released)
    with psycopg.connect(released, autocommit=True) as connection:
        assert "personal" in tables_with(connection, "Now cheaper")
        assert not {"log", "forgotten"} & tables_with(connection, "Now cheaper")
        left = "select count(*) from catalog.log where data is distinct from catalog.redacted_event(type, data)"
        assert connection.execute(left).fetchone() == (0,)
        for statement in ("update catalog.log set type = type", "delete from catalog.log", "truncate catalog.log"):
            assert error_of(connection, statement)[0] == "SW003"
        for (stream,) in connection.execute("select stream_id from catalog.streams").fetchall():
            connection.execute("select catalog.forget_stream(%s)", (stream,))
        assert tables_with(connection, "Now cheaper") == set()


def test_what_would_not_read_as_before_is_not_migrated(of_0_1_0: str) -> None:
    """The control of the second migration's own check: here the names would be lost."""
    right, lossy = "then data - '{category,owner_id,status}'", "then data - '{category,owner_id,status,name}'"
    migration = known_migrations(MIGRATIONS)[1].sql
    assert migration.count(right) == 1
    with psycopg.connect(of_0_1_0) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="an event would not read as before"):
            connection.execute(migration.replace(right, lossy).encode())
        connection.rollback()
        assert connection.execute("select to_regclass('catalog.log')").fetchone() == (None,)


def test_a_new_database_has_seen_every_migration(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        seen = connection.execute("select number, name from catalog.migrations order by number").fetchall()
    assert seen == [(migration.number, migration.name) for migration in known_migrations(MIGRATIONS)] != []


def test_a_database_of_a_later_release_is_left_alone(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("insert into catalog.migrations (number, name) values (9999, 'later')")
        connection.execute("insert into catalog.installed (checksum) values ('of a later release')")
    with pytest.raises(SetupError, match="migrated by a later release, to 9999"):
        install(conninfo)


def test_a_migration_that_fails_has_changed_nothing(released: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dumped_schema(released)
    monkeypatch.setattr("app.main.schema_sql", lambda: "drop table catalog.nothing_of_the_kind;")
    with pytest.raises(SetupError, match="nothing_of_the_kind"):
        install(released)
    assert dumped_schema(released) == before
