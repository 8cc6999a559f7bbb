"""`/metrics`: as the official parser reads it, counted after the commit, by route template, also without a database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.operator_commands import settle_now
from tests.support.patience import until, until_equal
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service
from tests.support.sse_client import following

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def own(conninfo: str) -> Iterator[httpx.Client]:
    """A client of a service with a database of its own, which waits for a connection for longer than a test does."""
    environment = {"DATABASE_URL": conninfo, "CATALOG_POOL_TIMEOUT_SECONDS": "600"}
    with running_service(environment) as (url, _), httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def alone(conninfo: str) -> Iterator[httpx.Client]:
    """The same without a projector."""
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _), httpx.Client(base_url=url) as client:
        yield client


def scrape(client: httpx.Client) -> Samples:
    """Every sample, as Prometheus' own parser reads it."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples: Samples = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, "each sample comes once"
            samples[key] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def stored(client: httpx.Client) -> dict[str, float]:
    return {
        dict(labels)["event_type"]: n for (name, labels), n in scrape(client).items() if name == "events_stored_total"
    }


def test_events_are_counted_by_type_once_they_are_stored_and_only_then(own: httpx.Client) -> None:
    assert set(stored(own).values()) == {0}
    item = own.post("/api/v2/items", json=an_item()).json()
    path = f"/api/v2/items/{item['id']}"
    own.put(path, json={"name": "Spade", "status": "swapped"})
    own.put(path, json={"name": "Spade"})
    own.put(path, json={"name": "Old spade"}, headers={"If-Match": '"1"'})
    own.post("/api/v2/items", json={})
    own.delete(path)
    own.post(f"{path}/restore?version=3")
    own.post(f"{path}/restore?version=3")
    of_each = dict.fromkeys(("created", "updated", "status_changed", "deleted", "restored"), 1)
    assert stored(own) == {f"item_{happened}": count for happened, count in of_each.items()}


def test_the_events_of_an_import_are_counted_once_it_is_stored(own: httpx.Client) -> None:
    assert own.post("/api/v2/items/import", json=[an_item(), an_item(), {}]).status_code == 422
    assert stored(own)["item_created"] == 0
    assert own.post("/api/v2/items/import", json=[an_item(), an_item()]).status_code == 200
    assert stored(own)["item_created"] == 2


def test_replays_are_timed_by_kind(own: httpx.Client) -> None:
    item = own.post("/api/v2/items", json=an_item()).json()
    path = f"/api/v2/items/{item['id']}"
    own.get(f"{path}/time-travel", params={"timestamp": item["created_at"]})
    own.get(f"{path}/versions/1")
    own.post(f"{path}/rebuild")
    own.post("/api/v2/projections/items/verify")
    own.post("/api/v2/projections/items/rebuild")
    name = "event_replay_duration_seconds_count"
    until_equal(lambda: value(scrape(own), name, kind="rebuild"), 1, "the rebuild was not timed")
    samples = scrape(own)
    assert {kind: value(samples, name, kind=kind) for kind in ("item", "time_travel", "verify")} == {
        "item": 1, "time_travel": 2, "verify": 1
    }  # fmt: skip


def test_requests_are_counted_by_route_template_and_never_by_path(own: httpx.Client) -> None:
    for n in range(20):
        own.get(f"/api/v2/items/{n + 1}")
        own.get(f"/nothing/here/{n}")
        own.get(f"/api/v2/owners/nobody-{n}")
    own.get("/assets/swagger-ui.css")
    own.request("BREW", "/api/v2/items")
    samples = scrape(own)
    item = {"method": "GET", "route": "/api/v2/items/{item_id}"}
    assert value(samples, "http_requests_total", **item, status="404") == 20
    assert value(samples, "http_request_duration_seconds_count", **item) == 20
    assert value(samples, "http_requests_total", method="GET", route="(none)", status="404") == 20
    routes = {dict(labels)["route"] for (name, labels) in samples if name == "http_requests_total"}
    assert not any("nobody" in route or "here" in route or ".css" in route for route in routes), routes
    assert len(routes) < 8, routes


def test_lag_grows_while_nobody_projects_and_is_gone_when_somebody_does(alone: httpx.Client, conninfo: str) -> None:
    def lag(client: httpx.Client, what: str) -> float:
        return value(scrape(client), f"read_model_lag_{what}", projection="owners") or 0.0

    assert value(scrape(alone), "read_model_lag_seconds", projection="owners") == 0
    for _ in range(3):
        alone.post("/api/v2/items", json=an_item())
    assert lag(alone, "events") == 3
    before = lag(alone, "seconds")
    until(lambda: lag(alone, "seconds") > before + 0.1, "the lag did not grow")
    assert value(scrape(alone), "log_settled_position") == 0
    assert value(scrape(alone), "log_head_position") == 3
    assert (value(scrape(alone), "log_unsettled_seconds") or 0) > before, "of the first event, which still waits"
    assert value(scrape(alone), "projector_leads") == 0
    with running_service({"DATABASE_URL": conninfo}):
        until_equal(lambda: lag(alone, "events"), 0, "nobody projected")
        assert value(scrape(alone), "projector_leads") == 1, "whoever it is"
        assert lag(alone, "seconds") == 0
        assert value(scrape(alone), "log_unsettled_seconds") == 0
    alone.post("/api/v2/items", json=an_item())
    assert lag(alone, "events") == 1, "the leader is gone"


