"""Data folders that one process of the run makes, and all others copy: `initdb` and a migration take seconds.

    catalog           as `catalog migrate` leaves a new folder
    template_catalog  the same database, never written to
    template_toys     a database of the items and a second aggregate, the toys

Tests about the making of a folder make their own.
"""

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import install
from app.schema import migrate, schema_of
from projections.items import Items
from tests.support.toy_aggregate import Sightings, Toys

NewFolder = Callable[[Path], Path]
"""Makes a data folder at a path that does not exist yet."""


def ready_made(temporary: pytest.TempPathFactory, binaries: Path | None) -> NewFolder:
    """Copies of the folder that these binaries made in this run. A copy keeps its owner."""
    base = temporary.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = run / f"ready-made-by-{binaries.parent.name if binaries else 'the-embedded'}"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder.with_suffix(".new"), binaries).rename(folder)

    def copied(to: Path) -> Path:
        subprocess.run(["cp", "-a", folder, to], check=True)
        return to

    return copied


def _make(folder: Path, binaries: Path | None) -> Path:
    with EmbeddedPostgres(folder, binaries=binaries, settings={"fsync": "off"}) as server:
        install(server.conninfo)
        with psycopg.connect(server.conninfo, dbname="postgres", autocommit=True) as connection:
            connection.execute("create database template_catalog template catalog")
            connection.execute("create database template_toys")
        migrate(make_conninfo(server.conninfo, dbname="template_toys"), schema_of([Items, Toys, Sightings]))
    return folder
