"""Shows the verdicts as a table, and writes them into docs/guarantees.md."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.mutants.patches import GUARANTEES_PAGE, Patch, guarantees
from tests.mutants.verdicts import TestRun, Verdict
from tests.support.paths import ROOT

STYLES = {
    Verdict.KILLED: "green",
    Verdict.TIMED_OUT: "green",
    Verdict.SURVIVED: "bold red",
    Verdict.INVALID: "bold yellow",
}


class Result(Struct, frozen=True):
    """What became of a patch."""

    patch: Patch
    run: TestRun

    @property
    def is_found(self) -> bool:
        return self.run.verdict in (Verdict.KILLED, Verdict.TIMED_OUT)

    @property
    def is_expected(self) -> bool:
        """Whether it was found, or survived as the patch declares."""
        return self.is_found or (self.run.verdict is Verdict.SURVIVED and self.patch.survives is not None)


def show(console: Console, results: Sequence[Result]) -> None:
    """A row for each patch, in the order of the guarantees."""
    order = {guarantee: place for place, guarantee in enumerate(guarantees())}
    table = Table("guarantee", "fault", "verdict", "by", "seconds", box=None, pad_edge=False)
    for result in sorted(results, key=lambda each: (order.get(each.patch.guarantee, -1), each.patch.name)):
        verdict, run = result.run.verdict, result.run
        style = STYLES[verdict]
        table.add_row(
            result.patch.guarantee, result.patch.name, f"[{style}]{verdict}[/]", escape(run.by), f"{run.seconds:.0f}"
        )
    console.print(table)
    console.print(_summary(results))


def _summary(results: Sequence[Result]) -> str:
    found = sum(each.is_found for each in results)
    counted = [
        f"{sum(each.run.verdict is verdict for each in results)} {verdict}"
        for verdict in (Verdict.TIMED_OUT, Verdict.SURVIVED, Verdict.INVALID)
        if any(each.run.verdict is verdict for each in results)
    ]
    return ", ".join([f"{found} of {len(results)} faults found", *counted])


def record(results: Sequence[Result]) -> None:
    """Write the section of docs/guarantees.md."""
    lines = [
        f"{when_and_where()}: the tests found {sum(each.is_found for each in results)} of {len(results)} faults.",
        "",
        "| guarantee | faults | found |",
        "|---|---|---|",
    ]
    for guarantee in guarantees():
        ours = [each for each in results if each.patch.guarantee == guarantee]
        lines.append(f"| {guarantee} | {len(ours)} | {sum(each.is_found for each in ours)} |")
    replace_section("mutants", [*lines, "", *_survivors(results)])


def _survivors(results: Sequence[Result]) -> list[str]:
    missed = [each for each in results if not each.is_found]
    if not missed:
        return ["No fault survived."]
    return [
        "Not found:",
        "",
        *(
            f"* `{each.patch.name}` ({each.run.verdict}): {each.patch.breaks} "
            f"{each.patch.survives or each.run.by}".rstrip()
            for each in missed
        ),
    ]


def when_and_where() -> str:
    cores, postgres = len(os.sched_getaffinity(0)), os.environ.get("CATALOG_TEST_PG", "18")
    return (
        f"On {date.today():%Y-%m-%d}, at commit {commit()}, on {cores} cores with {platform.system()}, "
        f"Python {platform.python_version()} and PostgreSQL {postgres}"
    )


def commit() -> str:
    """The commit of the tree that was tested, and whether it had changes."""
    name = _git("rev-parse", "--short", "HEAD")
    page = GUARANTEES_PAGE.relative_to(ROOT)
    changed = [line for line in _git("status", "--porcelain").splitlines() if not line.endswith(str(page))]
    return f"`{name}`" + (" with changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def replace_section(name: str, lines: Iterable[str], page: Path = GUARANTEES_PAGE) -> None:
    """Replace what lies between the two marks of a section of a page."""
    begin, end = f"<!-- {name}: written by make {name} -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8")
    section = "\n".join([begin, *lines, end])
    replaced, count = re.subn(f"{begin}.*?{end}", lambda _: section, text, flags=re.DOTALL)
    assert count == 1, f"{page.name} has the marks of {name} once"
    page.write_text(replaced, encoding="utf-8")
