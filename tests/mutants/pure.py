"""Lets cosmic-ray change each operator of the pure modules, and reports by module how many changes no test finds.

cosmic-ray lives in an environment of its own (`make mutants-pure`), because only this program needs it. It changes
the copies of `tests.mutants.copies`, whose environments run the tests.
"""

import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tests.mutants.copies import Copy
from tests.mutants.parallel import in_parallel, make_copies, stopping_on_signals
from tests.mutants.report import replace_section, when_and_where
from tests.mutants.verdicts import Verdict, run_tests

LIMIT_SECONDS = 120.0
"""For the tests of one change."""

MODULES: Mapping[str, tuple[str, ...]] = {
    "app/domain/item.py": ("tests/domain",),
    "app/domain/events.py": (
        "tests/domain",
        "tests/laws/test_upcasting.py::test_the_newest_golden_file_is_what_is_stored_today",
    ),
    "app/engine/events/upcasting.py": ("tests/engine/events",),
    "app/engine/events/personal_data.py": (
        "tests/engine/events",
        "tests/engine/projection/test_check_personal_data.py",
    ),
    "app/engine/projection/projection.py": ("tests/engine/projection",),
    "app/engine/projection/rollup.py": ("tests/engine/projection/test_rollup.py",),
    "app/engine/projection/rule_analysis.py": ("tests/engine/projection",),
    "app/engine/projection/rules.py": ("tests/engine/projection",),
    "app/http/auth/tokens.py": ("tests/http/auth/test_token_claims.py", "tests/http/auth/test_authenticator.py"),
    "app/http/wire/cursors.py": ("tests/http/test_cursors.py",),
    "app/parsing/instants.py": ("tests/parsing/test_instants.py",),
}
"""The modules, and their tests without a database."""

NOT_CHANGED = (
    r"core/ReplaceBinaryOperator_BitOr_.*",
    r"core/ReplaceComparisonOperator_Is_(?!IsNot)",
    r"core/ReplaceComparisonOperator_IsNot_(?!Is$)",
    r"core/ReplaceComparisonOperator_Eq_Is$",
)
"""`|` stands between types, `is` asks for None or UNSET, and equal names are one object: such changes break the import
or mean the same."""
WITHOUT_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
OPTIONS = (
    *("-q", "-p", "no:cacheprovider", "-p", "tests.mutants.without_shrinking"),
    *("--noconftest", "-o", "addopts=--import-mode=importlib"),
)
"""Without plugins, and without the conftest, which imports the service: they take longer than the tests."""

CONFIGURATION = """\
[cosmic-ray]
module-path = "{module}"
timeout = {limit}
excluded-modules = []
test-command = "{command}"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = [{excluded}]
"""
CHANGES = """
select test_outcome, operator_name, start_pos_row, diff
from mutation_specs
join work_results using (job_id)
where worker_outcome = 'NORMAL'
order by start_pos_row, operator_name
"""

console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)


class Change(Struct, frozen=True):
    """One changed operator."""

    outcome: str
    operator: str
    line: int
    diff: str

    @property
    def is_found(self) -> bool:
        return self.outcome != "SURVIVED"


class Score(Struct, frozen=True):
    """The changes of a module."""

    module: str
    changes: list[Change]

    @property
    def survivors(self) -> list[Change]:
        return [change for change in self.changes if not change.is_found]


@click.command()
@click.argument("tool", type=click.Path(exists=True, path_type=Path))
@click.argument("modules", nargs=-1)
@click.option("--workers", default=2, show_default=True, help="How many modules to change at the same time.")
def main(tool: Path, modules: Sequence[str], workers: int) -> None:
    """Change these MODULES, or all, with the cosmic-ray whose programs are in the folder TOOL."""
    chosen = [module for module in MODULES if not modules or any(each in module for each in modules)]
    if not chosen:
        raise click.UsageError("no module has such a name")
    os.environ |= WITHOUT_PLUGINS
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = make_copies(Path(folder), min(workers, len(chosen)))
        scores = in_parallel(copies, chosen, lambda copy, module: _change(copy, module, tool.absolute()))
    _show(scores)
    if len(chosen) == len(MODULES):
        _record(scores)


def _change(copy: Copy, module: str, tool: Path) -> Score:
    tests = MODULES[module]
    unchanged = run_tests(copy.python, copy.folder, tests, LIMIT_SECONDS, *OPTIONS)
    if unchanged.verdict is not Verdict.SURVIVED:
        raise click.ClickException(f"The tests of {module} do not pass without a change: {unchanged.by}")
    command = shlex.join([str(copy.python), "-m", "pytest", "-x", *OPTIONS, *tests])
    excluded = ", ".join(f"'{each}'" for each in NOT_CHANGED)
    name = module.removesuffix(".py").replace("/", "_")
    (copy.folder / f"{name}.toml").write_text(
        CONFIGURATION.format(module=module, limit=LIMIT_SECONDS, command=command, excluded=excluded)
    )
    for program in (
        ("cosmic-ray", "init", f"{name}.toml", f"{name}.sqlite"),
        ("cr-filter-operators", f"{name}.sqlite", f"{name}.toml"),
        ("cosmic-ray", "exec", f"{name}.toml", f"{name}.sqlite"),
    ):
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([tool / program[0], *program[1:]], cwd=copy.folder, env=environment, check=True)
    with sqlite3.connect(copy.folder / f"{name}.sqlite") as results:
        score = Score(module, [Change(*row) for row in results.execute(CHANGES)])
    console.print(f"{module}: {len(score.survivors)} of {len(score.changes)} changes survived")
    return score


def _show(scores: Sequence[Score]) -> None:
    table = Table("module", "changes", "found", "survived", box=None, pad_edge=False)
    for score in scores:
        changes, survivors = len(score.changes), len(score.survivors)
        table.add_row(score.module, str(changes), str(changes - survivors), str(survivors))
        for survivor in score.survivors:
            console.print(f"{score.module}:{survivor.line} {survivor.operator}\n{survivor.diff}", markup=False)
    console.print(table)


def _record(scores: Sequence[Score]) -> None:
    changes = sum(len(score.changes) for score in scores)
    found = changes - sum(len(score.survivors) for score in scores)
    lines = [
        f"{when_and_where()}: the tests found {found} of {changes} changes, {100 * found / changes:.1f} %.",
        "",
        "| module | changes | found |",
        "|---|---|---|",
        *(
            f"| `{score.module}` | {len(score.changes)} | {len(score.changes) - len(score.survivors)} |"
            for score in scores
        ),
    ]
    replace_section("mutants-pure", lines)


if __name__ == "__main__":
    main(prog_name="make mutants-pure")
