"""`make clean` and `make clean-data`, run in a folder of their own: no catalog is deleted unasked."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.paths import ROOT
from tests.support.ready_made import NewFolder

CATALOGS = (".catalog-data", ".catalog-demo")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the Makefile, both catalogs' folders and something that can be made anew."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (*CATALOGS, ".venv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    return tmp_path


def make(here: Path, *arguments: str, answer: str | None = None) -> subprocess.CompletedProcess[str]:
    """`make …`, in a terminal on which `answer` is typed, or without one."""
    # Not as a part of the `make test` that may run us.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    ours, theirs = pty.openpty()
    os.write(ours, (answer or "").encode())
    try:
        return subprocess.run(
            ["make", *arguments],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL if answer is None else theirs,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)


def left(here: Path) -> list[str]:
    return [name for name in CATALOGS if (here / name / "file").exists()]


def test_clean_leaves_the_catalogs(here: Path) -> None:
    assert make(here, "clean").returncode == 0
    assert not (here / ".venv").exists()
    assert left(here) == [*CATALOGS]


def test_clean_data_asks_naming_what_it_deletes(here: Path) -> None:
    asked = make(here, "clean-data", answer="\n")
    assert "Delete .catalog-data .catalog-demo with all" in asked.stdout
    assert asked.returncode != 0
    assert left(here) == [*CATALOGS]
    assert make(here, "clean-data", answer="y\n").returncode == 0
    assert left(here) == []
    assert (here / ".venv").exists()


def test_clean_data_without_a_terminal_takes_an_explicit_yes(here: Path) -> None:
    refused = make(here, "clean-data")
    assert refused.returncode != 0
    assert "Not deleted: .catalog-data .catalog-demo. Say so with make clean-data YES=1." in refused.stderr
    assert left(here) == [*CATALOGS]
    assert make(here, "clean-data", "YES=1").stdout == "Deleted: .catalog-data .catalog-demo.\n"
    assert left(here) == []
    assert make(here, "clean-data", "YES=1").returncode == 0


def test_what_a_service_uses_is_left(here: Path, new_folder: NewFolder) -> None:
    """Its catalog, and the server's programs, which are in .venv."""
    shutil.rmtree(here / ".catalog-demo")
    with EmbeddedPostgres(new_folder(here / ".catalog-demo"), settings={"fsync": "off"}):
        for target in ("clean", "clean-data"):
            refused = make(here, target, "YES=1")
            assert ".catalog-demo is in use" in refused.stderr
            assert refused.returncode != 0
    assert (here / ".venv").exists()
    assert left(here) == [".catalog-data"]
    assert (here / ".catalog-demo").exists()
    assert make(here, "clean-data", "YES=1").returncode == 0
    assert not (here / ".catalog-demo").exists()
