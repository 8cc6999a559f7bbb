"""The aims of the benchmarks, each checked against the rows that measure it."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from bench.rows import Row, shown

Rows = Mapping[str, Sequence[Row]]
"""The aims of each benchmark."""


class Aim(Struct, frozen=True):
    """An aim, and how to read its figure from the rows."""

    what: str
    bound: float
    measure: Callable[[Rows], float]
    """The figure. Raises LookupError if the rows lack it."""
    at_least: bool = False
    unit: str = ""

    def line(self, rows: Rows) -> list[str]:
        aim = f"{'at least' if self.at_least else 'at most'} {shown(self.bound)}{self.unit}"
        try:
            found = self.measure(rows)
        except LookupError:
            return [self.what, aim, "not measured", ""]
        met = found >= self.bound if self.at_least else found <= self.bound
        return [self.what, aim, f"{shown(found)}{self.unit}", "yes" if met else "**no**"]


def the_row(rows: Rows, bench: str, question: str, way: str) -> Row:
    """The last row whose question begins so: of several sizes the largest. Raises LookupError."""
    found = [row for row in rows.get(bench, ()) if row.question.startswith(question) and row.way == way]
    if not found:
        raise LookupError(f"{bench}: {question}: {way}")
    return found[-1]


def ratio(bench: str, question: str, way: str, to: str = "") -> Callable[[Rows], float]:
    """How many times as long it takes as another way, by default as the floor."""

    def of(rows: Rows) -> float:
        for reference, found in the_row(rows, bench, question, way).ratios.items():
            if reference.startswith(to):
                return found
        raise LookupError(to)

    return of


def rate(bench: str, question: str, way: str, to: str = "") -> Callable[[Rows], float]:
    """The inverse ratio: how many times as many in the same time."""
    return lambda rows: 1 / ratio(bench, question, way, to)(rows)


def _growth(rows: Rows) -> float:
    """The growth from the second largest log to the largest, which is ten times as long."""
    grown = [row for row in rows.get("rebuild", ()) if row.question.startswith("Growth with the log: items as")]
    return [*grown[-1].ratios.values()][-1]


def _shown_after(read_model: str) -> Callable[[Rows], float]:
    return lambda rows: 1000 * the_row(rows, "lag", "Answered, and then shown, at 50%", read_model).p99_seconds


def _there_after(way: str) -> Callable[[Rows], float]:
    return lambda rows: the_row(rows, "page", "A first visit", way).median_seconds


SATURATED = "16 connections, at saturation"
AIMS = (
    Aim("rebuild of documents, × the floor", 1.5, ratio("rebuild", "A log of", "items, their documents alone")),
    Aim("… with history", 6, ratio("rebuild", "A log of", "items as they serve")),
    Aim(
        "… against `eventsourcing` folding its log, times as fast",
        6,
        rate("rebuild", "A log of", "items, their documents alone", "eventsourcing, folding"),
        at_least=True,
    ),
    Aim(
        "… against its ProjectionRunner",
        100,
        rate("rebuild", "A log of", "items, their documents alone", "eventsourcing, ProjectionRunner"),
        at_least=True,
    ),
    Aim("growth from the last log but one to the last, ten times as long", 12, _growth),
    Aim(
        "one item with 10,000 events, SQL, in the database",
        5,
        lambda rows: 1000 * the_row(rows, "replay", "One item with 10,000 events, in", "folded in SQL").median_seconds,
        unit=" ms",
    ),
    Aim(
        "updates by the handler, 16 at a time, against `eventsourcing` load-modify-save, 4 threads: times its rate",
        4,
        rate("append", "Commands, 16", "handler: update an item", "eventsourcing"),
        at_least=True,
    ),
    *(
        Aim(
            f"{way} over HTTP, 16 connections, of the rate of a bare handler of one statement",
            0.6,
            rate("http", f"Writing, {SATURATED}", way),
            at_least=True,
        )
        for way in ("POST item", "PUT item")
    ),
    *(
        Aim(f"{what} against COPY of the same rows, of its rate", 0.3, rate("import_", "Importing", way), at_least=True)
        for what, way in (("bulk import in SQL", "append_new_streams"), ("bulk import over HTTP", "POST /items/import"))
    ),
    *(
        Aim(
            f"GET item over HTTP, {connections}, of the rate of the bare handler",
            0.85,
            rate("http", f"Reading, {connections}, at saturation", "GET item"),
            at_least=True,
        )
        for connections in ("1 connection", "16 connections")
    ),
    Aim(
        "time travel for one item over HTTP, 16 connections, of the rate of GET item",
        0.7,
        rate("http", f"Reading, {SATURATED}", "GET item/time-travel", "GET item"),
        at_least=True,
    ),
    *(
        Aim(f"`{name}` shown after a command's answer, at 50 % load, p99", 100, _shown_after(name), unit=" ms")
        for name in ("owners", "categories")
    ),
    Aim(
        "memory of the process that rebuilds the largest log with its history",
        200,
        lambda rows: the_row(rows, "rebuild", "Memory", "items as they serve").peak_mib["service"],
        unit=" MiB",
    ),
    *(
        Aim(f"{what} on somebody's first visit to the page", 1, _there_after(way), unit=" s")
        for what, way in (("items and numbers", "catalogue, now"), ("the log's density", "the log's density"))
    ),
    Aim(
        "the page's own files, as sent",
        250,
        lambda rows: int(the_row(rows, "page", "A first visit", "catalogue, now").sizes["page_bytes"]) / 1000,
        unit=" kB",
    ),
)
