"""How long after a command's answer does a read model that is kept up in the background show it?

python -m bench.lag        at 10 %, 50 % and 90 % of the write capacity; SCALE=small: within a quarter of a minute

The service is a process of its own. An answer holds its position. A watcher, another process with its own connection,
reads the checkpoints every two milliseconds. Documents and checkpoint are one transaction, so the documents are there
at the latest when a read shows the checkpoint at that position or after it. Reads with `min_position` would tell the
same, but the service polls for them in longer steps, on the connections that commands need.
"""

import asyncio
import random
import re
import statistics
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from operator import itemgetter

import msgspec
import psycopg
import uvloop
from msgspec import Struct
from rich.table import Table

from app.engine.background.checkpoints import register
from app.engine.background.rebuild import rebuild
from app.main import PROJECTIONS
from bench import data
from bench.append import SPADE
from bench.http import API, serving
from bench.load import Answer, Target, on_schedule, request, saturate, steadily
from bench.measure import a_database, console, scaled
from bench.rows import Report, reporting

ITEMS = scaled(tiny=data.ITEMS, small=data.ITEMS // 5, full=data.ITEMS)
SHARES = (0.1, 0.5, 0.9)
SECONDS = scaled(tiny=0.5, small=2.0, full=30.0)
ROUNDS = scaled(tiny=1, small=1, full=2)
CAPACITY_SECONDS = scaled(tiny=0.2, small=1.0, full=10.0)
CONNECTIONS = 16
READ_MODELS = ("owners", "categories")
LOOKS_EVERY_SECONDS = 0.002
CATCHES_UP_WITHIN_SECONDS = 600.0

POSITION = re.compile(rb"x-position: (\d+)\r\n", re.IGNORECASE)
CHECKPOINTS = "select max(position) filter (where name = %s), max(position) filter (where name = %s)" + (
    " from catalog.projections"
)
LAG = "select coalesce(sum(lag_events), 0) from catalog.projection_lag"
CHANGEABLE = "select id from catalog.items where document ->> 'deleted_at' is null order by id"

Look = tuple[float, tuple[int, ...]]
"""The end of a read of the checkpoints, and what it found."""


class Watched(Struct):
    """What the watcher found, in order: the reads with a new checkpoint, and the intervals of all reads."""

    looks: list[Look] = []
    apart: list[float] = []


def fill(conninfo: str, connection: psycopg.Connection, items: int) -> int:
    """Write a year of use and fold everything from it; the number of events."""
    register(connection, PROJECTIONS)
    events = data.fill(connection, items)
    for read_model in PROJECTIONS:
        asyncio.run(rebuild(conninfo, read_model))
    connection.execute("vacuum analyze")
    return events


def commands(chance: random.Random, ids: list[int], owners: int) -> Iterator[bytes]:
    """An endless series of requests: some create items, others change them, the first ones often."""
    while True:
        place, choice = f"{API}/items/{_skewed(chance, ids)}", chance.random()
        if choice < 0.3:
            owner, category = f"owner {_skewed(chance, range(owners))}", f"category {_skewed(chance, range(30))}"
            new = msgspec.structs.replace(SPADE, owner_id=owner, category=category)
            yield request("POST", f"{API}/items", msgspec.json.encode(new))
        elif choice < 0.6:
            yield request("PUT", place, b'{"name": "Garden spade %d"}' % chance.getrandbits(30))
        elif choice < 0.7:
            yield request("PUT", place, b'{"category": "category %d"}' % _skewed(chance, range(30)))
        else:
            yield request("PATCH", f"{place}/status?new_status={chance.choice(('active', 'swapped'))}")


def _skewed(chance: random.Random, among: "list[int] | range") -> int:
    return among[int(len(among) * chance.random() ** 3)]


@contextmanager
def watching(conninfo: str) -> Iterator[Connection]:
    """The watcher's process. When it is sent something, it answers with what it has found so far."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=watch, args=(conninfo, there), daemon=True)
    process.start()
    try:
        here.recv()
        yield here
    finally:
        process.terminate()
        process.join()


def watch(conninfo: str, told: Connection) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        told.send("ready")
        watched, last = Watched(), time.perf_counter()
        while True:
            row = connection.execute(CHECKPOINTS, READ_MODELS, prepare=True).fetchone()
            now = time.perf_counter()
            assert row is not None
            watched.apart.append(now - last)
            last = now
            if not watched.looks or watched.looks[-1][1] != row:
                watched.looks.append((now, row))
            if told.poll(LOOKS_EVERY_SECONDS):
                told.recv()
                told.send((watched.looks, watched.apart))
                watched = Watched()


def seen_by(watcher: Connection) -> Watched:
    watcher.send("and?")
    return Watched(*watcher.recv())


def wait_for_the_background(connection: psycopg.Connection) -> float:
    """Wait until everything is caught up; the seconds that took."""
    start = time.perf_counter()
    while connection.execute(LAG).fetchone() != (0,):
        assert time.perf_counter() - start < CATCHES_UP_WITHIN_SECONDS, "the background does not catch up"
        time.sleep(0.01)
    return time.perf_counter() - start


class Lags(Struct):
    """One read model at one load: milliseconds from each answer to the first read that shows it, over all rounds."""

    all: list[float] = []
    growth: list[float] = []
    """For each round, the median of its second half divided by the median of its first."""

    def add(self, answers: list[Answer], watched: Watched, model: int) -> None:
        lags = lags_of(answers, watched, model)
        half = len(lags) // 2
        self.all += lags
        self.growth.append(statistics.median(lags[half:]) / max(0.1, statistics.median(lags[:half])))


def lags_of(answers: list[Answer], watched: Watched, model: int) -> list[float]:
    """The lags in the order of the answers; 0 if the document came first. Answers without events have none."""
    lags = []
    for answer in sorted(answers, key=lambda each: each.ended):
        assert answer.succeeded, answer.received.decode()
        if position := POSITION.search(answer.received):
            look = bisect_left(watched.looks, int(position[1]), key=lambda each: each[1][model])
            lags.append(max(0.0, watched.looks[look][0] - answer.ended) * 1000)
    return lags


def measure(
    report: Report, port: int, connection: psycopg.Connection, watcher: Connection, requests: Iterator[bytes]
) -> None:
    """Run the loads in turns, each when everything is caught up."""
    capacity = uvloop.run(saturate(Target(port, requests), CONNECTIONS, CAPACITY_SECONDS)).per_second
    console.print(
        f"Capacity: {capacity:,.0f} commands a second, {CONNECTIONS} connections; after {CAPACITY_SECONDS:.0f} s of it"
        f" the background was there in {wait_for_the_background(connection):.1f} s."
    )
    lags: dict[tuple[float, str], Lags] = {(share, name): Lags() for share in SHARES for name in READ_MODELS}
    apart: list[float] = []
    latencies: dict[float, list[float]] = {share: [] for share in SHARES}
    for _ in range(ROUNDS):
        for share in SHARES:
            seen_by(watcher)
            schedule = steadily(requests, SECONDS, capacity * share)
            answers = uvloop.run(on_schedule(port, CONNECTIONS, schedule))
            wait_for_the_background(connection)
            time.sleep(10 * LOOKS_EVERY_SECONDS)
            watched = seen_by(watcher)
            apart += watched.apart
            latencies[share] += [answer.seconds * 1000 for answer in answers]
            for model, name in enumerate(READ_MODELS):
                lags[share, name].add(answers, watched, model)
    show(capacity, lags, latencies)
    for share in SHARES:
        found = {"the answer": latencies[share], **{name: lags[share, name].all for name in READ_MODELS}}
        seconds = {name: [each / 1000 for each in milliseconds] for name, milliseconds in found.items()}
        question = f"Answered, and then shown, at {share:.0%} of {capacity:,.0f} commands a second"
        report.times(question, seconds, compared=False, sizes={"items": ITEMS}, in_a_table=False)
    median, p99 = percentiles([1000 * each for each in apart])
    console.print(f"The watcher's looks were {median:.1f} ms apart (p99 {p99:.1f}): a lag is too long by at most that.")


def show(capacity: float, lags: dict[tuple[float, str], Lags], latencies: dict[float, list[float]]) -> None:
    table = Table(title="From a command's answer to its being shown", title_justify="left")
    for heading in ("load", "commands/s", "answers", "read model", "n", "p50 ms", "p99 ms", "longest", "growth"):
        table.add_column(heading, justify="left" if heading in ("load", "read model") else "right")
    for (share, name), found in lags.items():
        median, p99 = percentiles(found.all)
        answered = ", ".join(f"{each:.1f}" for each in percentiles(latencies[share]))
        figures = f"{median:.1f}", f"{p99:.1f}", f"{max(found.all):.1f}", f"{statistics.median(found.growth):.2f}"
        table.add_row(f"{share:.0%}", f"{capacity * share:,.0f}", answered, name, f"{len(found.all):,}", *figures)
    console.print(table)
    console.print("Growth: the median lag of a round's second half over that of its first.")


def percentiles(figures: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    hundredths = statistics.quantiles(figures, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        events = fill(conninfo, connection, ITEMS)
        ids = list(map(itemgetter(0), connection.execute(CHANGEABLE)))
        requests = commands(random.Random(data.SEED), ids, ITEMS // 10)
        serve = ("app.cli", "serve", "--port", "0")
        with (
            reporting("lag", connection) as report,
            serving(*serve, DATABASE_URL=conninfo) as port,
            watching(conninfo) as watcher,
        ):
            console.print(f"{ITEMS:,} items, {events:,} events before it begins.")
            wait_for_the_background(connection)
            measure(report, port, connection, watcher, requests)


if __name__ == "__main__":
    main()
