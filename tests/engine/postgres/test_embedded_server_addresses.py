"""The embedded Postgres is reached over its socket, whatever its path, and over TCP with a password."""

import re
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import FAST, Service, execute, postmaster, refusal
from tests.support.service_process import free_port


def test_over_tcp_the_password_is_asked_for(folder: Path) -> None:
    with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as postgres:
        assert postgres.tcp_url
        assert execute(postgres.tcp_url, "select answer from kept") == 42
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            execute(re.sub(":[0-9a-f]{32}@", "@", postgres.tcp_url), "select 1")
        url = postgres.tcp_url
    with postgres:
        assert postgres.tcp_url == url


def test_a_server_left_without_the_tcp_port_is_started_again_with_it(folder: Path) -> None:
    killed = Service(folder)
    killed.started()
    killed.kill()
    with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as postgres:
        assert postgres.tcp_url
        with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as second:
            assert second.tcp_url == postgres.tcp_url
            assert execute(second.conninfo, "select answer from kept") == 42


def test_a_taken_tcp_port_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(EmbeddedPostgres(folder, tcp_port=port, settings=FAST))
    assert said == f"TCP port {port} of 127.0.0.1 is taken: give the embedded Postgres another"


@pytest.mark.parametrize("name", ["n" * 120, "a, b", 'it\'s $HOME; "so" é'], ids=["long", "comma", "odd"])
def test_any_path_will_do(used_folder: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "data"
    folder.parent.mkdir()
    subprocess.run(["cp", "-a", used_folder, folder], check=True)
    service = Service(folder)
    conninfo = service.started()
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        assert postgres.conninfo == conninfo
        service.end()
        assert execute(conninfo, "select answer from kept") == 42
        place = Path(str(execute(conninfo, "show unix_socket_directories")))
        assert place.stat().st_mode & 0o777 == 0o700
    assert place.exists() == place.is_relative_to(folder)
    assert postmaster(folder) is None


def test_a_socket_folder_of_somebody_elses_is_not_used(used_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("n" * 120)
    subprocess.run(["cp", "-a", used_folder, folder], check=True)
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        place = Path(str(execute(postgres.conninfo, "show unix_socket_directories")))
    place.symlink_to(tmp_path)
    try:
        assert f"{place} is not our folder for the socket" in refusal(postgres)
    finally:
        place.unlink()
