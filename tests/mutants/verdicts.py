"""Runs tests as a process within a time limit, and reads from its JUnit file whether they found the fault."""

import importlib.util
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from msgspec import Struct

MARK = "MUTANTS_RUN"
"""The environment variable by which the processes of a run are found."""
ENDS_WITHIN_SECONDS = 20
"""After an interrupt; the fixtures stop their servers meanwhile."""
RUNNING: dict[str, str] = {}
"""The runs of this process: their marks and their folders."""


class Verdict(StrEnum):
    KILLED = "killed"
    """A test failed."""
    TIMED_OUT = "killed by the time limit"
    SURVIVED = "survived"
    INVALID = "invalid"
    """The patch does not apply, or no test could run: the code cannot be imported, or a fixture failed."""


class TestRun(Struct, frozen=True, kw_only=True):
    """The result of some tests."""

    verdict: Verdict
    by: str = ""
    """The test that failed, or why the run is invalid."""
    seconds: float
    seconds_by_test: dict[str, float] = {}
    """By the id of each test that ran; those that were skipped did not."""

    def seconds_of(self, tests: Sequence[str]) -> float:
        """What the tests of these ids took; an id may be of a file, a function, or one set of parameters."""
        return sum(
            seconds
            for name, seconds in self.seconds_by_test.items()
            if any(name == each or name.startswith((f"{each}::", f"{each}[")) for each in tests)
        )


def run_tests(python: Path, folder: Path, tests: Sequence[str], limit_seconds: float, *options: str) -> TestRun:
    """Run tests with an interpreter, in a folder with a pyproject.toml. Nothing that they start outlives the run."""
    mark, begun = uuid.uuid4().hex, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as scratch:
        RUNNING[mark] = scratch
        junit, said = Path(scratch) / "junit.xml", Path(scratch) / "said"
        with said.open("w") as out:
            process = subprocess.Popen(
                [*_pytest(python), f"--junitxml={junit}", *options, *tests],
                cwd=folder,
                env={**_environment(), MARK: mark, "TMPDIR": scratch},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            status = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return TestRun(verdict=Verdict.TIMED_OUT, by=f"{limit_seconds:.0f} s", seconds=limit_seconds)
        finally:
            _end_all(mark, scratch)
            process.wait()
            del RUNNING[mark]
        return _judge(status, junit, said.read_text(errors="replace"), time.monotonic() - begun)


def _environment() -> dict[str, str]:
    """Ours, without what a worker of pytest-xdist that may run us has put into it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}


def end_runs() -> None:
    """End the runs of all threads."""
    for mark, scratch in list(RUNNING.items()):
        _end_all(mark, scratch)


def _pytest(python: Path) -> list[str]:
    has_workers = importlib.util.find_spec("xdist") and "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
    in_one_process = ("-n", "0") if has_workers else ()
    return [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *in_one_process, "-o", "junit_family=xunit1"]


def _judge(status: int, junit: Path, said: str, seconds: float) -> TestRun:
    cases = list(ElementTree.parse(junit).iter("testcase")) if junit.exists() else []
    ran = {_name(case): float(case.get("time", 0)) for case in cases if case.find("skipped") is None}
    failed = [_name(case) for case in cases if case.find("failure") is not None]
    errors = [error.get("message", "") for case in cases for error in case.iter("error")]
    if failed:
        verdict, by = Verdict.KILLED, failed[0]
    elif status == 0 and ran:
        verdict, by = Verdict.SURVIVED, ""
    elif status in (0, 5):
        verdict, by = Verdict.INVALID, "all of its tests are skipped on this machine" if cases else "there are no tests"
    else:
        verdict, by = Verdict.INVALID, next(iter(errors), "") or _first_error(said)
    return TestRun(verdict=verdict, by=by, seconds=seconds, seconds_by_test=ran)


def _first_error(said: str) -> str:
    """What pytest says when no test was collected."""
    lines = said.strip().splitlines() or ["pytest said nothing"]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1])


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('file', '')}::{case.get('name', '')}"


def _end_all(mark: str, scratch: str) -> None:
    """End the processes of a run: those with its mark in their environment, or its folder in their command line."""
    for told in (signal.SIGINT, signal.SIGKILL):
        for pid in _processes(mark, scratch):
            with suppress(ProcessLookupError):
                os.kill(pid, told)
        deadline = time.monotonic() + ENDS_WITHIN_SECONDS
        while any(_processes(mark, scratch)) and time.monotonic() < deadline:
            time.sleep(0.05)


def _processes(mark: str, scratch: str) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_dead = b") Z " in (process / "stat").read_bytes()
            is_marked = f"{MARK}={mark}".encode() in (process / "environ").read_bytes()
            if not is_dead and (is_marked or scratch.encode() in (process / "cmdline").read_bytes()):
                yield int(process.name)
