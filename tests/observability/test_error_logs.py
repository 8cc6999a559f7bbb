"""What a service writes of its own mistakes holds no row, no path and no parameter, as text and as JSON."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.cli_process import clean_environment
from tests.support.sample_items import an_item
from tests.support.service_process import free_port, wait_until_healthy, with_a_services_rights

SECRET, SOMEBODY, SOUGHT = "geheimnis", "somebody-private", "what-was-sought"


@contextmanager
def writing_to(file: Path, conninfo: str, log: str) -> Iterator[httpx.Client]:
    """A client of a service whose stdout and stderr are a file."""
    port = free_port()
    environment = with_a_services_rights({"DATABASE_URL": conninfo, "CATALOG_LOG": log})
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    with (
        file.open("w") as written,
        subprocess.Popen(
            command, env=clean_environment() | environment, stdout=written, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v2", timeout=30) as client:
                yield client
        finally:
            process.terminate()


@pytest.mark.parametrize("log", ["text", "json"])
def test_a_mistake_is_logged_without_the_row_that_the_database_quotes(
    connection: psycopg.Connection, tmp_path: Path, log: str
) -> None:
    """The database names the failing row, the document of the item included, in the second line of its message."""
    connection.execute("alter table catalog.items add constraint refused check (version <> 1)")
    with writing_to(tmp_path / "log", connection.info.dsn, log) as client:
        assert client.post("/items", json=an_item(name=SECRET)).status_code == 500
    written = (tmp_path / "log").read_text()
    assert "CheckViolation" in written
    assert "violates check constraint" in written
    assert SECRET not in written


@pytest.mark.parametrize("log", ["text", "json"])
def test_a_mistake_is_logged_by_its_route_and_not_by_its_address(
    connection: psycopg.Connection, tmp_path: Path, log: str
) -> None:
    connection.execute("alter table catalog.items rename to items_elsewhere")
    with writing_to(tmp_path / "log", connection.info.dsn, log) as client:
        assert client.get(f"/items/owner/{SOMEBODY}").status_code == 500
        assert client.get("/items", params={"search": SOUGHT}).status_code == 500
    written = (tmp_path / "log").read_text()
    assert "GET /api/v2/items/owner/{owner_id" in written
    assert "GET /api/v2/items failed" in written
    for private in (SOMEBODY, SOUGHT):
        assert private not in written
