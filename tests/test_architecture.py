"""Rules of structure that import-linter cannot check."""

import ast
import re
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.paths import ROOT


def modules(package: str) -> dict[str, Path]:
    """The modules of a package by their dotted names, without those that only mark a package."""
    files = [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}


def imports(path: Path, among: set[str]) -> set[str]:
    """Which of some modules a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & among


def test_only_the_composition_root_knows_the_read_models() -> None:
    projections = set(modules("projections"))
    assert {module for module, path in modules("app").items() if imports(path, projections)} == {"app.main"}


@pytest.mark.parametrize("module", modules("projections"))
def test_a_read_model_knows_only_events_and_the_rule_language(module: str) -> None:
    """… and, if it adds up another read model's documents, that one and the words for it."""
    known = {"app.domain.events", "app.engine.projection.projection"}
    used = imports(modules("projections")[module], {*modules("app"), *modules("projections")})
    if "app.engine.projection.rollup" in used:
        known |= {"app.engine.projection.rollup", "projections.items"}
    assert used <= known


def test_the_application_uses_nothing_that_is_deprecated() -> None:
    """Warnings are errors here, so being made is enough."""
    create_app("host=nowhere", Settings())


@pytest.mark.parametrize("module", modules("app"))
def test_nothing_prints_past_the_module_that_makes_foreign_text_visible(module: str) -> None:
    """click's errors go through `app.cli.console.ErrorReportingGroup`, logs through `app.observability.json_logs`."""
    if module == "app.terminal":
        return
    text = modules("app")[module].read_text(encoding="utf-8")
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
    assert not called & {"print", "rich.print", "Console", "sys.stdout.write", "sys.stderr.write"}
    assert not called & {f"click.{name}" for name in ("echo", "secho", "confirm", "prompt", "style")}


ENGINE = sorted((ROOT / "app" / "engine").rglob("*.py"))


@pytest.mark.parametrize("path", [*ENGINE, ROOT / "schema.sql"])
def test_the_engine_knows_no_item(path: Path) -> None:
    assert "catalog.items" not in path.read_text(encoding="utf-8")


def string_literals(path: Path) -> list[str]:
    """The texts of a file, without docstrings and the strings under fields, which may give examples."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    explaining = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in explaining]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_of_the_engine_speaks_of_items(path: Path) -> None:
    assert [text for text in string_literals(path) if re.search(r"\bitems?\b", text, re.IGNORECASE)] == []


READS_ITS_ENVIRONMENT = {"backup.py", "embedded_programs.py"}
"""They start programs, which inherit the environment."""


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_engine_reads_and_names_no_environment_variable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(CATALOG|DATABASE)_[A-Z]+", text)
    assert path.name in READS_ITS_ENVIRONMENT or not re.search(r"\b(environ|getenv)\b", text)


@pytest.mark.parametrize("module", modules("tests"))
def test_no_test_module_imports_from_another(module: str) -> None:
    """What several test modules use lies in `tests/support`, or is a fixture of a conftest.py."""
    test_modules = {name for name in modules("tests") if name.rpartition(".")[2].startswith("test_")}
    assert imports(modules("tests")[module], test_modules) == set()
