"""A database with two aggregates, items and toys: the laws hold for any aggregate."""

from collections.abc import Iterator

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.appending import json_as_bytes
from tests.support.databases import database_like


@pytest.fixture(scope="module")
def log(server: EmbeddedPostgres, template_with_toys: str) -> Iterator[psycopg.Connection]:
    """A connection to a database of items and toys. A module's examples share it; each example has its own stream."""
    with database_like(server, template_with_toys) as conninfo, psycopg.connect(conninfo, autocommit=True) as opened:
        json_as_bytes(opened)
        yield opened
