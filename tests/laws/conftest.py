"""The laws hold for any aggregate: a database that holds the items and the toys."""

from collections.abc import Iterator

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.appending import json_as_bytes
from tests.support.databases import database_like


@pytest.fixture(scope="module")
def log(server: EmbeddedPostgres, template_with_toys: str) -> Iterator[psycopg.Connection]:
    """A connection, shared by a module's examples, to a database of items and toys; each example has its own stream."""
    with database_like(server, template_with_toys) as conninfo, psycopg.connect(conninfo, autocommit=True) as opened:
        json_as_bytes(opened)
        yield opened
