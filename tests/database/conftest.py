"""Databases as earlier releases have left them."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.paths import RELEASE_DUMPS

RELEASES = sorted(RELEASE_DUMPS.glob("*.sql"))


def restored(server: EmbeddedPostgres, dump: Path) -> Iterator[str]:
    with database_like(server, "template0") as conninfo:
        with psycopg.connect(conninfo) as connection:
            connection.execute(dump.read_bytes())
        yield conninfo


@pytest.fixture(params=RELEASES, ids=lambda file: file.stem)
def released(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The conninfo of a database as a release has left it."""
    yield from restored(server, request.param)


@pytest.fixture
def of_0_1_0(server: EmbeddedPostgres) -> Iterator[str]:
    """The conninfo of a database of release 0.1.0, the last one before migrations 2 and 3."""
    yield from restored(server, RELEASE_DUMPS / "0.1.0.sql")
