"""What `/health`, `/projections`, `/metrics` and `catalog lag` say of the background, by one rule."""

import json
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from app.engine.background.projection_status import BEHIND_AFTER_SECONDS, BackgroundLag
from tests.support.cli_process import catalog
from tests.support.metrics_page import metric_value
from tests.support.operator_commands import settle_now
from tests.support.patience import until
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

SIX_MINUTES = 360


@pytest.fixture
def alone(conninfo: str) -> Iterator[httpx.Client]:
    """A service without a projector: nobody leads."""
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def set_back(connection: psycopg.Connection, seconds: int) -> None:
    """Make everything so old, which only who is above the log can do."""
    with connection.transaction():
        connection.execute("alter table catalog.log disable trigger all")
        for table in ("log", "streams"):
            connection.execute(
                f"update catalog.{table} set recorded_at = recorded_at - %s * interval '1 s'", (seconds,)
            )


def told(client: httpx.Client, conninfo: str) -> set[tuple[str, float]]:
    """What each of them says: the state, and how many whole minutes it is behind."""
    health = client.get("/health/ready")
    assert health.status_code == 200, "it is ready all the same"
    projections = client.get("/api/v2/projections").json()
    lag = catalog("lag", "--json", DATABASE_URL=conninfo)
    states = [health.json(), projections, json.loads(lag.stdout)]
    said = {(each["background"], each["background_seconds"] // 60) for each in states}
    assert lag.returncode == (states[-1]["background"] == "behind")
    return said | {
        (
            "behind" if metric_value(client, "background_behind") else "ok",
            metric_value(client, "background_lag_seconds") // 60,
        )
    }


def test_a_request_as_of_an_instant_settles_and_hides_nothing(
    alone: httpx.Client, connection: psycopg.Connection
) -> None:
    """It moves the mark to now; what nobody has applied goes on getting older."""
    conninfo = connection.info.dsn
    assert told(alone, conninfo) == {("ok", 0)}
    alone.post("/api/v2/items", json=an_item())
    set_back(connection, SIX_MINUTES)
    assert told(alone, conninfo) == {("behind", 6)}
    now = connection.execute("select catalog.rfc3339(clock_timestamp())").fetchone()
    assert now is not None
    assert alone.get(f"/api/v2/items/1?as_of={now[0]}").headers["X-Settled"] == "true"
    assert (metric_value(alone, "log_settled_position"), metric_value(alone, "log_head_position")) == (1, 1)
    assert told(alone, conninfo) == {("behind", 6)}
    before = [metric_value(alone, name) for name in AGES]
    assert min(before) > SIX_MINUTES
    until(
        lambda: all(metric_value(alone, name) > age + 0.05 for name, age in zip(AGES, before, strict=True)),
        "the ages did not go on growing",
    )
    settle_now(connection)
    assert told(alone, conninfo) == {("ok", 0)}
    assert [metric_value(alone, name) for name in AGES] == [0, 0, 0]


AGES = ("log_unsettled_seconds", "background_lag_seconds", "read_model_lag_seconds")


def test_a_quiet_log_is_healthy_however_long_ago_its_last_event_was(
    alone: httpx.Client, connection: psycopg.Connection
) -> None:
    alone.post("/api/v2/items", json=an_item())
    settle_now(connection)
    set_back(connection, SIX_MINUTES)
    connection.execute("update catalog.projections set changed_at = changed_at - interval '1 day'")
    assert told(alone, connection.info.dsn) == {("ok", 0)}


@pytest.mark.parametrize("state", ["stopped", "outdated"])
def test_a_projection_that_does_not_run_is_behind_and_the_leader_is_not(
    alone: httpx.Client, connection: psycopg.Connection, state: str
) -> None:
    alone.post("/api/v2/items", json=an_item())
    connection.execute("update catalog.projections set state = %s where name = 'owners'", (state,))
    settle_now(connection)
    assert told(alone, connection.info.dsn) == {("behind", 0)}
    set_back(connection, SIX_MINUTES)
    assert told(alone, connection.info.dsn) == {("behind", 6)}
    assert metric_value(alone, "log_unsettled_seconds") == 0, "categories has it"
    assert metric_value(alone, f"read_model_{state}") == 1


def test_while_an_append_keeps_the_mark_the_background_is_behind(
    alone: httpx.Client, connection: psycopg.Connection
) -> None:
    """As during a large import: what others have stored meanwhile is not applied."""
    alone.post("/api/v2/items", json=an_item())
    settle_now(connection)
    with psycopg.connect(connection.info.dsn) as importing:
        importing.execute("select pg_advisory_xact_lock_shared(catalog.append_gate())")
        assert told(alone, connection.info.dsn) == {("ok", 0)}
        alone.post("/api/v2/items", json=an_item())
        set_back(connection, SIX_MINUTES)
        assert told(alone, connection.info.dsn) == {("behind", 6)}


def test_a_projection_that_no_release_knows_any_more_counts_for_nothing(
    alone: httpx.Client, connection: psycopg.Connection
) -> None:
    alone.post("/api/v2/items", json=an_item())
    settle_now(connection)
    set_back(connection, SIX_MINUTES)
    connection.execute(
        "insert into catalog.projections (name, version, fingerprint, background) values ('gone', 1, 'old', true)"
    )
    assert told(alone, connection.info.dsn) == {("ok", 0)}
    assert 'projection="gone"' not in alone.get("/metrics").text


PATIENT_SECONDS = 600
PATIENT = (
    f"import app.engine.background.projection_status as s; s.BEHIND_AFTER_SECONDS = {PATIENT_SECONDS}; "
    "from app.cli.catalog import main; main()"
)


def test_up_to_its_limit_a_lag_is_nothing(conninfo: str, connection: psycopg.Connection) -> None:
    """The product's limit is ten seconds, in which a loaded machine may do nothing."""
    assert BEHIND_AFTER_SECONDS == 10
    with running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}, PATIENT) as (url, _):
        httpx.post(f"{url}/api/v2/items", json=an_item()).raise_for_status()
        set_back(connection, PATIENT_SECONDS - 120)
        assert httpx.get(f"{url}/health").json()["background"] == "ok"
        set_back(connection, 121)
        assert httpx.get(f"{url}/health").json()["background"] == "behind"


@pytest.mark.parametrize(("seconds", "state"), [(0.0, "ok"), (10.0, "ok"), (10.1, "behind")])
def test_the_background_is_behind_after_ten_seconds(seconds: float, state: str) -> None:
    assert BackgroundLag(seconds=seconds, unsettled_seconds=seconds, all_running=True).state == state
    assert BackgroundLag(seconds=seconds, unsettled_seconds=seconds, all_running=False).state == "behind"
