"""A disk that is too full for the embedded Postgres is named, and serves when it has room again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import ROOT, execute, refusal


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A small disk, mounted at a short path, so that the socket and its lock file are on it too."""
    disk = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=90m,mode=755", "none", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True) if ROOT else None
    if not mounted or mounted.returncode:
        disk.rmdir()
        pytest.skip(f"a small disk takes the right to mount one: {mounted.stderr.strip() if mounted else 'not root'}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)
    disk.rmdir()


def fill(disk: Path, leave_bytes: int) -> None:
    size = shutil.disk_usage(disk).free - leave_bytes
    with open(disk / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, size)


@pytest.mark.parametrize("left_bytes", [0, 2**23])
def test_a_disk_too_full_for_a_new_cluster_is_named(small_disk: Path, left_bytes: int) -> None:
    fill(small_disk, left_bytes)
    postgres = EmbeddedPostgres(small_disk / "data")
    assert "No space left on device" in refusal(postgres)
    (small_disk / "filler").unlink()
    with postgres:
        assert execute(postgres.conninfo, "select 42") == 42


@pytest.mark.parametrize("left_bytes", [0, 2**12])
def test_a_disk_too_full_to_start_on_is_named(small_disk: Path, used_folder: Path, left_bytes: int) -> None:
    folder = small_disk / "data"
    subprocess.run(["cp", "-a", used_folder, folder], check=True)
    fill(small_disk, left_bytes)
    assert "No space left on device" in refusal(EmbeddedPostgres(folder))
    (small_disk / "filler").unlink()
    with EmbeddedPostgres(folder) as postgres:
        assert execute(postgres.conninfo, "select answer from kept") == 42
