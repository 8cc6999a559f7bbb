"""The benchmarks: each runs to its end, RESULTS.md is made of what they left, and none is forgotten."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

import pytest

from bench import data, results
from bench.load import Sample
from bench.page import CHROMIUM
from bench.rows import Report, Row, Where, read
from tests.support.paths import ROOT

PROGRAMS = {path.stem: path for path in (ROOT / "bench").rglob("*.py") if '__name__ == "__main__"' in path.read_text()}
STARTED_BY = {"bare": "http", "rebuilding": "rebuild"}
"""Programs that take arguments, and the benchmark that starts them."""
BENCHMARKS = sorted(PROGRAMS.keys() - STARTED_BY.keys() - {"results"})

SOMEWHERE = Where(date="2026-01-15", scale="tiny", machine="?", processors=2, memory_gib=4, versions={}, settings={})

ENDS_WITHIN_SECONDS = 300
"""So that one that hangs is told, and does not hang the suite."""
Ran = subprocess.CompletedProcess[str]


def run(program: str, folder: Path, *arguments: str) -> Ran:
    """A program of the benchmarks at the tiny scale; its lines, and its server, are in the folder."""
    environment = {**os.environ, "SCALE": "tiny", "BENCH_RESULTS": str(folder), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", f"bench.{program}", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN_SECONDS
    )


def published() -> dict[Path, tuple[int, int]]:
    """The published results: each file with its size and when it was written."""
    files = [path for path in (ROOT / "bench").rglob("*") if path.suffix in (".jsonl", ".md", ".svg", ".part")]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def runs(folder: Path) -> Iterator[Mapping[str, Future[Ran]]]:
    """All benchmarks, two at a time; nothing hangs on how long they take."""
    before = published()
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, name, folder) for name in BENCHMARKS}
    assert published() == before, "a run with a folder of its own has written into the project"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_to_its_end(runs: Mapping[str, Future[Ran]], folder: Path, name: str) -> None:
    if name == "page" and CHROMIUM is None:
        pytest.skip("there is no Chromium: `make chromium` installs it")
    ran = runs[name].result()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read(folder)[name], "a benchmark that ran leaves lines"


def test_all_of_them_make_a_page(runs: Mapping[str, Future[Ran]], folder: Path) -> None:
    for each in runs.values():
        each.result()
    ran = run("results", folder)
    assert ran.returncode == 0, ran.stderr
    page = (folder / "RESULTS.md").read_text()
    asked = [name for name in BENCHMARKS if name != "page" or CHROMIUM]
    assert re.findall("^## (?!Aims)(.*)", page, re.MULTILINE) == [name for name in results.BENCHES if name in asked]
    assert len([*(folder / "charts").glob("*.svg")]) == len(results.CHARTS)


HANGS_UP = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from bench.measure import a_database
with a_database():
    os.kill(os.getpid(), signal.SIGHUP)
"""


def test_a_benchmark_whose_terminal_goes_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", HANGS_UP], cwd=ROOT, env=environment, check=False, timeout=ENDS_WITHIN_SECONDS
    )
    assert ran.returncode != 0
    assert [*tmp_path.iterdir()] == []


def test_a_program_that_takes_arguments_is_started_by_a_benchmark() -> None:
    for program, benchmark in STARTED_BY.items():
        assert re.search(rf"\bbench\.{program}\b", PROGRAMS[benchmark].read_text())


