"""What all benchmarks share: a database of their own, runs that take turns (A B A B …), a table with ratios."""

import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from app.database import migrate
from app.main import schema_sql
from app.postgres import EmbeddedPostgres

console = Console()


@contextmanager
def a_database() -> Iterator[str]:
    """The conninfo of a new embedded database with the server's own durability; gone afterwards."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        migrate(server.conninfo, schema_sql())
        yield server.conninfo


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, by name: every round runs each once, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(title: str, seconds: Mapping[str, list[float]], units: int, unit: str) -> None:
    """A row per way: median milliseconds, units per second, and the ratio to the first way, the floor."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "median ms", f"{unit}/s", "× the floor"):
        table.add_column(heading, justify="left" if not heading else "right")
    floor = statistics.median(next(iter(seconds.values())))
    for name, samples in seconds.items():
        median = statistics.median(samples)
        table.add_row(name, f"{median * 1000:,.2f}", f"{units / median:,.0f}", f"{median / floor:.2f}")
    console.print(table)


def say_where(connection: psycopg.Connection) -> None:
    """The machine and the versions, without which no figure means anything."""
    (version,) = connection.execute("show server_version").fetchone() or ("?",)
    (fsync,) = connection.execute("show fsync").fetchone() or ("?",)
    console.print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {version}, fsync {fsync}"
    )
