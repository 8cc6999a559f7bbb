"""Databases as earlier releases have left them."""

from collections.abc import Iterator

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.paths import RELEASE_DUMPS

RELEASES = sorted(RELEASE_DUMPS.glob("*.sql"))


@pytest.fixture(params=RELEASES, ids=lambda file: file.stem)
def released(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The conninfo of a database as a release has left it."""
    with database_like(server, "template0") as conninfo:
        with psycopg.connect(conninfo) as connection:
            connection.execute(request.param.read_bytes())
        yield conninfo
