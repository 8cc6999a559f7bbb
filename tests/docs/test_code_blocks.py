"""The documentation is true: every code block of README.md and docs/ runs, and prints what the page shows."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.cli_process import Call, clean_environment
from tests.support.databases import database_like
from tests.support.doc_blocks import (
    CHECKED,
    KINDS,
    OUTPUTS,
    RUN,
    SHOWN,
    Shell,
    check_output,
    check_statuses,
    new_module,
    output_of,
    run_sql,
)
from tests.support.doc_pages import PAGES, Block, Page
from tests.support.paths import ROOT
from tests.support.ready_made import NewFolder
from tests.support.service_process import free_port, running_service, wait_until_healthy

FEWEST_WORDS_OF_A_REASON = 3
STOPS_WITHIN_SECONDS = 60

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_every_block_says_how_it_is_run(page: Page) -> None:
    assert [block.info for block in page.blocks if block.kind not in KINDS] == []


@every_page
def test_a_block_that_is_not_run_says_why(page: Page) -> None:
    for block in page.blocks:
        if block.kind in SHOWN:
            assert len(block.reason.split()) >= FEWEST_WORDS_OF_A_REASON, block.info
        else:
            assert not block.reason, block.info


@every_page
def test_a_shown_output_follows_a_block_that_runs(page: Page) -> None:
    for before, block in pairwise(page.blocks):
        assert block.kind not in OUTPUTS or before.kind in RUN, f"{page.name}:{block.line}"


@every_page
def test_there_is_no_code_block_without_a_fence(page: Page) -> None:
    """An indented block would not be run."""
    lines = page.without_blocks.splitlines()
    for number, (before, line) in enumerate(pairwise(lines), 2):
        assert before.strip() or not line.startswith("    "), f"{page.name}:{number}"


@every_page
def test_the_commands_of_a_setup_exist(page: Page) -> None:
    for line in "".join(block.code for block in page.blocks if block.kind == "sh setup").splitlines():
        command = line.partition("#")[0].split()
        if not command:
            continue
        if command[0] == "make":
            subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            program, *arguments = command
            assert program.startswith(".venv/bin/"), line
            assert (ROOT / program).exists(), line
            for path in (argument.partition("::")[0] for argument in arguments if "/" in argument):
                assert (ROOT / path).exists(), line


@every_page
def test_the_lines_without_make_are_those_that_make_runs(page: Page) -> None:
    lines = "".join(block.code for block in page.blocks if block.kind == "sh install").splitlines()
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    plain = made.replace(" --quiet --disable-pip-version-check", "").splitlines()
    assert [line for line in lines if line not in plain] == []


def test_each_kind_that_is_checked_apart_has_a_test_above() -> None:
    assert set(CHECKED) == {"sh setup", "sh install"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines to paste are curl's")
@every_page
def test_the_blocks_of_a_page_run(
    page: Page,
    server: EmbeddedPostgres,
    template: str,
    new_folder: NewFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = {block.kind for block in page.blocks} & set(RUN)
    module, failed = new_module(page), None
    with ExitStack() as stack:
        conninfo = stack.enter_context(database_like(server, template)) if kinds else ""
        shell = console = None
        if "sh" in kinds or "sql" in kinds:
            url, _ = stack.enter_context(running_service({"DATABASE_URL": conninfo}))
            shell = stack.enter_context(Shell(_folder(tmp_path, "shell"), {"DATABASE_URL": conninfo}, url))
        if "sh console" in kinds:
            folder = _folder(tmp_path, "town")
            stack.enter_context(serving_the_town(new_folder(folder / ".catalog-demo")))
            console = stack.enter_context(Shell(folder, {}))
        if "python" in kinds:
            monkeypatch.setenv("DATABASE_URL", stack.enter_context(database_like(server, template)))
        for block in page.blocks:
            try:
                _run(page, block, shell=shell, console=console, conninfo=conninfo, module=vars(module))
            except Exception as error:
                failed = error
                failed.add_note(f"in the block at {page.name}:{block.line}")
                break
    if failed:
        raise failed


def _run(
    page: Page, block: Block, *, shell: Shell | None, console: Shell | None, conninfo: str, module: dict[str, object]
) -> None:
    shown = output_of(page, block)
    printed = ""
    match block.kind:
        case "sh" | "sh console":
            pasted = shell if block.kind == "sh" else console
            assert pasted
            printed, statuses = pasted.run(block)
            check_statuses(statuses, block, shown)
        case "sql":
            printed = run_sql(block, conninfo)
        case "python":
            exec(compile("\n" * block.line + block.code, page.name, "exec"), module)
    if shown:
        check_output(printed, shown)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@contextmanager
def serving_the_town(data_dir: Path) -> Iterator[None]:
    """`catalog serve --demo`, as `make town` runs it."""
    port = free_port()
    process = Call(["--data-dir", str(data_dir), "serve", "--demo", "--port", str(port)], clean_environment())
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", process)
        yield
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN_SECONDS)