def test_a_benchmark_that_fails_stops_make_with_a_sentence() -> None:
    given = [f"BIN={Path(sys.executable).parent}", "BENCHES=none after", "--old-file=.venv/installed"]
    ran = subprocess.run(["make", "bench", *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "bench.none failed: nothing after it was measured" in ran.stderr
    assert "bench.after" not in ran.stderr


def test_a_scale_that_is_none_is_refused_with_a_sentence() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.replay"],
        cwd=ROOT,
        env={**os.environ, "SCALE": "huge"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "SCALE is tiny, small, full or large, not huge.\n")


@pytest.fixture
def lines(runs: Mapping[str, Future[Ran]], folder: Path, tmp_path: Path) -> Path:
    """A folder with nothing but the lines of the quickest benchmark."""
    ran = runs["replay"].result()
    assert ran.returncode == 0, ran.stderr
    assert "One item with 10,000 events" in ran.stdout
    alone = tmp_path / "lines"
    alone.mkdir()
    shutil.copy(folder / "replay.jsonl", alone)
    return alone


def test_each_line_says_what_was_measured_and_where(lines: Path) -> None:
    rows = read(lines)["replay"]
    assert {row.sizes["events"] for row in rows} == {10, 100, 1_000, 10_000}
    for row in rows:
        assert row.n > 0
        assert 0 < row.median_seconds <= row.p99_seconds
        assert row.per_second > 0
        assert set(row.where.versions) == {"Python", "PostgreSQL", "psycopg", "litestar", "msgspec", "eventsourcing"}
        assert row.where.settings == {"fsync": "on", "synchronous_commit": "on"}
        assert row.where.scale == "tiny"
    assert [*rows[1].ratios] == ["reading its rows (floor)", "eventsourcing"]


def test_the_same_lines_make_the_same_page_and_charts(lines: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        folder = tmp_path / name
        results.write(read(lines), folder)
        made.append({path.relative_to(folder): path.read_text() for path in sorted(folder.rglob("*.*"))})
    assert made[0] == made[1]
    assert {path.name for path in made[0]} == {"RESULTS.md", "one-item.svg"}
    for path, text in made[0].items():
        if path.suffix == ".svg":
            assert "script" not in text
            assert ElementTree.fromstring(text).get("viewBox")


def test_the_page_answers_what_was_asked_and_says_what_was_not(lines: Path) -> None:
    page = results.page(read(lines), ["one-item"])
    assert "How long does it take to replay one item" in page
    assert "![One item from its events](charts/one-item.svg)" in page
    assert "| folded in SQL |" in page
    assert re.search(r"\| one item with 10,000 events, .* \| at most 5 ms \| [\d.]+ ms \|", page)
    assert "| … with history | at most 6 | not measured |  |" in page


def test_every_benchmark_is_run_by_make_and_has_its_place_in_the_results() -> None:
    target = re.search(r"^BENCHES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert target is not None
    assert target[1].split() == [*results.BENCHES, "results"]
    assert sorted(results.BENCHES) == BENCHMARKS


def test_every_benchmark_says_what_it_asks_and_with_what_it_is_compared() -> None:
    for name in BENCHMARKS:
        asked = ast.get_docstring(ast.parse(PROGRAMS[name].read_text()))
        assert asked is not None
        assert "?" in asked.splitlines()[0], name
        assert f"python -m bench.{name}" in asked, name


def test_every_chart_belongs_to_a_benchmark_that_exists() -> None:
    for chart in results.CHARTS:
        assert (ROOT / "bench" / f"{chart.bench}.py").exists(), chart


def test_the_data_are_the_same_every_time_and_some_items_change_a_thousand_times() -> None:
    assert [*data.events(50)] == [*data.events(50)]
    lengths = Counter(stream_id for stream_id, *_ in data.events(1_000))
    assert lengths[7] == 1_000
    assert median(lengths.values()) < 10


def a_report() -> Report:
    return Report("toy", SOMEWHERE)


def test_a_ratio_is_the_median_of_those_within_each_turn() -> None:
    """Not the ratio of the medians, which is 2 here: a turn in which all is slow must not count for more."""
    seconds = {"bare (floor)": [1.0, 2.0, 30.0], "ours": [3.0, 6.0, 4.0]}
    _, ours = a_report().times("How fast?", seconds)
    assert ours.ratios == {"bare (floor)": 3.0}
    assert ours.median_seconds == 4.0


def test_who_did_less_is_compared_by_what_one_takes() -> None:
    seconds = {"bare (floor)": [1.0], "ours": [2.0], "peer": [5.0]}
    units = {"bare (floor)": 100, "ours": 100, "peer": 10}
    bare, ours, peer = a_report().times("How fast?", seconds, units, "events", peers=["peer"])
    assert (bare.per_second, ours.per_second, peer.per_second) == (100, 50, 2)
    assert ours.ratios == {"bare (floor)": 2.0, "peer": 0.04}
    assert peer.ratios == {"bare (floor)": 50.0}


def test_of_a_load_each_latency_counts_and_the_rate_is_that_of_the_turns() -> None:
    loads = {"bare (floor)": [Sample(1.0, [0.1] * 10)], "ours": [Sample(2.0, [0.2] * 9 + [0.9])]}
    _, ours = a_report().loads("How many?", loads, "requests")
    assert (ours.n, ours.median_seconds, ours.p99_seconds, ours.per_second) == (10, 0.2, 0.9, 5.0)
    assert ours.ratios == {"bare (floor)": 2.0}


def test_the_nearest_rank_of_a_hundred_is_the_last_but_one() -> None:
    (row,) = a_report().times("How long?", {"ours": [float(number) for number in range(1, 101)]})
    assert row.p99_seconds == 99.0


def a_row(question: str, way: str, **ratios: float) -> Row:
    return Row(
        bench="rebuild",
        question=question,
        way=way,
        n=1,
        median_seconds=1,
        p99_seconds=1,
        ratios=ratios,
        where=SOMEWHERE,
    )


@pytest.mark.parametrize(("found", "said"), [(1.49, "| 1.49 | yes |"), (1.51, "| 1.51 | **no** |")])
def test_an_aim_is_read_off_the_largest_log(found: float, said: str) -> None:
    way = "items, their documents alone"
    rows = {"rebuild": [a_row("A log of 10 events", way, floor=9), a_row("A log of 100 events", way, floor=found)]}
    assert f"| rebuild of documents, × the floor | at most 1.5 {said}" in results.page(rows, [])
