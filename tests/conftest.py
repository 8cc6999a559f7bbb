"""One real Postgres server and one template database per run; a fresh database per test that asks; a real service.

`CATALOG_TEST_PG` chooses the server: 18, the embedded one, or the major version of an installed one. It runs in another
time zone than ours, so that an instant converted by accident is seen.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from functools import cache

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.cli_process import end_caller
from tests.support.databases import binaries_under_test, database_like
from tests.support.leftovers import RUN, commands_of_run, commands_within
from tests.support.ready_made import NewFolder, ready_made
from tests.support.service_process import running_service
from tests.support.slow_files import place

# One profile for all: no example has a deadline, since a machine may be busy. CI reports a failure as it was found; the
# printed line reproduces it, and shrinking it is for whoever looks into it.
settings.register_profile(
    "tests",
    settings.get_profile("default"),
    deadline=None,
    print_blob=True,
    derandomize=False,
    phases=[phase for phase in Phase if phase is not Phase.shrink] if os.environ.get("CI") else [*Phase],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder for this run alone: in pytest's, which all runs of a user share, a second run deletes the first's.

    A worker's folder lies within its run's.
    """
    if config.option.basetemp is None:
        folder = config.option.basetemp = tempfile.mkdtemp(prefix="catalog-tests-")
        os.environ[RUN] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the slowest files."""
    if hasattr(config, "workerinput"):
        items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """When all workers have ended, whatever one has left running is ended, and the run has failed."""
    if getattr(session.config.option, "numprocesses", None) and not hasattr(session.config, "workerinput"):
        for pid, command in commands_of_run(session.config.option.basetemp):
            print(f"left running by a worker: {pid} {command}")
            os.kill(pid, signal.SIGKILL)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def certificates_are_read_once() -> Iterator[None]:
    """Otherwise httpx reads all of the system's for each client, which takes longer than most requests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the very end, no process of the run's or worker's folder is alive: no server, no service."""
    yield
    end_caller()
    assert commands_within(tmp_path_factory.getbasetemp()) == []


@pytest.fixture(scope="session")
def new_folder(nothing_is_left_running: None, tmp_path_factory: pytest.TempPathFactory) -> NewFolder:
    """Makes a data folder of the embedded server, as `catalog migrate` leaves it, where there is none."""
    return ready_made(tmp_path_factory, None)


@pytest.fixture(scope="session")
def new_server_folder(nothing_is_left_running: None, tmp_path_factory: pytest.TempPathFactory) -> NewFolder:
    """The same of the server under test."""
    return ready_made(tmp_path_factory, binaries_under_test())


@pytest.fixture(scope="session")
def server(new_server_folder: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The run's server. Without fsync, since nothing here pulls the plug; crash tests start servers of their own."""
    settings = {"fsync": "off", "timezone": "Asia/Kathmandu", "max_connections": "200"}
    folder = new_server_folder(tmp_path_factory.mktemp("postgres") / "data")
    with EmbeddedPostgres(folder, binaries=binaries_under_test(), settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> str:
    """The name of a database that has been migrated and is never written to."""
    return "template_catalog"


@pytest.fixture(scope="session")
def template_with_toys(server: EmbeddedPostgres) -> str:
    """The name of a database that holds the items and a second aggregate, the toys."""
    return "template_toys"


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
