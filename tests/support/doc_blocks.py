"""Runs a page's code blocks in their order, against a service and a database of the page's own.

The word after a block's language says how it is run:

    sh                pasted into one shell per page while a service runs; `catalog` works on the same database
    sh setup          targets of make and programs of .venv; a test checks that they exist and does not run them
    sh install        lines that `make run` runs as well
    sh console        `catalog …`, pasted beside the folder of a running `make town`
    sql               given to psql on the page's database
    python            one module per page; DATABASE_URL is an empty catalog
    text, mermaid     a drawing or a message: no code
    json output       what the block before it printed; `…` stands for any text; blanks do not count
    text output       the same, compared line by line
    … shown: reason   not run; the reason says why

A status of 400 or more fails its block unless the block, or the output that is shown of it, names that status.
"""

import re
import subprocess
import sys
import threading
import types
from pathlib import Path

from app.engine.postgres.embedded_programs import embedded_binaries
from tests.support.cli_process import clean_environment
from tests.support.doc_pages import Block, Page

RUN = ("sh", "sh console", "sql", "python")
CHECKED = ("sh setup", "sh install")
OUTPUTS = ("json output", "text output")
SHOWN = ("sh shown", "sql shown", "python shown", "text shown", "yaml shown", "toml shown", "js shown")
DRAWINGS = ("text", "mermaid")
KINDS = {*RUN, *CHECKED, *OUTPUTS, *SHOWN, *DRAWINGS}

ADDRESS = "localhost:8001"
ENDS_WITHIN_SECONDS = 90
ANY_TEXT = "…"
SESSION = """
set -euo pipefail
curl() { command curl "$@" --write-out '%{stderr}%{http_code}\\n%{stdout}\\n'; }
"""
"""Each answer's status goes to stderr, on a line of its own, and each body ends its line."""


class Shell:
    """One bash that runs the blocks of a page after each other; variables stay. Use it with `with`."""

    def __init__(self, folder: Path, environment: dict[str, str], service: str | None = None) -> None:
        """`service` is the address that stands for `localhost:8001`."""
        self._folder = folder
        self._environment = {**clean_environment(), **environment, "HOME": str(folder)}
        self._service = service.removeprefix("http://") if service else ADDRESS

    def __enter__(self) -> "Shell":
        programs = Path(sys.prefix) / "bin"
        (self._folder / ".venv").symlink_to(sys.prefix)
        self._environment["PATH"] = f"{programs}:{self._environment['PATH']}"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write(SESSION)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.close()
        self._bash.stdout.close()
        self._bash.wait(ENDS_WITHIN_SECONDS)

    def run(self, block: Block) -> tuple[str, list[int]]:
        """What the block printed, and the statuses of its requests. Fails if a command of it fails."""
        script, out, err = (self._folder / f"{block.line}.{name}" for name in ("sh", "out", "err"))
        script.write_text(block.code.replace(ADDRESS, self._service))
        self._write(f"source {script} </dev/null >{out} 2>{err}; echo done\n")
        timer = threading.Timer(ENDS_WITHIN_SECONDS, self._bash.kill)
        timer.start()
        assert self._bash.stdout
        ended = self._bash.stdout.readline()
        timer.cancel()
        told = err.read_text() if err.exists() else ""
        printed = out.read_text().replace(self._service, ADDRESS) if out.exists() else ""
        assert ended == "done\n", f"a command failed: {told}{printed}"
        return printed, [int(line) for line in told.splitlines() if re.fullmatch(r"\d{3}", line)]

    def _write(self, lines: str) -> None:
        assert self._bash.stdin
        self._bash.stdin.write(lines)
        self._bash.stdin.flush()


def run_sql(block: Block, conninfo: str) -> str:
    """What psql prints of a block's statements."""
    psql = [str(embedded_binaries() / "psql"), "-X", "-v", "ON_ERROR_STOP=1", "--dbname", conninfo, "-f", "-"]
    ran = subprocess.run(psql, input=block.code, env=clean_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def new_module(page: Page) -> types.ModuleType:
    """An empty module for the Python blocks of a page; classes find themselves in it."""
    module = types.ModuleType(f"blocks_of_{re.sub(r'[^a-z]', '_', page.name)}")
    sys.modules[module.__name__] = module
    return module


def output_of(page: Page, block: Block) -> Block | None:
    """The block that shows what this one prints, if one follows it."""
    behind = page.blocks[page.blocks.index(block) + 1 :]
    return behind[0] if behind and behind[0].kind in OUTPUTS else None


def check_statuses(statuses: list[int], block: Block, shown: Block | None) -> None:
    """Fails for a refusal that the page does not name."""
    text = block.code + (shown.code if shown else "")
    unnamed = [status for status in statuses if status >= 400 and str(status) not in text]
    assert not unnamed, f"answered {unnamed}, which the page does not say"


def check_output(printed: str, shown: Block) -> None:
    """Fails where the page shows something else than what was printed."""
    expected, actual = shown.code.strip(), printed.strip()
    if shown.kind == "json output":
        expected, actual = (re.sub(r"\s+", "", text) for text in (expected, actual))
    else:
        expected, actual = ("\n".join(map(str.rstrip, text.splitlines())) for text in (expected, actual))
    pattern = ".*".join(map(re.escape, expected.split(ANY_TEXT)))
    assert re.fullmatch(pattern, actual, re.DOTALL), f"the page shows\n{shown.code}\nbut it is\n{printed}"
