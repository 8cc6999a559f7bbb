"""The product's schema: schema.sql, the SQL of its read models, and the numbered migrations of older databases."""

from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from app.engine.compiler.schema import compile_read_models
from app.engine.postgres import migrations
from app.engine.projection.rollup import AnyReadModel

APP = Path(__file__).parent
MIGRATIONS = APP / "migrations"


def schema_of(read_models: Sequence[AnyReadModel]) -> str:
    """All the SQL that `catalog migrate` installs: the event store, then the compiled read models."""
    return f"{schema_file()}\n{compile_read_models(read_models)}"


def schema_file() -> str:
    """The text of schema.sql: inside the package `app` in a wheel, beside it in a checkout."""
    packaged = APP / "schema.sql"
    return (packaged if packaged.exists() else APP.parent / "schema.sql").read_text(encoding="utf-8")


def migrate(conninfo: str, sql: str, then: Callable[[psycopg.Connection], None] = lambda _: None) -> bool:
    """Install `sql` as `app.engine.postgres.migrations.migrate` does, after the product's own migrations."""
    return migrations.migrate(conninfo, sql, migrations.known_migrations(MIGRATIONS), then)
