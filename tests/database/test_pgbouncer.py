"""Behind PgBouncer: in transaction mode, announced, everything works and nothing is left behind; unannounced, a service
refuses to start and says what to set."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.pool import Database
from app.errors import Unavailable
from tests.support.cli_process import catalog
from tests.support.databases import database_like
from tests.support.operator_commands import fetch_value, is_caught_up
from tests.support.patience import patient_settings, until, until_equal
from tests.support.pgbouncer_process import PgBouncer, needs_pgbouncer, pgbouncer, service_role
from tests.support.ready_made import NewFolder
from tests.support.replication import primary_and_replica
from tests.support.sample_items import an_item, created, present
from tests.support.service_process import Restartable, running_service

pytestmark = needs_pgbouncer

ANNOUNCED = {"CATALOG_POOLER": "transaction"}
SESSION_LOCKS = """
select count(*)
from pg_locks
where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
def pooled(conninfo: str, tmp_path: Path) -> Iterator[PgBouncer]:
    """A pooler in transaction mode before this test's own database."""
    with service_role(conninfo) as server, pgbouncer(server, tmp_path) as pooler:
        yield pooler


def behind(pooler: PgBouncer, conninfo: str) -> dict[str, str]:
    """The settings of a service that is told of its pooler."""
    return {**ANNOUNCED, "DATABASE_URL": pooler.conninfo, "DATABASE_DIRECT_URL": conninfo}


def test_requests_and_the_background_work_behind_a_pooler_in_transaction_mode(pooled: PgBouncer, conninfo: str) -> None:
    with (
        running_service(behind(pooled, conninfo)) as (url, _),
        running_service(behind(pooled, conninfo)) as (another, _),
        httpx.Client(base_url=f"{url}/api/v2") as api,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        with ThreadPoolExecutor(8) as many:
            statuses = set(many.map(lambda n: _one_life(url if n % 2 else another, n), range(40)))
        assert statuses == {201, 200, 204, 412}
        rows = b"".join(json.dumps(an_item(name=f"Chair {n}")).encode() + b"\n" for n in range(20))
        imported = api.post("/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"})
        assert imported.status_code == 200, imported.text
        until(lambda: is_caught_up(connection), "no leader caught up")
        assert api.get("/stats").json()["total_items"] == 60
        assert len(api.get("/items", params={"search": "chair"}).json()) == 20
        assert api.post("/items/1/rebuild").json()["changed"] is False
        for name in ("items", "owners"):
            assert api.post(f"/projections/{name}/rebuild").status_code == 202
        until(lambda: "rebuild" in str(fetch_value(connection, LAST_REBUILDS)), "they were not rebuilt")
        verified = api.post("/projections/items/verify", headers={"Accept": "application/json"}).json()
        assert (verified["checked"], verified["differing"]) == (60, [])


LAST_REBUILDS = """
select case when count(*) = 2 then 'rebuild' end
from catalog.projections
where last_rebuild ->> 'error' is null
    and last_rebuild is not null
"""


def _one_life(url: str, number: int) -> int:
    """The first status that is not as it should be, or one of those that are."""
    with httpx.Client(base_url=f"{url}/api/v2") as api:
        posted = api.post("/items", json=an_item(owner_id=f"owner-{number}"), headers={"Idempotency-Key": str(number)})
        if posted.status_code != 201:
            return posted.status_code
        item, then = f"/items/{posted.json()['id']}", posted.json()["created_at"]
        right = [
            (api.put(item, json={"name": "Rake"}), 200),
            (api.put(item, json={"name": "x"}, headers={"If-Match": '"1"'}), 412),
            (api.get(item), 200),
            (api.get(f"{item}/time-travel", params={"timestamp": then}), 200),
            (api.get("/items", params={"as_of": then, "near": "52,13", "within_km": "100"}), 200),
            (api.get("/items", params={"search": "rake", "limit": 2}), 200),
            (api.get("/events"), 200),
            (api.get(f"/items/owner/owner-{number}"), 200),
            (api.delete(item), 204),
        ]
        wrong = [answer.status_code for answer, status in right if answer.status_code != status]
        return wrong[0] if wrong else right[number % len(right)][1] if number else 201


