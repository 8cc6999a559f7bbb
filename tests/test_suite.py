"""The suite leaves no process and no folder, also where one of its workers is killed in the middle of a test."""

import subprocess
import sys
from pathlib import Path

from tests.support.leftovers import commands_of_run
from tests.support.paths import ROOT
from tests.support.slow_files import SLOWEST_FIRST

DYING = """
import os, signal, subprocess, sys

def test_that_takes_its_worker_with_it(tmp_path, tmp_path_factory):
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    service = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)])
    with open({said!r}, "w") as file:
        print(left.pid, service.pid, tmp_path_factory.getbasetemp().parent, file=file)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_worker_leaves_running_is_ended_and_the_run_has_failed(tmp_path: Path) -> None:
    said, tests = tmp_path / "said", tmp_path / "test_dying.py"
    tests.write_text(DYING.format(said=str(said)))
    command = [sys.executable, "-m", "pytest", "--numprocesses=1", "--max-worker-restart=0", "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tests)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    first, second, folder = said.read_text().split()
    assert ran.returncode == 1, ran.stdout
    assert f"left running by a worker: {first} sleep 600" in ran.stdout
    assert f"left running by a worker: {second} " in ran.stdout
    assert commands_of_run(folder) == []
    assert not Path(folder).exists()


def test_the_slow_files_that_are_named_exist() -> None:
    assert [path for path in SLOWEST_FIRST if not (ROOT / path).exists()] == []
