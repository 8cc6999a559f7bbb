"""What `catalog serve` says in production of a database that can be served and is not as it should be."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from app.engine.postgres.connections import as_service_role
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.migrations import check_durable, may_change_events
from app.errors import SetupError
from app.main import install
from tests.support.databases import binaries_under_test
from tests.support.operator_commands import fetch_value
from tests.support.patience import until_equal
from tests.support.service_process import free_port, wait_until_healthy

PRODUCTION = {"CATALOG_ENV": "production", "CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": "s" * 32}
WARNING = "DATABASE_URL names a role that may change events: give it one that is in catalog_service"


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that keeps what it acknowledges, with the catalog."""
    folder = tmp_path_factory.mktemp("durable") / "data"
    with EmbeddedPostgres(folder, binaries=binaries_under_test()) as server:
        install(server.conninfo)
        yield server


@pytest.mark.parametrize("is_owner", [True, False])
def test_a_role_that_may_change_events_is_served_with_a_warning(durable: EmbeddedPostgres, is_owner: bool) -> None:
    conninfo = durable.conninfo if is_owner else as_service_role(durable.conninfo)
    assert may_change_events(conninfo) is is_owner
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": conninfo, **PRODUCTION}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
        _, written = process.communicate()
    assert (WARNING in written) is is_owner


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_acknowledged_is_named(durable: EmbeddedPostgres, setting: str) -> None:
    check_durable(durable.conninfo)
    with psycopg.connect(durable.conninfo, autocommit=True) as connection:
        connection.execute(f"alter system set {setting} = off".encode())
        connection.execute("select pg_reload_conf()")
        try:
            until_equal(lambda: _shown(durable.conninfo, setting), "off", "the server does not take it")
            with pytest.raises(SetupError, match=f"{setting}=off: it may lose data"):
                check_durable(durable.conninfo)
        finally:
            connection.execute(f"alter system reset {setting}".encode())
            connection.execute("select pg_reload_conf()")
    until_equal(lambda: _shown(durable.conninfo, setting), "on", "the server does not take it back")


def _shown(conninfo: str, setting: str) -> object:
    with psycopg.connect(conninfo) as another:
        return fetch_value(another, "select current_setting(%s)", setting)
