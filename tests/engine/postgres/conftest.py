"""Folders of an embedded Postgres, each a copy of one that was used once."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import FAST, execute, postmaster


@pytest.fixture(scope="session")
def used_folder(nothing_is_left_running: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was used once. `cp -a` keeps its owner, so a copy serves as a new folder."""
    folder = tmp_path_factory.mktemp("once") / "data"
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        execute(postgres.conninfo, "create table kept as select 42 as answer")
    return folder


@pytest.fixture
def folder(used_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder. If the test leaves its server running, the test fails and the server is killed."""
    copy = tmp_path / "data"
    subprocess.run(["cp", "-a", used_folder, copy], check=True)
    yield copy
    left = postmaster(copy)
    if left:
        os.kill(left, signal.SIGKILL)
    assert left is None, "the test left a server running"
