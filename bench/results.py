"""Makes RESULTS.md and its charts from the lines that the benchmarks left; from the same lines the same files.

python -m bench.results             of the last full run: bench/RESULTS.md
python -m bench.results FOLDER      of the lines in a folder, such as bench/results/small: RESULTS.md in there
"""

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from bench import drawing
from bench.aims import AIMS, Rows
from bench.rows import FOLDER, Row, folder, read, shown, shown_ms, table_of

HERE = Path(__file__).parent
BENCHES = ("replay", "rebuild", "append", "import_", "history", "http", "as_of", "lag", "mixed", "page")
"""Every benchmark in the order of RESULTS.md; those without lines are left out."""
WIDE = ("as_of",)
"""The benchmarks whose ways are columns, because a question has many."""


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else folder()
    if not (rows := read(given)):
        sys.exit(f"There are no lines in {given}: run a benchmark first.")
    write(rows, HERE if given.resolve() == FOLDER.resolve() else given)


def write(rows: Rows, to: Path) -> None:
    """RESULTS.md and charts/ in a folder."""
    charts = to / "charts"
    charts.mkdir(parents=True, exist_ok=True)
    for old in charts.glob("*.svg"):
        old.unlink()
    drawn = {chart.name: svg for chart in CHARTS if (svg := chart.draw(rows)) is not None}
    for name, svg in drawn.items():
        (charts / f"{name}.svg").write_text(svg, encoding="utf-8")
    (to / "RESULTS.md").write_text(page(rows, [*drawn]), encoding="utf-8")


def page(rows: Rows, charts: Sequence[str]) -> str:
    benches = [bench for bench in BENCHES if rows.get(bench)]
    parts = [INTRODUCTION, *_where(rows, benches), *_aims(rows)]
    for bench in benches:
        parts += [f"## {bench}", f"{question_of(bench)} `python -m bench.{bench}`"]
        parts += [f"![{chart.title}](charts/{chart.name}.svg)" for chart in CHARTS if _is_of(chart, bench, charts)]
        parts += _wide(rows[bench]) if bench in WIDE else _tables(rows[bench])
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """# Results

`python -m bench.results` makes this page from the measurements of `make bench`; do not edit it. Ways take turns
(A B A B …). A ratio, ×, is the median of the ratios within each turn: how many times as long the same work takes. p99
is the nearest rank, so below a hundred samples it is the maximum. The peer's log is smaller, so the time per event is
compared. The machine is shared: ratios hold better than times."""


def question_of(bench: str) -> str:
    """The first line of its docstring."""
    text = ast.get_docstring(ast.parse((HERE / f"{bench}.py").read_text(encoding="utf-8")))
    assert text, f"bench.{bench} has to say what it asks"
    return text.splitlines()[0]


def _where(rows: Rows, benches: Sequence[str]) -> Iterator[str]:
    """Each machine, day and set of versions once, with its benchmarks."""
    ran: dict[str, list[str]] = {}
    for bench in benches:
        for row in rows[bench]:
            of_it = ran.setdefault(str(row.where), [])
            if bench not in of_it:
                of_it.append(bench)
    yield "\n".join(f"* {place} ({', '.join(of_it)})" for place, of_it in ran.items())


def _tables(rows: Sequence[Row]) -> Iterator[str]:
    for question in dict.fromkeys(row.question for row in rows):
        of_it = [row for row in rows if row.question == question]
        (heading, *others), lines = table_of(of_it)
        yield _table([f"{heading}{question}", *others], lines)


