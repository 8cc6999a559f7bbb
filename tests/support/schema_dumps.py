"""The schema of a database as pg_dump writes it, to compare a migrated database with a new one."""

import re
import subprocess
from pathlib import Path

from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.migrations import known_migrations
from app.schema import MIGRATIONS
from tests.support.databases import binaries_under_test

KEPT_ROUTINES = re.findall(
    r"create or replace (?:function|aggregate|view) catalog\.(\w+)", known_migrations(MIGRATIONS)[2].sql
)
"""What processes of the last release call while this one is rolled out; only databases that were migrated have it."""


def without_kept_routines(statements: list[str]) -> list[str]:
    kept = re.compile(rf"\bcatalog\.({'|'.join(KEPT_ROUTINES)})\b")
    return [statement for statement in statements if not kept.search(statement)]


def dumped_schema(conninfo: str) -> list[str]:
    """Each statement that would make the schema, in an order of its own, with the columns of a table in the order of
    their names: without comments of pg_dump itself, and the names that 18 gives to `not null`, not 15."""
    program = (binaries_under_test() or Path(embedded_binaries())) / "pg_dump"
    dumped = subprocess.check_output([program, "--schema-only", "--dbname", conninfo], text=True)
    lines = [line for line in dumped.splitlines() if not line.startswith(("--", "\\"))]
    statements = re.split(r";\n+", "\n".join(lines))
    return sorted(
        _in_order(statement) if "CREATE TABLE" in statement else statement.strip() for statement in statements
    )


def _in_order(table: str) -> str:
    return "\n".join(sorted(line.rstrip(",") for line in re.sub(r"CONSTRAINT \w+_not_null ", "", table).splitlines()))
