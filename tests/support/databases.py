"""Create a database for one test, and find the server binaries under test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres

EMBEDDED_MAJOR = "18"

numbers = itertools.count(1)


def binaries_under_test() -> Path | None:
    """The server binaries that CATALOG_TEST_PG names; None for the embedded ones."""
    major = os.environ.get("CATALOG_TEST_PG", EMBEDDED_MAJOR)
    return None if major == EMBEDDED_MAJOR else Path(f"/usr/lib/postgresql/{major}/bin")


@contextmanager
def database_like(server: EmbeddedPostgres, template_name: str) -> Iterator[str]:
    """The conninfo of a new database, a copy of the template, dropped at the end."""
    name = f"test_{next(numbers)}"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template_name}")
    try:
        yield make_conninfo(server.conninfo, dbname=name)
    finally:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")
