"""Every command of the console: which database it uses, and whether it makes one; the commands are click's own list."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import click
import pytest

from app.cli.catalog import main
from app.cli.operations import ItemIdType
from tests.support.cli_process import DONE_WITHIN_SECONDS, Call, catalog, clean_environment
from tests.support.doc_pages import README
from tests.support.paths import ROOT
from tests.support.ready_made import NewFolder
from tests.support.sample_items import an_item
from tests.support.service_process import free_port, wait_until_healthy

WITHOUT_DATABASE = {"schema", "demo"}
"""`demo` asks a service over HTTP, its own or another's."""
MAY_CREATE = {"serve", "migrate", "restore"}


def a_call(name: str, file: Path) -> list[str]:
    """The command with its arguments, but for those that are passed on."""
    arguments = [each for each in main.commands[name].params if isinstance(each, click.Argument) and each.nargs == 1]
    return [name, *(_value(argument, file) for argument in arguments)]


def _value(argument: click.Argument, file: Path) -> str:
    if argument.name == "file":
        file.touch()
        return str(file)
    return "7" if isinstance(argument.type, ItemIdType) else "items"


@pytest.mark.parametrize(
    "extra", [*((name,) for name in sorted(set(main.commands) - WITHOUT_DATABASE - MAY_CREATE)), ("migrate", "--check")]
)
def test_a_command_that_needs_a_catalog_makes_none(extra: tuple[str, ...], tmp_path: Path) -> None:
    name, *options = extra
    ran = catalog(*a_call(name, tmp_path / "file"), *options, CATALOG_DATA_DIR=str(tmp_path / "data"))
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert f"there is no catalog in {tmp_path}/data yet: run `catalog --data-dir {tmp_path}/data serve`" in ran.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", sorted(set(main.commands) - WITHOUT_DATABASE))
def test_a_command_says_which_database_it_uses_and_no_password(name: str, tmp_path: Path) -> None:
    """One where nobody listens, so that each ends at once."""
    url = "postgresql://ann:hunter2@127.0.0.1:1/shop?sslpassword=hunter3"
    ran = catalog(*a_call(name, tmp_path / "file"), DATABASE_URL=url)
    assert ran.returncode != 0
    assert ran.stdout == ""
    told = [line for line in ran.stderr.splitlines() if line.startswith("Database: ")]
    assert told == ["Database: host=127.0.0.1 port=1 dbname=shop user=ann."]
    assert "hunter" not in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture(scope="module")
def place(new_folder: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `.catalog-demo` holds the demo's year."""
    folder = tmp_path_factory.mktemp("place")
    with serving_the_demo(new_folder(folder / ".catalog-demo")) as said:
        assert re.search(r"A year of a small town: \d,\d{3} events\.", said())
    return folder


@contextmanager
def serving_the_demo(data_dir: Path) -> Iterator[Callable[[], str]]:
    """`catalog serve --demo`, as `make town` runs it; what it has said to people so far."""
    port = free_port()
    with TemporaryFile() as err:
        arguments = ["--data-dir", str(data_dir), "serve", "--demo", "--port", str(port)]
        process = Call(arguments, clean_environment(), err=err.fileno())
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield lambda: os.pread(err.fileno(), 100_000, 0).decode()
        finally:
            process.terminate()
            process.wait(DONE_WITHIN_SECONDS)


def test_the_town_is_served_a_second_time_and_the_console_reaches_it_meanwhile(place: Path) -> None:
    """By the lines that the README has for it, typed beside the folder."""
    lines = README.code("sh console")
    with serving_the_demo(place / ".catalog-demo") as said:
        assert "The demo's year is there already, and stays." in said()
        assert f"Database: the embedded Postgres in {place}/.catalog-demo.\n" in said()
        assert f"`catalog --data-dir {place}/.catalog-demo lag`" in said()
        ran = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=f"catalog() {{ '{sys.executable}' -m app.cli \"$@\"; }}\n{lines}",
            env=clean_environment() | {"PYTHONPATH": str(ROOT)},
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count(f"Database: the embedded Postgres in {place}/.catalog-demo.\n") == lines.count("\ncatalog ")


def test_where_there_is_no_catalog_one_that_lies_beside_is_named(place: Path) -> None:
    here = os.path.relpath(place)
    ran = catalog("inspect", "7", CATALOG_DATA_DIR=str(place / ".catalog-data"))
    assert ran.returncode == 1
    assert (
        f"there is no catalog in {place}/.catalog-data, and there is one in {here}/.catalog-demo: "
        f"run `catalog --data-dir {here}/.catalog-demo inspect`" in ran.stderr
    )
    assert not (place / ".catalog-data").exists()


def test_the_demo_is_refused_where_other_events_are(new_folder: NewFolder, tmp_path: Path) -> None:
    folder, file = new_folder(tmp_path / "data"), tmp_path / "items.ndjson"
    file.write_text(json.dumps(an_item()))
    assert catalog("--data-dir", str(folder), "import", str(file)).returncode == 0
    ran = catalog("--data-dir", str(folder), "serve", "--demo", "--port", "0")
    assert ran.returncode == 1
    assert "this catalog holds events that are not the demo's" in ran.stderr
    assert "Swappo Catalog on" not in ran.stderr


def test_a_backup_may_be_restored_into_a_folder_that_is_not_there_yet(place: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "dump")
    assert catalog("--data-dir", str(place / ".catalog-demo"), "backup", file).returncode == 0
    assert catalog("--data-dir", str(tmp_path / "data"), "restore", file, "--no-verify").returncode == 0
    with serving_the_demo(tmp_path / "data") as said:
        assert "The demo's year is there already, and stays." in said()


@pytest.mark.parametrize(
    ("folder", "command", "environment"),
    [("", "lag", {}), ("x", "lag", {"DATABASE_URL": "host=/nowhere"}), ("x", "demo", {}), ("x", "schema", {})],
)
def test_a_data_dir_that_cannot_be_meant_is_refused(folder: str, command: str, environment: dict[str, str]) -> None:
    ran = catalog("--data-dir", folder, command, **environment)
    assert ran.returncode == 2
    assert "--data-dir" in ran.stderr
