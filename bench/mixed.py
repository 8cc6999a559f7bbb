"""A day's traffic in a minute, with a rebuild in the middle of it: does anything fail, and what does it cost the rest?

python -m bench.mixed        100,000 items; SCALE=small: a tenth of them, a day of five seconds

Exits with 1 if a request fails. Requests come at random times, at the rate of the hour, whether earlier ones are
answered or not. The rebuild is started over the API, in the service that answers all requests.
"""

import math
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from operator import itemgetter
from urllib.parse import quote

import psycopg
import uvloop
from msgspec import Struct
from rich.table import Table

from bench import data
from bench.http import API, serving
from bench.lag import CHANGEABLE, commands, fill, percentiles, wait_for_the_background
from bench.load import Answer, on_schedule, request
from bench.measure import a_database, console, scaled
from bench.rows import Report, reporting

DAY_SECONDS = scaled(tiny=1.5, small=5.0, full=60.0)
CONNECTIONS = 16
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 7, 8, 7, 6, 7, 8, 10, 12, 12, 10, 7, 5, 3)
"""The share of each hour in the traffic: a quiet night, a peak in the morning and a higher one in the evening."""
PEAK_SHARE = 0.5
"""The load of the busiest hour, as a part of the service's capacity."""
TRIAL_SECONDS = scaled(tiny=0.2, small=0.5, full=10.0)
SLOWED_DOWN = 1.3
"""How much longer a rebuild during the day is expected to take than one without load, so that its middle is noon."""
REBUILT = "items"
REBUILDS_WITHIN_SECONDS = 600.0
GIVEN_UP_WITHIN_SECONDS = 10.0

OWNERS = "select owner_id from catalog.items group by owner_id order by count(*) desc, owner_id"
PASTS = """
select stream_id, catalog.rfc3339(max(recorded_at))
from catalog.events
where version <= 5
group by stream_id
order by stream_id
"""
"""For each item an instant at which it existed."""
LAST_REBUILD = """
select extract(epoch from (last_rebuild ->> 'ended_at')::timestamptz)::float8, last_rebuild ->> 'error',
    (last_rebuild ->> 'seconds')::float8, (last_rebuild ->> 'swap_milliseconds')::float8
from catalog.projections
where name = %s
"""
PHASES = ("before", "during", "after")

Kinds = dict[str, tuple[int, Callable[[], bytes]]]
"""By name: the share in a hundred requests, and how to make one."""


class Ended(Struct, frozen=True):
    """The course of a rebuild; instants by `time.perf_counter`."""

    ended: float
    error: str | None
    seconds: float
    swap_milliseconds: float

    @property
    def began(self) -> float:
        return self.ended - self.seconds


class Asked(Struct, frozen=True):
    """A request and its result."""

    kind: str
    answer: Answer

    def phase(self, rebuild: Ended) -> str:
        if self.answer.ended < rebuild.began:
            return "before"
        return "after" if self.answer.due > rebuild.ended else "during"