def test_nothing_of_a_service_stays_on_the_connections_of_its_pooler(pooled: PgBouncer, conninfo: str) -> None:
    with running_service(behind(pooled, conninfo)) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
        created(api)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        until_equal(lambda: fetch_value(connection, SESSION_LOCKS), 0, "locks are held that nobody can give back")
    with psycopg.connect(pooled.conninfo, autocommit=True, prepare_threshold=None) as another:
        assert fetch_value(another, "show timezone") == "Asia/Kathmandu"
        assert fetch_value(another, "show statement_timeout") == "0"
        assert fetch_value(another, "select count(*) from pg_prepared_statements") == 0


@pytest.mark.parametrize("arguments", [["serve", "--port", "0"], ["project"], ["lag"], ["rebuild", "items"]])
def test_a_pooler_in_transaction_mode_that_is_not_announced_is_refused(pooled: PgBouncer, arguments: list[str]) -> None:
    refused = catalog(*arguments, DATABASE_URL=pooled.conninfo)
    assert refused.returncode == 1
    which, sentence = refused.stderr.strip().splitlines()
    assert which.startswith("Database: ")
    assert "CATALOG_POOLER=transaction" in sentence
    assert "DATABASE_DIRECT_URL" in sentence


def test_a_wrong_way_past_a_pooler_is_refused_at_the_start(
    server: EmbeddedPostgres, template: str, pooled: PgBouncer, conninfo: str, tmp_path: Path
) -> None:
    def said(**settings: str) -> str:
        refused = catalog("serve", "--port", "0", **settings)
        assert refused.returncode == 1, refused.stderr
        return refused.stderr

    assert "CATALOG_POOLER=transaction needs DATABASE_DIRECT_URL" in said(**ANNOUNCED, DATABASE_URL=pooled.conninfo)
    again = {**ANNOUNCED, "DATABASE_URL": pooled.conninfo, "DATABASE_DIRECT_URL": pooled.conninfo}
    assert "DATABASE_DIRECT_URL leads through a pooler in transaction mode" in said(**again)
    unannounced = {"DATABASE_URL": pooled.conninfo, "DATABASE_DIRECT_URL": conninfo}
    assert "DATABASE_URL leads through a pooler in transaction mode: set CATALOG_POOLER" in said(**unannounced)
    with database_like(server, template) as another:
        assert "lead to two databases" in said(**behind(pooled, another))
    with pgbouncer(conninfo, tmp_path, mode="statement") as statements:
        assert "set its pool_mode to transaction" in said(**behind(statements, conninfo))
    assert "DATABASE_DIRECT_URL and CATALOG_POOLER need DATABASE_URL" in said(**ANNOUNCED)


