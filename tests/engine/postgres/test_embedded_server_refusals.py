"""A start of the embedded Postgres that cannot succeed says why in one sentence."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.console import naming_other_servers
from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError
from tests.support.embedded_services import ROOT, refusal


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    before = tmp_path.stat()
    said = refusal(EmbeddedPostgres(tmp_path))
    assert said == f"{tmp_path} holds files that are not the catalog's: name a new or an empty folder"
    assert [file.name for file in tmp_path.iterdir()] == ["PG_VERSION"]
    assert (tmp_path.stat().st_mode, tmp_path.stat().st_uid) == (before.st_mode, before.st_uid)


def test_another_major_version_is_named(folder: Path) -> None:
    (folder / "cluster" / "PG_VERSION").write_text("15\n")
    said = refusal(EmbeddedPostgres(folder))
    assert said.startswith(f"{folder} was made by PostgreSQL 15 and {embedded_binaries()} is PostgreSQL 18: ")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(EmbeddedPostgres(tmp_path / "file" / "data"))
    assert said == f"the embedded Postgres cannot use {tmp_path}/file/data: Not a directory ({tmp_path}/file/data)"


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    tmp_path.chmod(0o700)
    assert said == f"the embedded Postgres cannot use {tmp_path}/data: Permission denied ({tmp_path}/data)"


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match="install it, or set CATALOG_POSTGRES_BIN"), naming_other_servers():
        EmbeddedPostgres(tmp_path)


def test_a_folder_without_server_binaries_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"{tmp_path} holds no initdb we can run"):
        EmbeddedPostgres(tmp_path / "data", binaries=tmp_path)


def test_a_server_that_never_gets_ready_is_given_up(folder: Path, tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    shutil.copytree(embedded_binaries(), binaries, copy_function=os.symlink)
    (binaries / "postgres").unlink()
    (binaries / "postgres").write_text(
        "#!/bin/sh\n"
        f'case "$1" in --version|-V) exec {embedded_binaries()}/postgres --version;; esac\n'
        "echo thinking\nexec sleep 600\n"
    )
    (binaries / "postgres").chmod(0o755)
    postgres = EmbeddedPostgres(folder, binaries=binaries)
    postgres.start_seconds = 0.3
    assert refusal(postgres).endswith(f"was not ready within 0.3 s; {folder}/server.log ends: thinking")


def test_what_the_server_says_of_its_failure_is_said(folder: Path) -> None:
    said = refusal(EmbeddedPostgres(folder, settings={"shared_buffers": "nonsense"}))
    assert said.endswith('start: invalid value for parameter "shared_buffers": "nonsense"')


def test_a_platform_without_unix_modules_is_refused_in_the_same_sentence(tmp_path: Path) -> None:
    """Windows has no fcntl, pwd and SIGHUP; all commands can still be imported."""
    program = (
        "import signal, sys; sys.modules.update(fcntl=None, pwd=None); del signal.SIGHUP\n"
        "import pathlib; real = pathlib.Path.exists\n"
        "pathlib.Path.exists = lambda path: not path.is_relative_to('/proc') and real(path)\n"
        "from app.cli.catalog import main; main(prog_name='catalog')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve"],
        env=environment | {"CATALOG_DATA_DIR": str(tmp_path / "data")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "set DATABASE_URL to a PostgreSQL server" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "its file system has no locks (No locks available)" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said