def _wide(rows: Sequence[Row]) -> Iterator[str]:
    """A row for each question: milliseconds of each way, and the ratios to the first one."""
    ways = list(dict.fromkeys(row.way for row in rows))
    lines = []
    for question in dict.fromkeys(row.question for row in rows):
        of_it = {row.way: row for row in rows if row.question == question}
        ratios = sorted(ratio for row in of_it.values() for ratio in row.ratios.values())
        middle = [shown(ratios[len(ratios) // 2]), shown(ratios[-1])] if ratios else ["", ""]
        lines.append(
            [question, *(shown_ms(of_it[way].median_seconds) if way in of_it else "" for way in ways), *middle]
        )
    yield _table(["median ms", *ways, "median ×", "worst ×"], lines)


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, ruler, *lines))


def _aims(rows: Rows) -> Iterator[str]:
    yield "## Aims\n\nThe aims are of the full scale. [Performance](../docs/performance.md) says why some are missed."
    yield _table(["", "aim", "measured", "reached"], [aim.line(rows) for aim in AIMS])


class Chart(Struct, frozen=True):
    name: str
    bench: str
    title: str
    drawn: Callable[[Sequence[Row], "Chart"], str]

    def draw(self, rows: Rows) -> str | None:
        """The SVG, or None if its benchmark has not run."""
        of_it = rows.get(self.bench)
        return self.drawn(of_it, self) if of_it else None


def _figures(
    rows: Sequence[Row], questions: Sequence[str], ways: Sequence[str], of: Callable[[Row], float]
) -> dict[str, list[float | None]]:
    """For each way its figure for each question, or None."""
    found = {(row.question, row.way): of(row) for row in rows}
    return {way: [found.get((question, way)) for question in questions] for way in ways}


def _ways(rows: Sequence[Row], questions: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(row.way for row in rows if row.question in questions))


def _questions(rows: Sequence[Row], beginning: str, ending: str = "") -> list[str]:
    asked = dict.fromkeys(row.question for row in rows)
    return [question for question in asked if question.startswith(beginning) and question.endswith(ending)]


def _milliseconds(row: Row) -> float:
    return row.median_seconds * 1000


def _one_item(rows: Sequence[Row], chart: Chart) -> str:
    questions = _questions(rows, "One item", "events")
    labels = [question.removeprefix("One item with ") for question in questions]
    series = _figures(rows, questions, _ways(rows, questions), _milliseconds)
    return drawing.lines(chart.name, chart.title, labels, series, "ms")


def _log(rows: Sequence[Row], chart: Chart) -> str:
    questions = _questions(rows, "A log of")
    labels = [question.removeprefix("A log of ") for question in questions]
    ways = [way for way in _ways(rows, questions) if not way.startswith("eventsourcing")]
    return drawing.lines(
        chart.name, chart.title, labels, _figures(rows, questions, ways, lambda row: row.median_seconds), "seconds"
    )


def _against_the_peer(rows: Sequence[Row], chart: Chart) -> str:
    *_, question = _questions(rows, "A log of")
    ways = _ways(rows, [question])
    of_each = _figures(rows, [question], ways, lambda row: row.per_second)
    series = {"events a second": [of_each[way][0] for way in ways]}
    return drawing.flat_bars(
        chart.name, chart.title, ways, series, "a second; each line is ten times as many", logarithmic=True
    )


def _commands(rows: Sequence[Row], chart: Chart) -> str:
    questions = _questions(rows, "Commands")
    labels = [question.removeprefix("Commands, ") for question in questions]
    ways = [way for way in _ways(rows, questions) if not way.startswith("eventsourcing")]
    series = _figures(rows, questions, ways, lambda row: row.per_second)
    peers = {row.question: row.per_second for row in rows if row.way.startswith("eventsourcing")}
    of_the_peer = {"eventsourcing, up to 4 threads": [peers.get(question) for question in questions]}
    return drawing.bars(chart.name, chart.title, labels, {**series, **of_the_peer}, "a second")


def _requests(rows: Sequence[Row], chart: Chart) -> str:
    """Both connections of each way. Reads and writes are relative to their own ceiling, which is 1."""
    saturated = [row for row in rows if row.question.endswith("at saturation")]
    by_connections: dict[str, dict[str, float]] = {}
    for row in saturated:
        _, connections, _ = row.question.split(", ")
        to_ceiling = [found for reference, found in row.ratios.items() if "(ceiling)" in reference]
        by_connections.setdefault(connections, {})[row.way] = 1 / to_ceiling[0] if to_ceiling else 1.0
    ways = list(dict.fromkeys(row.way for row in saturated if row.way != "bare, a constant"))
    series = {connections: [of_it.get(way) for way in ways] for connections, of_it in by_connections.items()}
    return drawing.flat_bars(chart.name, chart.title, ways, series, "of the ceiling's rate")


SHOWN_AS_OF = (
    "newest, category and status (the default)",
    "newest, any status",
    "by name",
    "search, a common word",
    "nearest",
    "the item of most events",
)


def _past(rows: Sequence[Row], chart: Chart) -> str:
    ways = _ways(rows, SHOWN_AS_OF)[1:]
    found = {(row.question, row.way): [*row.ratios.values()] for row in rows}
    series = {question: [next(iter(found.get((question, way), ())), None) for way in ways] for question in SHOWN_AS_OF}
    return drawing.lines(chart.name, chart.title, ways, series, "× now")


CHARTS = (
    Chart("one-item", "replay", "One item from its events", _one_item),
    Chart("log", "rebuild", "The whole log, by how long it is", _log),
    Chart("peer", "rebuild", "Events of the largest log, and of eventsourcing's own", _against_the_peer),
    Chart("commands", "append", "Commands", _commands),
    Chart("requests", "http", "Requests at saturation", _requests),
    Chart("past", "as_of", "As of when so much had happened", _past),
)


def _is_of(chart: Chart, bench: str, drawn: Sequence[str]) -> bool:
    return chart.bench == bench and chart.name in drawn


if __name__ == "__main__":
    main()
