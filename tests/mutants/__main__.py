"""Plants the faults of `patches` in a copy of the repository, one at a time, and reports which ones no test finds."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from tests.mutants.copies import Copy
from tests.mutants.parallel import in_parallel, make_copies, stopping_on_signals
from tests.mutants.patches import Patch, patch_files, selected_patches
from tests.mutants.report import STYLES, Result, record, show
from tests.mutants.verdicts import TestRun, Verdict, run_tests

UNMUTATED_WITHIN_SECONDS = 3600.0
LIMIT_SECONDS = 90.0
"""A fault has this time, and four times what its tests take without it."""
ONE_FAILURE = ("-x", "-p", "tests.mutants.without_shrinking")

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
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = make_copies(Path(folder), min(workers, len(patches)))
        unmutated = _run_unmutated(copies, patches)
        results = in_parallel(copies, patches, lambda copy, patch: _try(copy, patch, unmutated))
    show(console, results)
    if recorded or len(patches) == len(patch_files()):
        record(results)
        console.print("docs/guarantees.md shows it.")
    sys.exit(not all(result.is_expected for result in results))


def _run_unmutated(copies: list[Copy], patches: Sequence[Patch]) -> TestRun:
    """Run all named tests without a fault; exit unless they pass."""
    tests = sorted({test for patch in patches for test in patch.tests})
    files = sorted({test.partition("::")[0] for test in tests})
    shares = [files[number :: len(copies)] for number in range(len(copies))]
    console.print(f"{len(patches)} faults. First their tests run without a fault: {len(tests)} files or single tests.")
    runs = in_parallel(
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
    console.print(f"[{STYLES[run.verdict]}]{run.verdict}[/] {patch.name} {escape(run.by)} ({run.seconds:.0f} s)")
    return Result(patch, run)


if __name__ == "__main__":
    main(prog_name="make mutants")
