"""The laws hold for any aggregate: a database that holds the items and the toys."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.database import migrate, schema_file
from app.document_sql import compile_projections
from app.postgres import EmbeddedPostgres
from projections.items import Items
from tests.conftest import database_like
from tests.log import json_as_bytes
from tests.toys import Sightings, Toys


@pytest.fixture(scope="session")
def template_with_toys(server: EmbeddedPostgres) -> str:
    name = "template_toys"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    sql = schema_file() + compile_projections([Items, Toys, Sightings])
    migrate(make_conninfo(server.conninfo, dbname=name), sql)
    return name


@pytest.fixture(scope="module")
def log(server: EmbeddedPostgres, template_with_toys: str) -> Iterator[psycopg.Connection]:
    """A connection, shared by a module's examples, to a database of items and toys; each example has its own stream."""
    with database_like(server, template_with_toys) as conninfo, psycopg.connect(conninfo, autocommit=True) as opened:
        json_as_bytes(opened)
        yield opened
