"""The embedded Postgres makes its folder, is shared by its users, and is stopped by the last one."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import DEBIAN_15, FAST, Service, execute, postmaster


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["the wheel's 18", "Debian's 15"])
def test_a_new_folder_becomes_a_durable_utf8_database_in_utc(tmp_path: Path, binaries: Path | None) -> None:
    if binaries and not binaries.exists():
        pytest.skip(f"there is no {binaries}")
    folder = tmp_path / "not" / "yet" / "there"
    with EmbeddedPostgres(folder, binaries=binaries) as postgres:
        version = execute(postgres.conninfo, "show server_version")
        assert str(version).startswith("15" if binaries else "18")
        assert execute(postgres.conninfo, "select current_database()") == "catalog"
        assert execute(postgres.conninfo, "show server_encoding") == "UTF8"
        assert execute(postgres.conninfo, "select lower('ÉŻ') || ('a' < 'B')") == "éżfalse"
        assert execute(postgres.conninfo, "show timezone") == "UTC"
        assert execute(postgres.conninfo, "show fsync") == "on"
        assert execute(postgres.conninfo, "show listen_addresses") == ""
        execute(postgres.conninfo, "create table kept as select 42 as answer")
    assert postmaster(folder) is None
    with EmbeddedPostgres(folder, binaries=binaries) as postgres:
        assert execute(postgres.conninfo, "select answer from kept") == 42


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["psql 18", "psql 15"])
def test_the_conninfo_is_good_for_psql(folder: Path, binaries: Path | None) -> None:
    psql = (binaries or embedded_binaries()) / "psql"
    if not psql.exists():
        pytest.skip(f"there is no {psql}")
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        command = [str(psql), postgres.conninfo, "-XAtc", "select answer from kept"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "42\n"


def test_settings_reach_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST | {"TimeZone": "Asia/Tokyo", "work_mem": "5MB"}) as postgres:
        assert execute(postgres.conninfo, "show timezone") == "Asia/Tokyo"
        assert execute(postgres.conninfo, "show work_mem") == "5MB"


def test_start_and_stop_may_be_said_twice(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, settings=FAST)
    assert postgres.start() == postgres.start() == postgres.conninfo
    postgres.stop()
    postgres.stop()
    assert postmaster(folder) is None
    postgres.start()
    assert execute(postgres.conninfo, "select answer from kept") == 42
    postgres.stop()


def test_the_last_one_out_stops_the_server(folder: Path) -> None:
    first, second = Service(folder), Service(folder)
    assert first.started() == second.started()
    server = postmaster(folder)
    first.end()
    assert postmaster(folder) == server
    with EmbeddedPostgres(folder, settings=FAST) as third:
        second.end()
        assert postmaster(folder) == server
        assert execute(third.conninfo, "select answer from kept") == 42
    assert postmaster(folder) is None


def test_two_of_one_process_share_the_server(folder: Path) -> None:
    one, other = EmbeddedPostgres(folder, settings=FAST), EmbeddedPostgres(folder, settings=FAST)
    one.start()
    other.start()
    one.stop()
    assert execute(other.conninfo, "select answer from kept") == 42
    other.stop()
    assert postmaster(folder) is None


def test_whoever_has_started_has_a_server_however_others_come_and_go(folder: Path) -> None:
    people = 4
    barrier = Barrier(people)

    def come_and_go(_: int) -> None:
        postgres = EmbeddedPostgres(folder, settings=FAST)
        barrier.wait()
        for _ in range(5):
            with postgres:
                assert execute(postgres.conninfo, "select answer from kept") == 42

    services = [Service(folder) for _ in range(2)]
    with ThreadPoolExecutor(people) as pool:
        list(pool.map(come_and_go, range(people)))
    for service in services:
        assert execute(service.started(), "select answer from kept") == 42
        service.end()
    assert postmaster(folder) is None