def test_a_pooler_in_session_mode_needs_no_word(conninfo: str, tmp_path: Path) -> None:
    with (
        service_role(conninfo) as server,
        pgbouncer(server, tmp_path, mode="session", size=20) as pooler,
        running_service({"DATABASE_URL": pooler.conninfo, "PGOPTIONS": ""}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as api,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        item = created(api)
        assert present(api, item["id"]) == item
        until(lambda: is_caught_up(connection), "no leader caught up")


def test_commands_of_the_console_go_past_the_pooler(pooled: PgBouncer, conninfo: str, tmp_path: Path) -> None:
    settings = behind(pooled, conninfo)
    file = tmp_path / "items.ndjson"
    file.write_text("".join(json.dumps(an_item(name=f"Chair {n}")) + "\n" for n in range(5)))
    for arguments in (
        ["import", str(file)],
        ["rebuild", "items"],
        ["verify"],
        ["backup", str(tmp_path / "backup")],
        ["forget", "alice", "--yes"],
        ["migrate"],
    ):
        done = catalog(*arguments, **settings)
        assert done.returncode == 0, (arguments, done.stderr)


def test_a_pooler_that_is_killed_under_load_costs_answers_but_no_command(pooled: PgBouncer, conninfo: str) -> None:
    with Restartable(behind(pooled, conninfo)) as service:

        def until_answered(key: str) -> None:
            """As a client does it: with its key, again and again."""
            with httpx.Client(base_url=f"{service.url}/api/v2") as api:
                while True:
                    answer = api.post("/items", json=an_item(), headers={"Idempotency-Key": key})
                    if answer.status_code == 201:
                        return
                    assert answer.status_code == 503, answer.text

        over = Event()

        def work(worker: int) -> int:
            """How many commands it has carried out until all is over. Some wait until the pooler is back."""
            done = 0
            while not over.is_set():
                until_answered(f"{worker}-{done}")
                done += 1
            return done

        with ThreadPoolExecutor(8) as many:
            working = [many.submit(work, worker) for worker in range(8)]
            try:
                until(lambda: httpx.get(f"{service.url}/api/v2/items").json() != [], "no command was carried out")
                pooled.kill()
                until_equal(lambda: httpx.get(f"{service.url}/health").status_code, 503, "nobody saw that it was gone")
                pooled.start()
            finally:
                over.set()
            done = sum(each.result() for each in working)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        assert fetch_value(connection, "select count(*) from catalog.streams") == done


def test_a_page_that_does_not_wait_for_an_append_any_longer_is_answered(pooled: PgBouncer, conninfo: str) -> None:
    """To give up waiting must not cost the connection, on which the page is read next."""
    with (
        running_service(behind(pooled, conninfo)) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as api,
        psycopg.connect(conninfo) as appending,
    ):
        created(api)
        created(api)
        appending.execute("select pg_advisory_xact_lock_shared(catalog.append_gate())")
        with ThreadPoolExecutor(4) as many:
            statuses = set(many.map(lambda _: api.get("/items", params={"limit": 1}).status_code, range(60)))
    assert statuses == {200}


def test_a_replica_is_read_behind_a_pooler(new_server_folder: NewFolder, tmp_path: Path) -> None:
    with primary_and_replica(tmp_path, new_server_folder) as pair:
        primary, replica = pair.primary.conninfo, pair.replica.conninfo
        with pgbouncer(primary, tmp_path) as before_primary, pgbouncer(replica, tmp_path) as before_replica:
            settings = {**behind(before_primary, primary), "DATABASE_REPLICA_URL": before_replica.conninfo}
            unannounced = {"DATABASE_URL": primary, "DATABASE_REPLICA_URL": before_replica.conninfo}
            refused = catalog("serve", "--port", "0", **unannounced)
            assert "DATABASE_REPLICA_URL leads through a pooler" in refused.stderr
            with running_service(settings) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
                item = created(api)
                pair.until_replayed()
                until_equal(lambda: httpx.get(f"{url}/health").json()["replica"], "ok", "the replica is not read from")
                before = _read_on_replica(url)
                for _ in range(8):
                    assert present(api, item["id"]) == item
                assert _read_on_replica(url) - before == 8


def _read_on_replica(url: str) -> float:
    page = httpx.get(f"{url}/metrics").text
    (line,) = [line for line in page.splitlines() if "reads" in line and 'server="replica"' in line]
    return float(line.rpartition(" ")[2])


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_statement_has_a_limit_of_its_own(
    pooled: PgBouncer, conninfo: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.postgres.pool.SERVER_CANCELS_WITHIN_SECONDS", 30)
    given = pooled.conninfo if mode == "transaction" else conninfo
    pooler = {"pooler": "transaction"} if mode == "transaction" else {}
    settings = patient_settings(**pooler, pool_size=1, statement_timeout_seconds=8.0)

    async def run() -> None:
        async with Database(given, settings.pool) as database:
            with pytest.raises(Unavailable, match="took too long"):
                async with database.connection(statement_timeout_seconds=0.05) as connection:
                    await connection.execute("select pg_sleep(600)")
            async with database.connection() as connection:
                limits = [await _limit(connection)]
                async with connection.transaction():
                    limits.append(await _limit(connection))
            async with database.connection(statement_timeout_seconds=3) as connection, connection.transaction():
                limits += [await _limit(connection), await _limit(connection)]
        assert limits == ["8s", "8s", "3s", "3s"]

    asyncio.run(run())


async def _limit(connection: psycopg.AsyncConnection) -> str:
    row = await (await connection.execute("show statement_timeout")).fetchone()
    assert row is not None
    return str(row[0])


def test_options_in_the_url_must_be_ignored_by_the_pooler(conninfo: str, tmp_path: Path) -> None:
    with pgbouncer(conninfo, tmp_path, further="ignore_startup_parameters = options") as pooler:
        with_options = make_conninfo(pooler.conninfo, options="-c datestyle=German")
        with (
            running_service({**behind(pooler, conninfo), "DATABASE_URL": with_options}) as (url, _),
            httpx.Client(base_url=f"{url}/api/v2") as api,
        ):
            created(api)
