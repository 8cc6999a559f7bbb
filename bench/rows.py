"""The results of a benchmark: a row for each way of doing a thing, printed as a table and stored as a line of JSON."""

import math
import os
import platform
import re
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
import psycopg
from msgspec import Struct
from rich.table import Table

from bench.load import Sample
from bench.measure import SCALE, console

FOLDER = Path(__file__).parent / "results"
"""The lines of the last full run. Other scales have folders that git ignores."""
LIBRARIES = ("psycopg", "litestar", "msgspec", "eventsourcing")
SETTINGS = ("fsync", "synchronous_commit")

FLOOR = re.compile(r"\((floor|ceiling)\)")
"""The name of the way that does the least that is necessary; others are compared with it."""

Sizes = Mapping[str, int | str]


class Where(Struct, frozen=True, kw_only=True):
    """The machine and the versions, without which no figure means anything."""

    date: str
    scale: str
    machine: str
    processors: int
    memory_gib: int
    versions: dict[str, str]
    settings: dict[str, str]
    """The durability of the database."""

    def __str__(self) -> str:
        named = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        durable = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        machine = f"{self.machine}, {self.processors} processors, {self.memory_gib} GiB"
        return f"{self.date}, scale {self.scale}; {machine}; {named}; {durable}"


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way of answering the question."""

    bench: str
    question: str
    way: str
    n: int
    """The number of timed runs, or of timed requests."""
    median_seconds: float
    p99_seconds: float
    unit: str = ""
    """The unit that is counted: events, commands, requests."""
    per_second: float = 0.0
    """The median of the rounds; 0 if nothing is counted."""
    ratios: dict[str, float] = {}
    """The ratio of its time to another way's, for the same number of units: the median of the ratios within each round,
    because other load on the machine slows down a round as a whole. The first is the floor."""
    peak_mib: dict[str, float] = {}
    """The peak memory of each process, by its name."""
    sizes: dict[str, int | str] = {}
    where: Where


def folder() -> Path:
    """The folder for the lines of this run; BENCH_RESULTS names another."""
    usual = FOLDER if SCALE == "full" else FOLDER / SCALE
    return Path(os.environ.get("BENCH_RESULTS") or usual)


def read(given: Path) -> dict[str, list[Row]]:
    """All rows in a folder, by bench."""
    lines = msgspec.json.Decoder(Row)
    return {
        path.stem: [lines.decode(line) for line in path.read_bytes().splitlines()]
        for path in sorted(given.glob("*.jsonl"))
    }


def where(connection: psycopg.Connection) -> Where:
    settings = {}
    for name in ("server_version", *SETTINGS):
        (settings[name],) = connection.execute(f"show {name}".encode()).fetchone() or ("?",)
    versions = {"Python": platform.python_version(), "PostgreSQL": settings.pop("server_version").split()[0]}
    return Where(
        date=time.strftime("%Y-%m-%d"),
        scale=SCALE,
        machine=_processor(),
        processors=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        versions=versions | {name: version(name) for name in LIBRARIES},
        settings=settings,
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


@contextmanager
def reporting(bench: str, connection: psycopg.Connection) -> Iterator["Report"]:
    """Collects the rows of a benchmark. They replace those of the last run when it is complete."""
    report = Report(bench, where(connection))
    console.print(f"[bold]{bench}[/]: {report.where}", highlight=False)
    yield report
    path = folder() / f"{bench}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in report.rows))
    unfinished.replace(path)


class Report:
    def __init__(self, bench: str, where: Where) -> None:
        self.bench = bench
        self.where = where
        self.rows: list[Row] = []

    def times(
        self,
        question: str,
        seconds: Mapping[str, Sequence[float]],
        units: int | Mapping[str, int] = 0,
        unit: str = "",
        *,
        compared: bool = True,
        peers: Sequence[str] = (),
        sizes: Sizes | None = None,
        peak_mib: Mapping[str, Mapping[str, float]] | None = None,
        in_a_table: bool = True,
    ) -> list[Row]:
        """Report the times of ways that took turns. The first way is the floor; the numbers of units may differ.

        `peers` are further ways to compare with.
        """
        done = {name: (units if isinstance(units, int) else units[name]) for name in seconds}
        turns = {name: [each / (done[name] or 1) for each in samples] for name, samples in seconds.items()}
        found = []
        for name, samples in seconds.items():
            row = self._row(question, name, samples, turns, (next(iter(seconds)), *peers) if compared else ())
            per_second = done[name] / statistics.median(samples) if done[name] else 0.0
            found.append(
                msgspec.structs.replace(
                    row,
                    unit=unit,
                    per_second=_rounded(per_second),
                    sizes=dict(sizes or {}),
                    peak_mib={each: _rounded(mib) for each, mib in (peak_mib or {}).get(name, {}).items()},
                )
            )
        return self._keep(question, found, in_a_table)

    def loads(
        self,
        question: str,
        samples: Mapping[str, Sequence[Sample]],
        unit: str,
        *,
        compared: bool = True,
        peers: Sequence[str] = (),
        sizes: Sizes | None = None,
    ) -> list[Row]:
        """Report loads that took turns: latencies, and the rate per second."""
        turns = {name: [1 / sample.per_second for sample in of_it] for name, of_it in samples.items()}
        found = []
        for name, of_it in samples.items():
            latencies = [latency for sample in of_it for latency in sample.latencies]
            row = self._row(question, name, latencies, turns, (next(iter(samples)), *peers) if compared else ())
            per_second = _rounded(statistics.median(sample.per_second for sample in of_it))
            found.append(msgspec.structs.replace(row, unit=unit, per_second=per_second, sizes=dict(sizes or {})))
        return self._keep(question, found)

    def _row(
        self,
        question: str,
        way: str,
        timed: Sequence[float],
        turns: Mapping[str, Sequence[float]],
        references: Sequence[str],
    ) -> Row:
        return Row(
            bench=self.bench,
            question=question,
            way=way,
            n=len(timed),
            median_seconds=_rounded(statistics.median(timed)),
            p99_seconds=_rounded(_p99(timed)),
            ratios={each: _ratio(turns[way], turns[each]) for each in references if each != way},
            where=self.where,
        )

    def _keep(self, question: str, found: list[Row], in_a_table: bool = True) -> list[Row]:
        self.rows += found
        if in_a_table:
            console.print(_table(question, found))
        return found


def _ratio(turns: Sequence[float], others: Sequence[float]) -> float:
    """The ratio of the medians, if the rounds form no pairs."""
    if len(turns) != len(others):
        return _rounded(statistics.median(turns) / statistics.median(others))
    return _rounded(statistics.median(one / other for one, other in zip(turns, others, strict=True)))


def _p99(timed: Sequence[float]) -> float:
    """A percentile by nearest rank; the largest if there are few."""
    return sorted(timed)[math.ceil(len(timed) * 0.99) - 1]


def _rounded(number: float) -> float:
    """Round to four significant digits."""
    return float(f"{number:.4g}")


def cells(row: Row, references: Sequence[str]) -> list[str]:
    """A row as text, in the order of `headings`."""
    per_second = f"{row.per_second:,.0f}" if row.per_second else ""
    ratios = [shown(row.ratios[each]) if each in row.ratios else "1" if each == row.way else "" for each in references]
    memory = ", ".join(f"{mib:,.0f} MiB {name}" for name, mib in row.peak_mib.items())
    return [row.way, f"{row.n:,}", shown_ms(row.median_seconds), shown_ms(row.p99_seconds), per_second, *ratios, memory]


def headings(rows: Sequence[Row], references: Sequence[str]) -> list[str]:
    unit = next((row.unit for row in rows if row.unit), "")
    ratios = [f"× {kind[1]}" if (kind := FLOOR.search(each)) else f"× {each}" for each in references]
    return ["", "n", "median ms", "p99 ms", f"{unit}/s" if unit else "", *ratios, "memory"]


def references_of(rows: Sequence[Row]) -> list[str]:
    """The ways that the rows are compared with, the floor first."""
    return list(dict.fromkeys(reference for row in rows[::-1] for reference in row.ratios))


def shown_ms(seconds: float) -> str:
    return shown(seconds * 1000)


def shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table_of(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells, without empty columns."""
    references = references_of(rows)
    columns = list(zip(headings(rows, references), *(cells(row, references) for row in rows), strict=True))
    told = [column for place, column in enumerate(columns) if place == 0 or any(column[1:])]
    heads, *lines = (list(line) for line in zip(*told, strict=True))
    return heads, lines


def _table(title: str, rows: Sequence[Row]) -> Table:
    heads, lines = table_of(rows)
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(heads):
        table.add_column(heading, justify="right" if place else "left")
    for line in lines:
        table.add_row(*line)
    return table
