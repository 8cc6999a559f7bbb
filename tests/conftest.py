"""One real Postgres server and one template database per run; a fresh database per test that asks; a real service.

`CATALOG_TEST_PG` chooses the server: 18, the embedded one, or the major version of an installed one. It runs in another
time zone than ours, so that an instant converted by accident is seen.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.engine.compiler.schema import schema_of
from app.engine.postgres.connections import as_service
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.migrations import migrate
from app.main import install
from projections.items import Items
from tests.calls import Call, inherited
from tests.toys import Sightings, Toys

EMBEDDED_MAJOR = "18"
STARTS_WITHIN_SECONDS = 30
numbers = itertools.count(1)
Process = Call | subprocess.Popen[bytes]
"""A service's."""


def binaries_under_test() -> Path | None:
    """The server binaries that CATALOG_TEST_PG names; None for the embedded ones."""
    major = os.environ.get("CATALOG_TEST_PG", EMBEDDED_MAJOR)
    return None if major == EMBEDDED_MAJOR else Path(f"/usr/lib/postgresql/{major}/bin")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder for this run alone: in pytest's, which all runs of a user share, a second run deletes the first's."""
    if config.option.basetemp is None:
        folder = config.option.basetemp = tempfile.mkdtemp(prefix="catalog-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the very end, no process of the run's folders is alive: no server, no service."""
    folder = os.fsencode(tmp_path_factory.getbasetemp())
    yield
    left = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if folder in command.read_bytes():
                left.append(command.read_bytes().replace(b"\0", b" ").decode())
    assert left == []


@pytest.fixture(scope="session")
def server(nothing_is_left_running: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The run's server. Without fsync, since nothing here pulls the plug; crash tests start servers of their own."""
    settings = {"fsync": "off", "timezone": "Asia/Kathmandu", "max_connections": "200"}
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with EmbeddedPostgres(folder, binaries=binaries_under_test(), settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> str:
    """The name of a database that has been migrated and is never written to."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("create database template_catalog")
    install(make_conninfo(server.conninfo, dbname="template_catalog"))
    return "template_catalog"


@pytest.fixture(scope="session")
def template_with_toys(server: EmbeddedPostgres) -> str:
    """The name of a database that holds the items and a second aggregate, the toys."""
    name = "template_toys"
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    sql = schema_of([Items, Toys, Sightings])
    migrate(make_conninfo(server.conninfo, dbname=name), sql)
    return name


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


@pytest.fixture
def conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A fresh database of this test's own."""
    with database_like(server, template) as given:
        yield given


@pytest.fixture(scope="module")
def module_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A database that the tests of one module share."""
    with database_like(server, template) as given:
        yield given


@pytest.fixture
def connection(conninfo: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit to this test's own database."""
    with psycopg.connect(conninfo, autocommit=True) as opened:
        yield opened


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def with_a_services_rights(environment: dict[str, str]) -> dict[str, str]:
    """The same, with a database given as the service is to use it; unless it is given with options."""
    url = environment.get("DATABASE_URL")
    if not url or "options" in conninfo_to_dict(url):
        return environment
    return {**environment, "DATABASE_URL": as_service(url)}


@contextmanager
def running_service(environment: dict[str, str], program: str = "") -> Iterator[tuple[str, Process]]:
    """`catalog serve`, or a program that ends in it, in a process of its own: its address, and the process, which is
    ended at the end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments, given = ["serve", "--port", str(port)], {**inherited(), **with_a_services_rights(environment)}
    process: Process = (
        subprocess.Popen([sys.executable, "-c", program, *arguments], env=given) if program else Call(arguments, given)
    )
    try:
        wait_until_healthy(url, process)
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=STARTS_WITHIN_SECONDS)


class Restartable:
    """A service that can be stopped and started again at the same address, and a client of it; `with` it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = {**inherited(), **with_a_services_rights(environment)}
        self._port = free_port()
        self._process: Call | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.client = httpx.Client(base_url=f"{self.url}/api/v2", timeout=30)

    def ensure_running(self) -> None:
        if self._process is None:
            self._process = Call(["serve", "--port", str(self._port)], self._environment)
            wait_until_healthy(self.url, self._process)

    def end(self, told: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(told)
            self._process.wait(timeout=STARTS_WITHIN_SECONDS)
            self._process = None

    def restart(self, told: signal.Signals) -> None:
        self.end(told)
        self.ensure_running()

    def __enter__(self) -> "Restartable":
        self.ensure_running()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.end()


def wait_until_healthy(url: str, process: Process | subprocess.Popen[str]) -> None:
    """By one client, without certificates: to read those takes longer than a start."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    with httpx.Client(verify=False, timeout=5) as client:
        while time.monotonic() < deadline:
            assert process.poll() is None, "the service ended while starting; its last words are above"
            try:
                if client.get(f"{url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
    raise AssertionError("the service did not become healthy")


@pytest.fixture(scope="session")
def service_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The database of the run's shared service."""
    with database_like(server, template) as given:
        yield given


@pytest.fixture(scope="session")
def service(service_conninfo: str) -> Iterator[str]:
    """The address of a real service, shared by all tests; its items are told apart by owner and category."""
    with running_service({"DATABASE_URL": service_conninfo}) as (url, _):
        yield url


@pytest.fixture(scope="session")
def api(service: str) -> Iterator[httpx.Client]:
    """A client of the shared service; paths are below /api/v2."""
    with httpx.Client(base_url=f"{service}/api/v2", timeout=30) as client:
        yield client
