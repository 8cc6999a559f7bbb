"""A run of tests is judged by what failed: a test finds a fault, and a broken fixture or import does not."""

import os
import sys
from pathlib import Path

import pytest

from tests.mutants.verdicts import Verdict, run_tests

LIMIT_SECONDS = 120.0


def written(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (folder / "test_it.py").write_text(f"import pytest\n\n{text}")
    return folder


@pytest.mark.parametrize(
    ("text", "verdict", "by"),
    [
        ("def test_x(): pass", Verdict.SURVIVED, ""),
        ("def test_x(): assert False", Verdict.KILLED, "test_it.py::test_x"),
        ("raise ValueError", Verdict.INVALID, "collection failure"),
        ("def test_y(): pass", Verdict.INVALID, "not found"),
        ("def test_x(): pytest.skip('no')", Verdict.INVALID, "skipped"),
        (
            "@pytest.fixture\ndef broken(): raise ValueError\n\ndef test_x(broken): pass",
            Verdict.INVALID,
            "failed on setup",
        ),
    ],
    ids=["passes", "fails", "cannot-be-imported", "does-not-exist", "is-skipped", "has-a-broken-fixture"],
)
def test_a_test_kills_only_by_failing(tmp_path: Path, text: str, verdict: Verdict, by: str) -> None:
    folder = written(tmp_path, text)
    run = run_tests(Path(sys.executable), folder, ["test_it.py::test_x"], LIMIT_SECONDS)
    assert (run.verdict, by in run.by) == (verdict, True), run.by


def test_a_hang_is_ended_with_all_processes_that_the_tests_started(tmp_path: Path) -> None:
    sleeping = "import subprocess, sys\ndef test_x():\n    subprocess.Popen([sys.executable, '-c', {sleep!r}]).wait()\n"
    told = tmp_path / "pid"
    sleep = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    folder = written(tmp_path, sleeping.format(sleep=sleep))
    for limit_seconds in (5, 20, 80):  # on a busy machine a start takes long
        run = run_tests(Path(sys.executable), folder, ["test_it.py"], limit_seconds)
        assert run.verdict is Verdict.TIMED_OUT
        if told.exists():
            break
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_the_seconds_of_a_file_a_function_and_its_parameters_are_summed(tmp_path: Path) -> None:
    text = "@pytest.mark.parametrize('n', [1, 2])\ndef test_x(n): pass\n\ndef test_xy(): pass\n"
    run = run_tests(Path(sys.executable), written(tmp_path, text), ["test_it.py"], LIMIT_SECONDS)
    assert set(run.seconds_by_test) == {"test_it.py::test_x[1]", "test_it.py::test_x[2]", "test_it.py::test_xy"}
    given = dict(zip(sorted(run.seconds_by_test), (1.0, 2.0, 3.0), strict=True))
    run = run.__class__(verdict=run.verdict, seconds=0, seconds_by_test=given)
    assert run.seconds_of(["test_it.py"]) == 6
    assert run.seconds_of(["test_it.py::test_x"]) == 3
    assert run.seconds_of(["test_it.py::test_x[2]", "test_it.py::test_x"]) == 3
