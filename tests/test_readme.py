"""The README is true: its code blocks run, its tables name files that exist."""

import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import psycopg
import pytest

from app.settings import Settings
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+ ?\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def test_every_code_block_is_run_by_a_test_below() -> None:
    assert {name for name, _ in BLOCKS} == {"sh", "sh setup", "sh install", "sh console", "sql", "python"}


def test_the_two_commands_are_targets_of_make() -> None:
    for line in "".join(blocks("sh setup")).splitlines():
        command = line.partition("#")[0].split()
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_the_lines_without_make_are_those_that_make_runs() -> None:
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    plain = made.replace(" --quiet --disable-pip-version-check", "")
    for line in "".join(blocks("sh install")).splitlines():
        assert line in plain.splitlines()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines to paste are curl's")
def test_the_lines_to_paste_work(service: str, tmp_path: Path) -> None:
    (script,) = blocks("sh")
    script = script.replace("localhost:8001", service.removeprefix("http://"))
    count = script.count("curl -sw")
    script = script.replace("curl -sw'\\n'", "curl -sS -w '\\n%{http_code}\\n'")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    statuses = [line for line in ran.stdout.splitlines() if re.fullmatch(r"\d{3}", line)]
    assert statuses.count("412") == 1
    assert statuses.count("404") == 1
    assert statuses.count("204") == 1
    assert statuses.count("200") == count - 3


def test_the_lines_for_psql_work(service: str, service_conninfo: str) -> None:
    assert service
    with psycopg.connect(service_conninfo) as connection:
        for statement in "".join(blocks("sql")).split(";")[:-1]:
            done = connection.execute(statement)
            assert done.description or done.statusmessage in ("SET", "RESET")


def test_the_page_on_adding_things_works(conninfo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = types.ModuleType("readme_page")
    sys.modules[page.__name__] = page
    monkeypatch.setenv("DATABASE_URL", conninfo)
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), vars(page))


def test_every_file_that_is_named_exists() -> None:
    for name in re.findall(r"`((?:app|tests|projections)/[\w/.]+)`", README):
        assert (ROOT / name).exists(), name


def test_every_setting_is_named() -> None:
    for name in Settings.__struct_encode_fields__:
        assert f"`{name.upper()}`" in README