def kinds_of(connection: psycopg.Connection, chance: random.Random) -> Kinds:
    """The requests of the day, most of them for popular items."""
    pasts = connection.execute(PASTS).fetchall()
    ids = list(map(itemgetter(0), connection.execute(CHANGEABLE)))
    owners = [owner for (owner,) in connection.execute(OWNERS)]
    vocabulary = data.words(random.Random(data.SEED))
    writing = commands(chance, ids, data.ITEMS // 10)

    def some(among: list[tuple[int, str]] | range) -> tuple[int, str]:
        number = int(len(among) * chance.random() ** 3)
        return (number, "") if isinstance(among, range) else among[number]

    def get(path: str) -> Callable[[], bytes]:
        def made() -> bytes:
            item, then = some(pasts)
            given = {
                "item": item,
                "then": then,
                "owner": quote(owners[some(range(len(owners)))[0]]),
                "nobody special": quote(chance.choice(owners)),
                "category": quote(f"category {some(range(30))[0]}"),
                "word": vocabulary[some(range(data.WORDS))[0]],
            }
            return request("GET", API + path.format_map(given))

        return made

    near = ",".join(map(str, data.TOWN))
    return {
        "item": (40, get("/items/{item}")),
        "newest in a category": (14, get("/items?category={category}&limit=20")),
        "search": (7, get("/items?search={word}&limit=20")),
        "nearest": (2, get(f"/items?near={near}&sort=nearest&limit=20")),
        "shelf of an owner": (6, get("/items/owner/{nobody special}")),
        "owner in numbers": (4, get("/owners/{owner}")),
        "statistics": (1, get("/stats")),
        "item, as of": (7, get("/items/{item}?as_of={then}")),
        "category, as of": (3, get("/items?category={category}&limit=20&as_of={then}")),
        "history": (4, get("/items/{item}/history")),
        "commands": (12, lambda: next(writing)),
    }


def day(chance: random.Random, kinds: Kinds, seconds: float, per_second: float) -> Iterator[tuple[float, str, bytes]]:
    """The time, the kind and the request; `per_second` is the rate of the busiest hour."""
    names, weights = list(kinds), list(accumulate(often for often, _ in kinds.values()))
    second = 0.0
    while (second := second + chance.expovariate(per_second * hour_at(24 * second / seconds))) < seconds:
        kind = names[bisect_left(weights, chance.uniform(0, weights[-1]))]
        yield second, kind, kinds[kind][1]()


def hour_at(hour: float) -> float:
    """The load at that time, relative to the busiest hour."""
    whole, part = divmod(hour, 1.0)
    now, next_one = HOURS[int(whole) % 24], HOURS[(int(whole) + 1) % 24]
    return (now + (next_one - now) * part) / max(HOURS)


def capacity(port: int, chance: random.Random, kinds: Kinds) -> float:
    """Requests a second of this mixture: how long a burst of it takes. All of them succeed."""
    start, answered = time.perf_counter(), 0
    while time.perf_counter() - start < TRIAL_SECONDS:
        burst = [(0.0, each) for _, _, each in day(chance, kinds, 1.0, 400.0)]
        answers = uvloop.run(on_schedule(port, CONNECTIONS, burst))
        refused = [answer.received.decode() for answer in answers if not answer.succeeded]
        assert not refused, refused[0]
        answered += len(answers)
    return answered / (time.perf_counter() - start)


def rebuild_alone(port: int, connection: psycopg.Connection) -> Ended:
    """A rebuild without load. The previous rebuild releases its lock a moment after its end."""
    began = time.perf_counter()
    while not (answer := uvloop.run(on_schedule(port, 1, [(0.0, REBUILD)]))[0]).succeeded:
        assert answer.status == 409, answer.received.decode()
        assert time.perf_counter() - began < GIVEN_UP_WITHIN_SECONDS, "the lock is not given up"
        time.sleep(0.05)
    return ended_after(began, connection)


REBUILD = request("POST", f"{API}/projections/{REBUILT}/rebuild", b"")


def ended_after(instant: float, connection: psycopg.Connection) -> Ended:
    """The rebuild that has ended, or ends now, after an instant. Raises RuntimeError if it failed."""
    while True:
        ended_at, error, seconds, swap = connection.execute(LAST_REBUILD, (REBUILT,)).fetchone() or (None,) * 4
        ended = (ended_at or 0.0) - time.time() + time.perf_counter()
        if ended > instant:
            if error:
                raise RuntimeError(error)
            return Ended(ended, error, seconds, swap)
        assert time.perf_counter() - instant < REBUILDS_WITHIN_SECONDS, "the rebuild does not end"
        time.sleep(0.05)


def live(port: int, requests: list[tuple[float, str, bytes]], takes_seconds: float) -> tuple[float, list[Asked]]:
    """Run the day with a rebuild that is expected to take so long; when it began."""
    at = max(DAY_SECONDS / 6, (DAY_SECONDS - takes_seconds) / 2)
    requests = sorted([*requests, (at, "rebuild", REBUILD)], key=itemgetter(0))
    began = time.perf_counter()
    answers = uvloop.run(on_schedule(port, CONNECTIONS, [(second, asked) for second, _, asked in requests]))
    return began, [Asked(kind, answer) for (_, kind, _), answer in zip(requests, answers, strict=True)]


def tell(report: Report, asked: list[Asked], rebuild: Ended) -> None:
    """A row per kind: milliseconds before, during and after the rebuild."""
    table = Table(title="A day, its milliseconds before / during / after the rebuild", title_justify="left")
    for heading in ("", "n", "p50", "p99", "longest", "during ÷ before"):
        table.add_column(heading, justify="right" if heading else "left")
    others = [each for each in asked if each.kind != "rebuild"]
    for kind in [*dict.fromkeys(each.kind for each in others), "all"]:
        of_kind = [each for each in others if kind in ("all", each.kind)]
        phases = [[1000 * each.answer.seconds for each in of_kind if each.phase(rebuild) == name] for name in PHASES]
        table.add_row(kind, f"{len(of_kind):,}", *_figures(phases))
    console.print(table)
    for phase in PHASES:
        seconds: dict[str, list[float]] = {}
        for each in others:
            if each.phase(rebuild) == phase:
                seconds.setdefault(each.kind, []).append(each.answer.seconds)
        sizes = {"items": data.ITEMS, "connections": CONNECTIONS}
        report.times(f"Requests {phase} the rebuild", seconds, compared=False, sizes=sizes, in_a_table=False)


def _figures(phases: list[list[float]]) -> list[str]:
    """p50, p99 and longest of each phase, and two ratios; a percentile of fewer than two is none."""
    enough = [percentiles(phase) if len(phase) > 1 else (math.nan, math.nan) for phase in phases]
    rows = [*zip(*enough, strict=True), [max(phase, default=math.nan) for phase in phases]]
    (p50, p99), (p50_during, p99_during), _ = enough
    told = [" / ".join(f"{each:.1f}" for each in row) for row in rows]
    return [each.replace("nan", "-") for each in (*told, f"{p50_during / p50:.1f}, {p99_during / p99:.1f}")]


def conclude(
    report: Report, asked: list[Asked], began: float, rebuild: Ended, alone: list[Ended], events: int
) -> list[Asked]:
    """The sentences below the table; the requests that failed."""
    seconds = {"the rebuild alone": [each.seconds for each in alone], "the same in the day": [rebuild.seconds]}
    report.times(f"Rebuild of {REBUILT}", seconds, events, "events")
    slowest = max(asked, key=lambda each: each.answer.seconds)
    failed = [each for each in asked if not each.answer.succeeded]
    rates = []
    for phase in PHASES:
        due = [each.answer.due for each in asked if each.phase(rebuild) == phase]
        rates.append(f"{len(due) / (max(due) - min(due)):,.0f}" if len(due) > 1 else "no")
    console.print(
        f"{len(asked):,} requests, {' / '.join(rates)} a second; {len(failed)} failed. The longest:"
        f" {slowest.kind}, {1000 * slowest.answer.seconds:.0f} ms, at {slowest.answer.due - began:.1f} s,"
        f" {slowest.phase(rebuild)} the rebuild ({rebuild.began - began:.1f} s to {rebuild.ended - began:.1f} s;"
        f" swap {rebuild.swap_milliseconds:.0f} ms)."
    )
    for each in failed[:5]:
        console.print(f"{each.kind}: {each.answer.received.decode()}")
    return failed


def main() -> None:
    chance = random.Random(data.SEED)
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        events = fill(conninfo, connection, data.ITEMS)
        kinds = kinds_of(connection, chance)
        with reporting("mixed", connection) as report:
            with serving("app.cli", "serve", "--port", "0", DATABASE_URL=conninfo) as port:
                wait_for_the_background(connection)
                at_most = capacity(port, chance, kinds)
                wait_for_the_background(connection)
                console.print(
                    f"{data.ITEMS:,} items, {events:,} events; {at_most:,.0f} requests a second at most,"
                    f" {PEAK_SHARE:.0%} of that in the busiest hour; a day of {DAY_SECONDS:.0f} s."
                )
                alone = [rebuild_alone(port, connection)]
                requests = [*day(chance, kinds, DAY_SECONDS, at_most * PEAK_SHARE)]
                began, asked = live(port, requests, alone[0].seconds * SLOWED_DOWN)
                rebuild = ended_after(began, connection)
                wait_for_the_background(connection)
                alone.append(rebuild_alone(port, connection))
            tell(report, asked, rebuild)
            failed = conclude(report, asked, began, rebuild, alone, events)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
