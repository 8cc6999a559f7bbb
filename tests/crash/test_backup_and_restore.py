"""A backup restored into a new server is the same catalog: same past, same documents, and it takes new commands."""

import re
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.backup import find_program
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError
from app.main import PROJECTIONS, install
from tests.support.cli_process import catalog
from tests.support.databases import binaries_under_test
from tests.support.retrying_clients import Clients, writing
from tests.support.service_process import running_service


def test_a_restored_backup_is_verified_and_goes_on(tmp_path: Path) -> None:
    """The backup is made under load and holds every command acknowledged before it began."""
    dump = tmp_path / "catalog.dump"
    with (
        EmbeddedPostgres(tmp_path / "data", binaries=binaries_under_test()) as server,
        EmbeddedPostgres(tmp_path / "other", binaries=binaries_under_test()) as other,
    ):
        install(server.conninfo)
        with running_service({"DATABASE_URL": server.conninfo}) as (url, _), writing(url) as clients:
            before = told(clients)
            backup = catalog("backup", str(dump), DATABASE_URL=server.conninfo)
            assert backup.returncode == 0, backup.stderr
        assert dump.stat().st_mode & 0o777 == 0o600
        restored = catalog("restore", str(dump), DATABASE_URL=other.conninfo)
        assert restored.returncode == 0, restored.stderr
        held = re.compile("[0-9,]+ events up to position [0-9]+")
        assert held.findall(restored.stderr) == held.findall(backup.stderr) != []
        again = catalog("restore", str(dump), DATABASE_URL=other.conninfo)
        assert (again.returncode, "not empty" in again.stderr) == (1, True)
        with running_service({"DATABASE_URL": other.conninfo}) as (url, _):
            with httpx.Client(base_url=f"{url}/api/v2", timeout=60) as api:
                for item_id, names in before.items():
                    at_last = api.get(f"/items/{item_id}/versions/{len(names)}")
                    assert at_last.status_code == 200, at_last.text
                    assert at_last.json()["name"] == names[-1]
                for projection in (each.name for each in PROJECTIONS):
                    verified = api.post(f"/projections/{projection}/verify").json()
                    assert verified["checked"] > 0
                    assert verified["differing_count"] == 0
            with writing(url):
                pass


def told(clients: Clients) -> dict[int, list[str]]:
    """The names of each item's acknowledged versions so far; a client may still wait for its first response."""
    return {story.item_id: list(story.names) for story in clients.stories if story.names}


def test_a_backup_that_fails_leaves_the_one_before_and_nothing_else(conninfo: str, tmp_path: Path) -> None:
    """pg_dump fails if it may not read a table; it leaves nothing out."""
    dump = tmp_path / "catalog.dump"
    assert catalog("backup", str(dump), DATABASE_URL=conninfo).returncode == 0
    before = dump.read_bytes()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create role sees_little login; grant usage on schema catalog to sees_little")
        connection.execute("grant select on catalog.events, catalog.installed to sees_little")
        try:
            failed = catalog("backup", str(dump), DATABASE_URL=make_conninfo(conninfo, user="sees_little"))
        finally:
            connection.execute("drop owned by sees_little; drop role sees_little")
    assert (failed.returncode, "pg_dump failed" in failed.stderr) == (1, True)
    assert dump.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.dump"]
    nowhere = catalog("backup", str(tmp_path / "nowhere" / "catalog.dump"), DATABASE_URL=conninfo)
    assert (nowhere.returncode, "cannot be written" in nowhere.stderr) == (1, True)


def test_a_server_newer_than_all_programs_is_refused_in_one_sentence() -> None:
    with pytest.raises(SetupError, match="PostgreSQL 99: put pg_dump of that version or a newer one on the PATH"):
        find_program("pg_dump", 99)
