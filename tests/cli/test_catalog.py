"""The console script, in processes of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import schema_sql
from tests.support.cli_process import DONE_WITHIN_SECONDS, clean_environment
from tests.support.databases import database_like
from tests.support.patience import until_equal
from tests.support.ready_made import NewFolder
from tests.support.sample_items import an_item
from tests.support.service_process import running_service


def catalog(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`catalog …` with only these settings."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_service_told_to_stop_exits_with_0_and_stops_its_database(
    new_folder: NewFolder, tmp_path: Path, told: signal.Signals
) -> None:
    data = new_folder(tmp_path / "data")
    with running_service({"CATALOG_DATA_DIR": str(data)}) as (_, process):
        assert (data / "cluster" / "postmaster.pid").exists()
        process.send_signal(told)
        assert process.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert not (data / "cluster" / "postmaster.pid").exists()


HANGS_UP = """
import os, signal
signal.signal(signal.SIGHUP, signal.{before})
os.dup2(os.open({said!r}, os.O_WRONLY | os.O_CREAT), 2)
from app.cli.catalog import main
main()
"""


def test_a_service_whose_terminal_goes_stops_in_order(new_folder: NewFolder, tmp_path: Path) -> None:
    data, said = new_folder(tmp_path / "data"), tmp_path / "said"
    program = HANGS_UP.format(before="SIG_DFL", said=str(said))
    with running_service({"CATALOG_DATA_DIR": str(data)}, program) as (_, process):
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert not (data / "cluster" / "postmaster.pid").exists()
    assert "Traceback" not in said.read_text()


def test_a_service_under_nohup_goes_on_ignoring_a_hang_up(new_folder: NewFolder, tmp_path: Path) -> None:
    data = new_folder(tmp_path / "data")
    program = HANGS_UP.format(before="SIG_IGN", said=str(tmp_path / "said"))
    with running_service({"CATALOG_DATA_DIR": str(data)}, program) as (_, process):
        (ignored,) = re.findall(r"^SigIgn:\s+(\w+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    assert int(ignored, 16) & 1 << (signal.SIGHUP - 1)


def test_what_one_service_stored_the_next_one_finds(tmp_path: Path) -> None:
    environment = {"CATALOG_DATA_DIR": str(tmp_path / "data")}
    with running_service(environment) as (url, _):
        created = httpx.post(f"{url}/api/v2/items", json=an_item()).json()
    with running_service(environment) as (url, _):
        assert httpx.get(f"{url}/api/v2/items/{created['id']}").json() == created


def test_while_serving_a_database_that_is_killed_is_started_again(new_folder: NewFolder, tmp_path: Path) -> None:
    data = new_folder(tmp_path / "data")
    with running_service({"CATALOG_DATA_DIR": str(data)}) as (url, process):
        item = httpx.post(f"{url}/api/v2/items", json=an_item()).json()
        os.kill(int((data / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        address = f"{url}/api/v2/items/{item['id']}"
        until_equal(lambda: httpx.get(address).status_code, 200, "it was not started again")
        assert httpx.post(f"{url}/api/v2/items", json=an_item()).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert not (data / "cluster" / "postmaster.pid").exists()


@pytest.fixture(scope="module")
def made(new_folder: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an embedded catalog that has been migrated, and nothing else."""
    return new_folder(tmp_path_factory.mktemp("made") / "data")


def test_psql_reaches_the_database_in_use(made: Path) -> None:
    ran = catalog("psql", "-Atc", "select 6 * 7", CATALOG_DATA_DIR=str(made))
    assert (ran.stdout, ran.returncode) == ("42\n", 0)


def test_psql_finds_the_views_without_a_prefix(made: Path) -> None:
    """Though the embedded database's user is named as the schema that holds the tables."""
    ran = catalog("psql", "-Atc", "select 'items'::regclass = 'public.items'::regclass", CATALOG_DATA_DIR=str(made))
    assert ran.stdout == "t\n"


def test_psql_answers_with_psqls_own_exit_code(made: Path) -> None:
    ran = catalog("psql", "-c", "select nonsense", CATALOG_DATA_DIR=str(made))
    assert ran.returncode == 1
    assert 'column "nonsense" does not exist' in ran.stderr


def test_schema_prints_what_migrate_installs(server: EmbeddedPostgres, template: str) -> None:
    assert catalog("schema").stdout == schema_sql()


def test_migrate_installs_once_and_check_tells(server: EmbeddedPostgres) -> None:
    with database_like(server, "template0") as conninfo:
        before = catalog("migrate", "--check", DATABASE_URL=conninfo)
        assert before.returncode == 1
        assert "the database has no catalog yet: run `catalog migrate`" in before.stderr
        refused = catalog("serve", "--port", "0", DATABASE_URL=conninfo)
        assert refused.returncode == 1
        assert "the database has no catalog yet: run `catalog migrate`" in refused.stderr
        assert "The schema is installed." in catalog("migrate", DATABASE_URL=conninfo).stderr
        assert "The schema is current." in catalog("migrate", DATABASE_URL=conninfo).stderr
        assert catalog("migrate", "--check", DATABASE_URL=conninfo).returncode == 0
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("select count(*) from catalog.installed").fetchone() == (1,)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CATALOG_PORT": "no"}, "CATALOG_PORT='no' cannot be used"),
        ({"CATALOG_DATA_DIR": "/proc/nowhere"}, "/proc/nowhere"),
        ({"CATALOG_DATA_DIR": "tests"}, "holds files that are not the catalog's"),
        ({"DATABASE_URL": "host=/nowhere dbname=x"}, "the database cannot be reached"),
        ({"DATABASE_URL": "nonsense"}, "the database cannot be reached"),
    ],
)
def test_what_cannot_be_started_is_said_in_a_sentence(environment: dict[str, str], sentence: str) -> None:
    ran = catalog("serve", **environment)
    assert ran.returncode == 1
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_port_that_is_taken_is_said(service: str, service_conninfo: str) -> None:
    ran = catalog("serve", "--port", service.rpartition(":")[2], DATABASE_URL=make_conninfo(service_conninfo))
    assert ran.returncode == 1
    assert "Address already in use" in ran.stderr
    assert "Swappo Catalog on" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_ctrl_c_in_psql_cancels_the_query_and_not_the_database(tmp_path: Path, made: Path) -> None:
    """Sent to the whole group, as a terminal does."""
    script = tmp_path / "slow.sql"
    script.write_text("select pg_sleep(600);\n")
    command = [sys.executable, "-m", "app.cli", "psql", "-At", "-f", str(script)]
    environment = {**os.environ, "CATALOG_DATA_DIR": str(made)}
    environment.pop("DATABASE_URL", None)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as psql:
        embedded = EmbeddedPostgres(made)
        sleeping = "select count(*) from pg_stat_activity where query like 'select pg_sleep(600)%'"
        with embedded, psycopg.connect(embedded.conninfo, autocommit=True) as connection:
            until_equal(
                lambda: (connection.execute(sleeping).fetchone(), psql.poll()), ((1,), None), "psql does not ask"
            )
        os.killpg(psql.pid, signal.SIGINT)
        _, err = psql.communicate(timeout=DONE_WITHIN_SECONDS)
    assert "canceling statement due to user request" in err
    assert "server closed" not in err
    assert not (made / "cluster" / "postmaster.pid").exists()
