"""The paths of files that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository's folder."""

SCHEMA_SQL = ROOT / "schema.sql"
PAGE_FILES = ROOT / "app" / "page"
SWAGGER_UI = ROOT / "app" / "http" / "swagger_ui"
GOLDEN_EVENTS = ROOT / "tests" / "golden"
COMPILED_SQL = ROOT / "tests" / "database" / "compiled.sql"
RELEASE_DUMPS = ROOT / "tests" / "database" / "releases"
