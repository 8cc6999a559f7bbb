"""Plants the faults of `patches` in a copy of the repository, one at a time, and reports which ones no test finds."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import click
from rich.console import Console

from tests.mutants.copies import CannotCopy, Copy, tracked_files
from tests.mutants.patches import Patch, patch_files, selected_patches
from tests.mutants.report import STYLES, Result, record, show
from tests.mutants.verdicts import TestRun, Verdict, run_tests
from tests.support.paths import ROOT

UNMUTATED_WITHIN_SECONDS = 3600.0
LIMIT_SECONDS = 90.0
"""A fault has this time, and four times what its tests take without it."""
ONE_FAILURE = ("-x", "-p", "tests.mutants.without_shrinking")

T = TypeVar("T")
R = TypeVar("R")
console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--workers", default=2, show_default=True, help="How many faults to try at the same time.")
@click.option("--record", "recorded", is_flag=True, help="Write docs/guarantees.md even if only some faults are tried.")
def main(names: Sequence[str], workers: int, recorded: bool) -> None:
    """Plant the faults of these NAMES, which may be patterns, or all; then docs/guarantees.md shows the result."""
    patches = selected_patches(names)
    if not patches:
        raise click.UsageError("no patch has such a name")
    with _stopping_on_signals(), tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = _make_copies(Path(folder), min(workers, len(patches)))
        unmutated = _run_unmutated(copies, patches)
        results = _in_parallel(copies, patches, lambda copy, patch: _try(copy, patch, unmutated))
    show(console, results)
    if recorded or len(patches) == len(patch_files()):
        record(results)
        console.print("docs/guarantees.md shows it.")
    sys.exit(not all(result.is_expected for result in results))


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """A signal ends the run like Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    yield


def _make_copies(folder: Path, workers: int) -> list[Copy]:
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


def _run_unmutated(copies: list[Copy], patches: Sequence[Patch]) -> TestRun:
    """Run all named tests without a fault; exit unless they pass."""
    tests = sorted({test for patch in patches for test in patch.tests})
    files = sorted({test.partition("::")[0] for test in tests})
    shares = [files[number :: len(copies)] for number in range(len(copies))]
    console.print(f"{len(patches)} faults. First their tests run without a fault: {len(tests)} files or single tests.")
    runs = _in_parallel(
        copies,
        [[test for test in tests if test.partition("::")[0] in share] for share in shares if share],
        lambda copy, share: run_tests(copy.python, copy.folder, share, UNMUTATED_WITHIN_SECONDS),
    )
    if broken := [run for run in runs if run.verdict is not Verdict.SURVIVED]:
        raise click.ClickException(f"The tests do not pass without a fault: {', '.join(run.by for run in broken)}")
    return TestRun(
        verdict=Verdict.SURVIVED,
        seconds=sum(run.seconds for run in runs),
        seconds_by_test={name: seconds for run in runs for name, seconds in run.seconds_by_test.items()},
    )


def _try(copy: Copy, patch: Patch, unmutated: TestRun) -> Result:
    if refusal := copy.apply(patch):
        run = TestRun(verdict=Verdict.INVALID, by=refusal, seconds=0)
    else:
        limit = LIMIT_SECONDS + 4 * unmutated.seconds_of(patch.tests)
        try:
            run = run_tests(copy.python, copy.folder, patch.tests, limit, *ONE_FAILURE)
        finally:
            copy.undo(patch)
    console.print(f"[{STYLES[run.verdict]}]{run.verdict}[/] {patch.name} {run.by} ({run.seconds:.0f} s)")
    return Result(patch, run)


def _in_parallel(copies: list[Copy], works: Sequence[T], do: Callable[[Copy, T], R]) -> list[R]:
    """Do all works, one at a time in each copy."""
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
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    main(prog_name="make mutants")