def test_a_stopped_projection_and_skipped_events_are_seen(own: httpx.Client, conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("alter table catalog.owners add constraint fine check (key <> 'poison')")
        own.post("/api/v2/items", json=an_item(owner_id="poison"))
        until_equal(lambda: value(scrape(own), "read_model_stopped", projection="owners"), 1, "it did not stop")
        assert value(scrape(own), "read_model_stopped", projection="categories") == 0
        assert own.post("/api/v2/projections/owners/resume?skip=true").status_code == 200
    samples = scrape(own)
    assert value(samples, "read_model_skipped_events", projection="owners") == 1
    assert value(samples, "read_model_stopped", projection="owners") == 0


def test_items_are_counted_by_status_and_category_and_small_categories_together(own: httpx.Client) -> None:
    api = httpx.Client(base_url=own.base_url.join("/api/v2"))
    with api:
        for _ in range(3):
            created(api, category="tools")
        api.delete("/items/1")
        for n in range(60):
            created(api, category=f'odd "{n}"\\')
        until_equal(lambda: api.get("/projections/categories").json()["lag_events"], 0, "it was not caught up")
    samples = {labels: n for (name, labels), n in scrape(own).items() if name == "catalog_items"}
    assert samples[frozenset({"category": "tools", "status": "active"}.items())] == 2
    assert samples[frozenset({"category": "tools", "status": "archived"}.items())] == 1
    assert samples[frozenset({"category": "(others)", "status": "active"}.items())] == 11
    assert sum(samples.values()) == 63
    assert len(samples) == 52


def test_the_pool_and_the_open_streams_are_seen(own: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: own.get("/api/v2/stats"), range(64)))
    samples = scrape(own)
    assert value(samples, "database_pool_connections_limit") == 4
    assert 1 <= (value(samples, "database_pool_connections") or 0) <= 4
    assert value(samples, "database_pool_requests_waiting") == 0
    assert value(samples, "database_up") == 1
    assert value(samples, "event_streams") == 0
    with following(str(own.base_url)) as follower:
        follower.begin()
        assert value(scrape(own), "event_streams") == 1
    until_equal(lambda: value(scrape(own), "event_streams"), 0, "the stream was not seen to end")


def test_a_connection_in_use_is_not_idle(alone: httpx.Client, connection: psycopg.Connection) -> None:
    def in_use() -> float:
        samples = scrape(alone)
        size, idle = (value(samples, f"database_pool_connections{what}") or 0.0 for what in ("", "_idle"))
        return size - idle

    alone.get("/api/v2/stats")
    until_equal(in_use, 0, "a connection was not given back")
    with ThreadPoolExecutor(1) as threads:
        with connection.transaction():
            connection.execute("lock table catalog.items_history in access exclusive mode")
            waiting = threads.submit(alone.get, "/api/v2/stats?as_of=2026-01-01")
            query = "select count(*) from pg_locks where not granted"
            until_equal(lambda: connection.execute(query).fetchone(), (1,), "no request waits")
            until_equal(in_use, 1, "the connection in use is not seen")
        assert waiting.result().status_code == 200


def test_each_read_model_has_its_position(alone: httpx.Client, connection: psycopg.Connection) -> None:
    for _ in range(3):
        alone.post("/api/v2/items", json=an_item())
    settle_now(connection)
    alone.post("/api/v2/items", json=an_item())
    connection.execute("update catalog.projections set position = 1 where name = 'categories'")
    samples = scrape(alone)
    behind = {
        name: [value(samples, f"read_model_{what}", projection=name) for what in ("position", "lag_events")]
        for name in ("owners", "categories")
    }
    assert behind == {"owners": [3, 1], "categories": [1, 3]}


def test_while_the_database_is_away_a_scrape_answers_with_what_there_is(
    own: httpx.Client, conninfo: str, server: EmbeddedPostgres
) -> None:
    own.post("/api/v2/items", json=an_item())
    name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        allow = sql.SQL("alter database {} allow_connections {}")
        connection.execute(allow.format(name, sql.SQL("false")))
        try:
            connection.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s",
                (conninfo_to_dict(conninfo)["dbname"],),
            )
            samples = scrape(own)
        finally:
            connection.execute(allow.format(name, sql.SQL("true")))
    assert value(samples, "database_up") == 0
    assert value(samples, "events_stored_total", event_type="item_created") == 1
    known = ("read_model", "catalog_items", "log_", "projector_leads")
    assert not [name for name, _ in samples if name.startswith(known)], "rather than stale, or 0"
    until_equal(lambda: value(scrape(own), "database_up"), 1, "it did not recover")
    samples = scrape(own)
    assert value(samples, "read_model_lag_events", projection="owners") is not None
    assert value(samples, "log_head_position") == 1
    assert not [name for name, _ in samples if name.endswith("_created")]
