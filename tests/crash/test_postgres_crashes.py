"""Postgres is killed, restarted, or its disk is full: no acknowledged command is lost, none is carried out twice."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import binaries_under_test
from tests.support.patience import PRODUCT_LIMITS, until
from tests.support.ready_made import NewFolder
from tests.support.replication import kill_server
from tests.support.retrying_clients import WRITERS, writing
from tests.support.service_process import running_service


def test_postgres_killed_in_the_middle_of_writes_comes_back_with_all_that_was_acknowledged(
    new_server_folder: NewFolder, tmp_path: Path
) -> None:
    """All its processes are killed by kill -9 at once, three times; the service starts it again."""
    environment = {**PRODUCT_LIMITS, "CATALOG_DATA_DIR": str(new_server_folder(tmp_path / "data"))}
    if binaries := binaries_under_test():
        environment["CATALOG_POSTGRES_BIN"] = str(binaries)
    with running_service(environment) as (url, _), writing(url) as clients:
        for _ in range(3):
            kill_server(tmp_path / "data")
            clients.until_acknowledged(40)


@pytest.mark.alone
def test_postgres_restarted_under_load_costs_errors_for_seconds_and_no_wedged_service(
    new_server_folder: NewFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A separate, unsupervised server is stopped and started as an operator does it."""
    with EmbeddedPostgres(new_server_folder(tmp_path / "data"), binaries=binaries_under_test()) as server:
        with running_service({**PRODUCT_LIMITS, "DATABASE_URL": server.conninfo}) as (url, _), writing(url) as clients:
            for _ in range(2):
                began = time.monotonic()
                server.stop()
                server.start()
                clients.until_acknowledged(40)
                back = time.monotonic() - began
        refused, silent = sum(s.refused for s in clients.stories), max(s.silent_seconds for s in clients.stories)
        with capsys.disabled():
            print(f"\nPostgres restarted: {refused} requests refused, {silent:.1f} s of silence, {back:.1f} s in all")


def test_a_full_disk_refuses_commands_until_there_is_space_again(small_disk: Path) -> None:
    environment = {**PRODUCT_LIMITS, "CATALOG_DATA_DIR": str(small_disk / "data")}
    if binaries := binaries_under_test():
        environment["CATALOG_POSTGRES_BIN"] = str(binaries)
    filler = small_disk / "filler"
    with running_service(environment) as (url, _), writing(url) as clients:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"0" * 65536):
                pass
        refused = sum(story.refused for story in clients.stories)
        until(lambda: sum(story.refused for story in clients.stories) >= refused + WRITERS, "nothing is refused")
        filler.unlink()
        clients.until_acknowledged(40)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system in memory; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192m,mode=755", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
