"""A module imports only modules of lower levels; read with `ast`, so that the drawing in the README is true."""

import ast
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parent.parent

LEVELS = [
    {
        *("app.errors", "app.tasks", "app.upcasts", "app.visible", "app.wording", "app.pooled", "app.session"),
        *("app.identifiers",),
    },
    {
        *("app.personal", "app.logs", "app.printing", "app.public_keys", "app.search_terms", "app.bulkhead"),
        *("app.spans", "app.away", "app.in_doubt"),
    },
    {"app.settings", "app.events", "app.demo_goods", "app.postgres_folder", "app.actors", "app.once", "app.tracing"},
    {"app.item", "app.rules", "app.postgres", "app.poolers"},
    {"app.name_checks", "app.tokens"},
    {"app.rule_checks"},
    {"app.index_checks", "app.personal_checks"},
    {"app.projection"},
    {"app.fold_sql", "app.rollup"},
    {
        *("app.versions_sql", "app.personal_sql", "app.table_sql"),
        *("app.database", "app.migrating", "app.console", "app.backup"),
    },
    {"app.document_tables"},
    {"app.rollup_sql", "app.view_sql"},
    {"app.analyst_sql"},
    {"app.document_sql", "app.listing", "app.store", "app.settled", "app.replica", "app.changes"},
    {"app.reads", "app.rebuild_sql", "app.listing_rows"},
    {"app.documents", "app.reached", "app.schema_sql", "app.generations", "app.feed"},
    {"app.rebuild_facts", "app.verify", "app.handler"},
    {"app.leftovers", "app.importing"},
    {"app.rebuild", "app.forgetting"},
    {"app.projector"},
    {"app.states"},
    {"app.machinery", "app.metrics", "app.lag"},
    {
        *("app.http.answers", "app.http.instants", "app.http.problems", "app.http.numbers", "app.http.negotiation"),
        *("app.http.links", "app.http.cloud_events", "app.http.semantics", "app.http.actors", "app.http.access"),
        *("app.http.limits", "app.http.transport"),
    },
    {"app.http.refusals"},
    {"app.http.protocol"},
    {"app.http.connection"},
    {
        *("app.http.bodies", "app.http.requests", "app.http.event_stream", "app.http.past", "app.http.server"),
        *("app.http.memento", "app.http.moments", "app.http.arriving"),
    },
    {"app.http.cursors", "app.http.rows", "app.http.conditions"},
    {"app.http.listings", "app.import_csv"},
    {
        *("app.http.commands", "app.http.items", "app.http.history", "app.http.system"),
        *("app.http.diff", "app.http.events", "app.http.projections", "app.http.density", "app.http.page"),
    },
    {"app.http.owners", "app.http.changes", "app.http.imports", "app.http.schema_page"},
    {"app.main", "app.import_file", "app.demo", "app.demo_year"},
    {"app.operator_facts"},
    {"app.operator_tables"},
    {"app.operator_cli"},
    {"app.import_cli", "app.backup_cli", "app.forget_cli"},
    {"app.cli"},
]
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}


def modules(package: str) -> dict[str, Path]:
    """The modules of a package by their dotted names, without those that only mark a package."""
    files = [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}


def imports(path: Path) -> set[str]:
    """The modules of ours that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & (set(modules("app")) | set(modules("projections")))


@pytest.mark.parametrize("module", modules("app"))
def test_a_module_imports_only_from_lower_levels(module: str) -> None:
    for imported in imports(modules("app")[module]):
        if not imported.startswith("projections."):
            assert LEVEL[imported] < LEVEL[module], f"{module} imports {imported}"


def test_the_level_table_names_every_module_once() -> None:
    assert set(LEVEL) == set(modules("app"))
    assert len(LEVEL) == sum(map(len, LEVELS))


def test_only_the_composition_root_knows_the_read_models() -> None:
    assert {module for module, path in modules("app").items() if imports(path) & set(modules("projections"))} == {
        "app.main"
    }


@pytest.mark.parametrize("module", modules("projections"))
def test_a_read_model_knows_only_events_and_the_rule_language(module: str) -> None:
    """… and, if it adds up another read model's documents, that one and the words for it."""
    known = {"app.events", "app.projection"}
    if "app.rollup" in imports(modules("projections")[module]):
        known |= {"app.rollup", "projections.items"}
    assert imports(modules("projections")[module]) <= known


ENGINE = [
    "rollup",
    "rollup_sql",
    "generations",
    "rebuild",
    "verify",
    "projector",
    "projection",
    "rules",
    "upcasts",
    "personal",
    "personal_checks",
    "personal_sql",
    "rule_checks",
    "fold_sql",
    "versions_sql",
    "table_sql",
    "document_tables",
    "document_sql",
    "view_sql",
    "analyst_sql",
    "listing",
    "listing_rows",
    "changes",
    "search_terms",
    "store",
    "documents",
    "handler",
    "importing",
    "database",
]


@pytest.mark.parametrize("path", [*(ROOT / "app" / f"{name}.py" for name in ENGINE), ROOT / "schema.sql"])
def test_the_engine_knows_no_item(path: Path) -> None:
    names = {"app.item", "projections.items"}
    assert path.suffix == ".sql" or not imports(path) & names
    assert "catalog.items" not in path.read_text(encoding="utf-8")


def test_the_application_uses_nothing_that_is_deprecated() -> None:
    """Warnings are errors here, so being made is enough."""
    create_app("host=nowhere", Settings())


@pytest.mark.parametrize("module", modules("app"))
def test_nothing_prints_past_the_module_that_makes_foreign_text_visible(module: str) -> None:
    """click's own errors go through `app.console.Group`, log lines through the formatters of `app.logs`."""
    if module == "app.printing":
        return
    text = modules("app")[module].read_text(encoding="utf-8")
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
    assert not called & {"print", "rich.print", "Console", "sys.stdout.write", "sys.stderr.write"}
    assert not called & {f"click.{name}" for name in ("echo", "secho", "confirm", "prompt", "style")}
