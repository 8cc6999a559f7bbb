"""A database of the previous release, with data in it, is brought forward: nothing is lost, and nothing is left over.

`releases/` holds what `pg_dump --inserts --no-owner --no-privileges` of PostgreSQL 15 made of each release's database.
"""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from app.errors import SetupError
from app.main import PROJECTIONS, install
from app.migrating import known_migrations
from app.postgres import EmbeddedPostgres, embedded_binaries
from app.projector import Projector
from app.verify import verify
from tests.conftest import binaries_under_test, database_like, running_service

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.sql"))


@pytest.fixture(params=RELEASES, ids=lambda file: file.stem)
def released(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The conninfo of a database as a release has left it."""
    with database_like(server, "template0") as conninfo:
        with psycopg.connect(conninfo) as connection:
            connection.execute(request.param.read_bytes())
        yield conninfo


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
    asyncio.run(Projector(released, PROJECTIONS).tend())
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
    assert set(dumped_schema(released)) ^ set(dumped_schema(conninfo)) == set()


def dumped_schema(conninfo: str) -> list[str]:
    """Each statement that would make the schema, in an order of its own, with the columns of a table in the order of
    their names: without comments of pg_dump itself, and the names that 18 gives to `not null`, not 15."""
    program = (binaries_under_test() or Path(embedded_binaries())) / "pg_dump"
    dumped = subprocess.check_output([program, "--schema-only", "--dbname", conninfo], text=True)
    lines = [line for line in dumped.splitlines() if not line.startswith(("--", "\\"))]
    statements = re.split(r";\n+", "\n".join(lines))
    return sorted(
        _in_order(statement) if "CREATE TABLE" in statement else statement.strip() for statement in statements
    )


def _in_order(table: str) -> str:
    return "\n".join(sorted(line.rstrip(",") for line in re.sub(r"CONSTRAINT \w+_not_null ", "", table).splitlines()))


def test_a_new_database_has_seen_every_migration(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        seen = connection.execute("select number, name from catalog.migrations order by number").fetchall()
    assert seen == [(migration.number, migration.name) for migration in known_migrations()] != []


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
