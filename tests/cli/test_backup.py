"""`catalog backup` and `catalog restore` refuse what is not whole, say what they found, and tell nobody a password."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.backup import back_up as write_dump
from app.engine.postgres.backup import find_program
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.appending import append
from tests.support.cli_process import catalog
from tests.support.databases import database_like
from tests.support.operator_commands import RENAMED, SPADE, fetch_value

PASSWORD = "not-to-be-seen"


@pytest.fixture
def empty(server: EmbeddedPostgres) -> Iterator[str]:
    """An empty database to restore into."""
    with database_like(server, "template0") as conninfo:
        yield conninfo


@pytest.fixture
def dump(connection: psycopg.Connection, tmp_path: Path) -> Path:
    """Where the backup of a catalog with some items goes."""
    for _ in range(3):
        append(connection, None, [SPADE, RENAMED])
    return tmp_path / "catalog.dump"


def back_up(conninfo: str, dump: Path) -> None:
    ran = catalog("backup", str(dump), DATABASE_URL=conninfo)
    assert ran.returncode == 0, ran.stderr


def test_a_restore_that_fails_half_way_leaves_the_database_empty(conninfo: str, dump: Path, empty: str) -> None:
    """The end of the last table is missing, which pg_restore notices when it has made all tables and filled others."""
    back_up(conninfo, dump)
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-20])
    refused = catalog("restore", str(dump), DATABASE_URL=empty)
    assert (refused.returncode, "pg_restore failed" in refused.stderr) == (1, True)
    with psycopg.connect(empty) as connection:
        assert fetch_value(connection, "select count(*) from pg_namespace where nspname = 'catalog'") == 0
    dump.write_bytes(whole)
    restored = catalog("restore", str(dump), DATABASE_URL=empty)
    assert restored.returncode == 0, restored.stderr


@pytest.mark.parametrize("table", ["items", "owners", "categories"])
def test_a_restore_whose_documents_differ_from_the_log_names_them_and_exits_1(
    connection: psycopg.Connection, conninfo: str, dump: Path, empty: str, table: str
) -> None:
    key = {"items": "insert into catalog.items (id, version, valid_from, document) values (9, 1, now(), '{}')"}
    forged = key.get(table, f"insert into catalog.{table} (key, document) values ('forged', '{{}}')")
    connection.execute(forged.encode())
    back_up(conninfo, dump)
    told = catalog("restore", str(dump), DATABASE_URL=empty)
    assert told.returncode == 1
    assert f"{table}: " in told.stdout
    assert "1 differs from the log." in told.stdout


def test_a_restore_that_is_not_to_verify_says_so(
    connection: psycopg.Connection, conninfo: str, dump: Path, empty: str
) -> None:
    connection.execute('update catalog.items set document = document || \'{"name": "forged"}\'')
    back_up(conninfo, dump)
    restored = catalog("restore", str(dump), "--no-verify", DATABASE_URL=empty)
    assert restored.returncode == 0
    assert "Not verified: run `catalog verify`." in restored.stderr


@pytest.mark.parametrize("lost", ["an event", "a position"])
def test_a_dump_of_an_incomplete_log_is_refused(
    connection: psycopg.Connection, conninfo: str, dump: Path, empty: str, lost: str
) -> None:
    """An event is missing, or the sequence would hand out a position again."""
    if lost == "an event":
        connection.execute("alter table catalog.log disable trigger all")
        connection.execute("delete from catalog.log where position = 4")
    else:
        connection.execute("select setval('catalog.log_position_seq', 3)")
    back_up(conninfo, dump)
    refused = catalog("restore", str(dump), DATABASE_URL=empty)
    assert refused.returncode == 1
    assert "The log is incomplete" in refused.stderr


@pytest.mark.parametrize(
    "held",
    [
        "create table public.mine ()",
        "create view public.mine as select 1",
        "create schema mine create table theirs ()",
        "create function public.mine() returns integer language sql return 1",
    ],
)
def test_a_database_that_holds_anything_is_not_restored_into(conninfo: str, dump: Path, empty: str, held: str) -> None:
    back_up(conninfo, dump)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(held.encode())
    refused = catalog("restore", str(dump), DATABASE_URL=empty)
    assert (refused.returncode, "The database is not empty" in refused.stderr) == (1, True)


def test_a_backup_of_another_release_is_restored_as_it_is_and_said_to_be(
    connection: psycopg.Connection, conninfo: str, dump: Path, empty: str
) -> None:
    connection.execute("insert into catalog.installed (checksum) values ('of another release')")
    write_dump(conninfo, dump)
    restored = catalog("restore", str(dump), DATABASE_URL=empty)
    assert (restored.returncode, restored.stdout) == (0, "")
    assert "The backup is another release's: run `catalog migrate`" in restored.stderr
    with psycopg.connect(empty) as another:
        assert fetch_value(another, "select count(*) from catalog.log") == 6
        assert not fetch_value(another, "select has_schema_privilege('catalog_service', 'catalog', 'usage')")


def test_a_second_backup_of_the_same_name_is_refused_while_the_first_writes(conninfo: str, dump: Path) -> None:
    with dump.with_name(".catalog.dump.part").open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        refused = catalog("backup", str(dump), DATABASE_URL=conninfo)
        assert refused.returncode == 1
        assert f"another backup is writing {dump}" in refused.stderr
    back_up(conninfo, dump)
    assert [path.name for path in dump.parent.iterdir()] == ["catalog.dump"]


@pytest.mark.parametrize("name", ["pg_dump", "pg_restore"])
def test_a_password_is_in_no_argument_of_the_programs(
    conninfo: str, dump: Path, empty: str, tmp_path: Path, connection: psycopg.Connection, name: str
) -> None:
    """Other users of the machine see the arguments of a process. A script in the program's place writes them down."""
    back_up(conninfo, dump)
    real = find_program(name, connection.info.server_version // 10000)
    folder, written = tmp_path / "bin", tmp_path / "arguments"
    folder.mkdir()
    script = folder / name
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {written}\n[ "$PGPASSWORD" ] && echo with >> {written}\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    command, target = ("backup", conninfo) if name == "pg_dump" else ("restore", empty)
    url = make_conninfo(target, password=PASSWORD)
    ran = catalog(command, str(dump), DATABASE_URL=url, CATALOG_POSTGRES_BIN=str(folder))
    assert ran.returncode == 0, ran.stderr
    assert "--dbname=" in written.read_text()
    assert "with" in written.read_text().splitlines()
    assert PASSWORD not in written.read_text() + ran.stdout + ran.stderr


def test_the_program_of_the_servers_version_is_taken_else_the_next_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for major in (96, 97, 98):
        found[major] = tmp_path / str(major) / "pg_dump"
        found[major].parent.mkdir()
        found[major].write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.1'\n")
        found[major].chmod(0o755)
    folders = [str(found[major].parent) for major in (98, 96, 97)]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))
    assert find_program("pg_dump", 96) == str(found[96])
    assert find_program("pg_dump", 95) == str(found[96])
    found[97].unlink()
    assert find_program("pg_dump", 97) == str(found[98])
