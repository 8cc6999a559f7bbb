"""How long does it take to replay the whole log? The floor: copying the last event of each stream, without any fold.

python -m bench.rebuild        logs up to a million events; SCALE=large: five million; SCALE=small: thirty thousand

Each rebuild runs in a process of its own. Its memory is measured in a run that is not timed. The peer, `eventsourcing`,
has a smaller log of the same kind, and is compared by the time for each event. It folds in Python, on one core; a
rebuild folds in Postgres, on two.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import psycopg
from msgspec import Struct

from app.engine.background.checkpoints import register
from app.engine.background.verify import verify
from app.schema import migrate, schema_of
from bench import peer
from bench.data import fill
from bench.measure import a_database, another_database, console, progress, sampled, scaled
from bench.rebuilding import READ_MODELS, Bare, rebuilt
from bench.rows import Report, reporting
from projections.categories import Categories
from projections.items import Items
from projections.owners import Owners

ROUNDS = scaled(tiny=1, small=1, full=3)
SIZES = scaled(tiny=(20, 100), small=(300, 3_000), full=(1_000, 10_000, 100_000), large=(10_000, 100_000, 500_000))
"""The number of items; each has some ten events."""
PEER_ITEMS = scaled(tiny=20, small=200, full=10_000)
RUNNER_ITEMS = scaled(tiny=5, small=40, full=600)
"""The peer's runner has one transaction for each event."""
LOOK_SECONDS = 0.05
"""The interval between two measurements of the server's memory."""

FLOOR = """
create table copied as
select distinct on (stream_id) stream_id, version, recorded_at, data
from catalog.events
order by stream_id, version desc
"""
COPYING, BARE, ITEMS = "copying each stream's last event (floor)", "items, their documents alone", "items as they serve"
FOLDING, RUNNER = "eventsourcing, folding", "eventsourcing, ProjectionRunner"
MODELS = {BARE: Bare.name, "owners": Owners.name, "categories": Categories.name, ITEMS: Items.name}
VERIFIED = (Items, Owners, Categories)


class Log(Struct, frozen=True):
    """A database with our log."""

    conninfo: str
    items: int
    events: int

    def ways(self) -> dict[str, Callable[[], float]]:
        """How its events become documents; each answers with the seconds it took."""

        def rebuilding(name: str) -> Callable[[], float]:
            return lambda: rebuilt(self.conninfo, name).seconds

        return {COPYING: self.copy, **{way: rebuilding(name) for way, name in MODELS.items()}}

    def copy(self) -> float:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            start = time.perf_counter()
            connection.execute(FLOOR)
            seconds = time.perf_counter() - start
            connection.execute("drop table copied")
            return seconds


class PeersLog(Struct, frozen=True):
    """A database with the peer's log."""

    conninfo: str
    ids: list[UUID]
    events: int

    def fold(self) -> float:
        with peer.opened(self.conninfo) as catalog:
            start = time.perf_counter()
            peer.fold_all(catalog, self.ids)
            return time.perf_counter() - start

    def project(self) -> float:
        return peer.project(self.conninfo, self.events)


def a_log(conninfo: str, items: int) -> Log:
    own = another_database(conninfo, f"items_{items}")
    migrate(own, schema_of(READ_MODELS), lambda connection: register(connection, READ_MODELS))
    with psycopg.connect(own, autocommit=True) as connection:
        return Log(own, items, fill(connection, items))


def a_log_of_the_peer(conninfo: str, items: int) -> PeersLog:
    own = another_database(conninfo, f"peer_{items}")
    with peer.opened(own) as catalog:
        ids = peer.fill(catalog, items)
        events = catalog.recorder.max_notification_id() or 0
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    return PeersLog(own, ids, events)


