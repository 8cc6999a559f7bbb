"""Does work in several copies at the same time, one work at a time in each copy."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import click

from tests.mutants.copies import CannotCopy, Copy, tracked_files
from tests.mutants.verdicts import end_runs
from tests.support.paths import ROOT

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """A signal ends the run like Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    yield


def make_copies(folder: Path, workers: int) -> list[Copy]:
    """Copies of one state: the first one is only copied from, so that changes during the run have no effect."""
    files = tracked_files(ROOT)
    Copy(ROOT, files, folder / "original")
    copies = [Copy(folder / "original", files, folder / f"copy{number}") for number in range(workers)]
    for copy in copies:
        copy.make_environment()
    try:
        copies[0].check_canary()
    except CannotCopy as error:
        raise click.ClickException(str(error)) from None
    return copies


def in_parallel(copies: list[Copy], works: Sequence[T], do: Callable[[Copy, T], R]) -> list[R]:
    """The results, in the order of the works."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def in_a_copy(work: T) -> R:
        copy = free.get()
        try:
            return do(copy, work)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        try:
            return list(pool.map(in_a_copy, works))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_runs()
            raise
