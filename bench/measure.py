"""What all benchmarks share: a scale, a database of their own, runs that take turns (A B A B …) and show progress."""

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import schema_sql
from app.schema import migrate

SCALES = ("tiny", "small", "full", "large")
SCALE = os.environ.get("SCALE", "full")
"""`tiny` only shows that a program runs, `small` takes seconds, `full` gives the published figures, and `large` has
five million events where it matters."""
if SCALE not in SCALES:
    sys.exit(f"SCALE is {', '.join(SCALES[:-1])} or {SCALES[-1]}, not {SCALE}.")

console = Console(width=None if sys.stdout.isatty() else 140)

T = TypeVar("T")


def scaled(*, tiny: T, small: T, full: T, large: T | None = None) -> T:
    """A number at this scale; `large` is as `full` unless given."""
    return {"tiny": tiny, "small": small, "full": full, "large": full if large is None else large}[SCALE]


FIRST_ROUND = scaled(tiny=1, small=0, full=0)
"""Round 0 does not count; it is left out at scales without meaningful figures."""


@contextmanager
def a_database() -> Iterator[str]:
    """The conninfo of a new embedded database with the server's default durability; dropped afterwards."""
    _take_no_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        migrate(server.conninfo, schema_sql())
        yield server.conninfo


def _take_no_arguments() -> None:
    """Print the docstring and exit if the arguments ask for help."""
    program, *given = sys.argv
    if given and Path(program).parent.name == "bench":
        sys.exit(
            f"It takes no arguments, but SCALE={', '.join(SCALES[:-1])} or {SCALES[-1]}: "
            f"SCALE=small python -m bench.{Path(program).stem}"
        )


def another_database(conninfo: str, name: str, template: str = "template0") -> str:
    """The conninfo of one more database on the server: empty, or a copy."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        names = map(sql.Identifier, (name, template))
        connection.execute(sql.SQL("create database {} template {}").format(*names))
    return make_conninfo(conninfo, dbname=name)


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, by name: every round runs each once, after one round that does not count."""
    return sampled({name: _timed(way) for name, way in ways.items()}, rounds)


def sampled(ways: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """The answers of each way: every round asks each once, after one round that does not count."""
    answers: dict[str, list[T]] = {name: [] for name in ways}
    with progress((rounds + 1) * len(ways)) as step:
        for turn in range(FIRST_ROUND, rounds + 1):
            for name, way in ways.items():
                step(f"round {turn} of {rounds}: {name}")
                answer = way()
                if turn:
                    answers[name].append(answer)
    return answers


def _timed(way: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        way()
        return time.perf_counter() - start

    return run


def following(items: Iterable[T], total: int, what: str, every: int = 5_000) -> Iterator[T]:
    """The same items, with a progress bar."""
    with progress(total) as step:
        for number, item in enumerate(items):
            if number % every == 0:
                step(what, number)
            yield item


@contextmanager
def progress(total: int) -> Iterator[Callable[..., None]]:
    """A bar that moves only when called, so that it takes no time from what is measured; removed afterwards.

    Call it with what comes next, and how much is done, by default one more than before.
    """
    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, auto_refresh=False, transient=True, disable=not console.is_terminal
    ) as bar:
        task, done = bar.add_task("", total=total), -1

        def step(what: str, before: int | None = None) -> None:
            nonlocal done
            done = done + 1 if before is None else before
            bar.update(task, description=what, completed=done, refresh=True)

        yield step


def say_where(connection: psycopg.Connection) -> None:
    """The machine and the versions, without which no figure means anything."""
    (version,) = connection.execute("show server_version").fetchone() or ("?",)
    (fsync,) = connection.execute("show fsync").fetchone() or ("?",)
    console.print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {version}, fsync {fsync}"
    )