def measure(report: Report, logs: list[Log], few: PeersLog, fewer: PeersLog) -> None:
    """All sizes also take turns, so that their growth is measured under the same conditions."""
    ways = {f"{log.events:,} events: {name}": way for log in logs for name, way in log.ways().items()}
    seconds = sampled({**ways, FOLDING: few.fold, RUNNER: fewer.project}, ROUNDS)
    for log in logs:
        of_it = {name: seconds[f"{log.events:,} events: {name}"] for name in log.ways()}
        with_peers = {**of_it, FOLDING: seconds[FOLDING], RUNNER: seconds[RUNNER]}
        done = {**dict.fromkeys(of_it, log.events), FOLDING: few.events, RUNNER: fewer.events}
        report.times(
            f"A log of {log.events:,} events",
            with_peers if log == logs[-1] else of_it,
            done,
            "events",
            peers=(FOLDING, RUNNER) if log == logs[-1] else (),
            sizes={"items": log.items, "events": log.events, FOLDING: few.events, RUNNER: fewer.events},
        )
    for name in (BARE, ITEMS):
        by_size = {f"{log.events:,} events": seconds[f"{log.events:,} events: {name}"] for log in logs}
        report.times(f"Growth with the log: {name}", by_size, peers=[*by_size][1:-1])


def look_at_memory(report: Report, log: Log) -> None:
    """One more rebuild for memory alone: measuring it costs a little time."""
    seconds, peaks = {}, {}
    with progress(len(MODELS)) as step:
        for way, name in MODELS.items():
            step(f"looking at the memory of {way}")
            with _watching(log.conninfo) as peak:
                done = rebuilt(log.conninfo, name)
            seconds[way] = [done.seconds]
            peaks[way] = {"service": done.peak_mib, "server": peak()}
    report.times(f"Memory at {log.events:,} events", seconds, log.events, "events", compared=False, peak_mib=peaks)


def check(report: Report, log: Log) -> None:
    """Verify every document against the log, in Python: the time that takes, and that the rebuilds were right."""
    seconds = {}
    with progress(len(VERIFIED)) as step:
        for read_model in VERIFIED:
            step(f"verifying {read_model.name}")
            start = time.perf_counter()
            verified = asyncio.run(verify(log.conninfo, read_model))
            seconds[read_model.name] = [time.perf_counter() - start]
            assert not verified.differing
    report.times(f"Verifying at {log.events:,} events", seconds, log.events, "events", compared=False)


@contextmanager
def _watching(conninfo: str) -> Iterator[Callable[[], float]]:
    """The largest private memory of the server's processes together, in MiB.

    Private is what no other process shares (Private_Clean and Private_Dirty in /proc), so shared buffers do not count.
    The server starts and ends some of its processes meanwhile.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        (backend,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
        postmaster = _parent(Path(f"/proc/{backend}/stat"))
    highest, done = 0, threading.Event()

    def look() -> None:
        nonlocal highest
        while not done.wait(LOOK_SECONDS):
            highest = max(highest, _private_kib(postmaster))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield lambda: highest / 1024
    finally:
        done.set()
        watcher.join()


def _private_kib(postmaster: int) -> int:
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
            if _parent(stat) == postmaster:
                memory = (stat.parent / "smaps_rollup").read_text()
                total += sum(map(int, re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", memory, re.MULTILINE)))
    return total


def _parent(stat: Path) -> int:
    """The name of a program, in parentheses, may hold anything; state and parent follow it."""
    return int(stat.read_text().rpartition(")")[2].split()[1])


def main() -> None:
    with (
        a_database() as conninfo,
        psycopg.connect(conninfo, dbname="postgres", autocommit=True) as connection,
        reporting("rebuild", connection) as report,
    ):
        logs = [a_log(conninfo, items) for items in SIZES]
        few, fewer = (a_log_of_the_peer(conninfo, items) for items in (PEER_ITEMS, RUNNER_ITEMS))
        measure(report, logs, few, fewer)
        look_at_memory(report, logs[-1])
        check(report, logs[-1])
    console.print(f"Medians of {ROUNDS} rounds in turns.")


if __name__ == "__main__":
    main()
