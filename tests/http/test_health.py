"""The service as a whole: health, HEAD, its own address, and a database that goes away and comes back."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError
from app.settings import read_settings
from tests.support.patience import until_equal
from tests.support.response_shapes import assert_problem, events_of
from tests.support.sample_items import an_item, created, present
from tests.support.service_process import running_service


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_a_healthy_service_says_so(service: str, path: str) -> None:
    response = httpx.get(f"{service}{path}")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


def test_a_service_whose_background_hangs_is_ready_and_says_so(conninfo: str) -> None:
    """Nobody settles the log here: what shows it is an event that waits, not a word that somebody has left."""
    with running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _):
        response = httpx.get(f"{url}/health/ready")
        ready = {"status": "ok", "background": "ok", "background_seconds": 0}
        assert response.json() == {**ready, "environment": "development", "authentication": "off"}
        with psycopg.connect(conninfo) as connection:
            connection.execute(
                "insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)"
                " values (gen_random_uuid(), 1, 1, 'item_deleted', '{}', '{}', now() - interval '1 hour')"
            )
        response = httpx.get(f"{url}/health")
        assert (response.status_code, response.json()["background"]) == (200, "behind")
        assert 3600 < response.json()["background_seconds"] < 3700


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/items?search=nothing",
            "/items/{}",
            "/items/owner/alice",
            "/stats",
            "/items/{}/history",
            "/items/{}/audit-trail",
        ),
        *("/items/{}/versions/1", "/items/2147483647", "/items?limit=0", "/nope"),
    ],
)
def test_head_answers_as_get_does_but_for_the_body(api: httpx.Client, path: str) -> None:
    address = path.format(created(api)["id"])
    head, get = api.head(address), api.get(address)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for own in ("Date", "X-Request-ID"):
        del head.headers[own], get.headers[own]
    assert head.headers == get.headers


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/schema", "/schema/openapi.json", "/assets/swagger-ui.css"]
)
def test_head_works_beside_the_api_too(service: str, path: str) -> None:
    head, get = httpx.head(f"{service}{path}"), httpx.get(f"{service}{path}")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", get.headers["Content-Length"])


def test_head_carries_out_no_command(api: httpx.Client) -> None:
    item = created(api)
    response = api.head(f"/items/{item['id']}/status?new_status=swapped")
    assert (response.status_code, response.content) == (405, b"")
    assert present(api, item["id"]) == item


@pytest.fixture
def own(conninfo: str) -> Iterator[httpx.Client]:
    """A client of a service with a database of its own, which is impatient and has a public address."""
    environment = {
        "DATABASE_URL": conninfo,
        "CATALOG_POOL_TIMEOUT_SECONDS": "1",
        "CATALOG_PUBLIC_URL": "https://swappo.example/catalog/",
    }
    with (
        running_service(environment) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as client,
    ):
        yield client


class Switch:
    """Takes the database away and brings it back."""

    def __init__(self, server: EmbeddedPostgres, conninfo: str) -> None:
        self._server = server
        self._name = str(conninfo_to_dict(conninfo)["dbname"])

    def end_connections(self) -> int:
        """End the service's connections; how many there were. They are gone when this returns."""
        with psycopg.connect(self._server.conninfo, autocommit=True) as connection:
            ended = connection.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", (self._name,)
            ).fetchall()
        assert all(each == (True,) for each in ended)
        return len(ended)

    def allow_connections(self, allowed: bool) -> None:
        statement = sql.SQL("alter database {} allow_connections {}").format(sql.Identifier(self._name), allowed)
        with psycopg.connect(self._server.conninfo, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def database(server: EmbeddedPostgres, conninfo: str) -> Switch:
    return Switch(server, conninfo)


def test_while_the_database_is_away_everything_is_503_and_then_it_recovers(own: httpx.Client, database: Switch) -> None:
    item = own.post("/items", json=an_item()).json()
    path = f"/items/{item['id']}"
    database.allow_connections(False)
    try:
        assert database.end_connections() > 0
        for response in both_ways(own, path):
            problem = assert_problem(response, 503)
            assert problem["title"] == "The service cannot answer just now"
            assert int(response.headers["Retry-After"]) >= 1
        assert own.get(own.base_url.join("/health/live")).status_code == 200
        assert_problem(own.post("/items", json={}), 422)
    finally:
        database.allow_connections(True)
    recovered(own, path)
    assert own.get(path).json() == item
    assert own.get(own.base_url.join("/health")).status_code == 200
    assert own.put(path, json={"name": "Border spade"}).json()["version"] == 2


def both_ways(client: httpx.Client, path: str) -> list[httpx.Response]:
    """The answers to every kind of reading and writing, asked for at once."""
    health = client.base_url.join("/health")
    requests = [
        *(
            ("GET", path),
            ("GET", "/items"),
            ("GET", "/stats"),
            ("GET", f"{path}/history"),
            ("GET", f"{path}/versions/1"),
        ),
        *(("GET", f"{path}/time-travel?timestamp=2026-01-15"), ("GET", health), ("GET", health.join("/health/ready"))),
        *(("POST", "/items"), ("PUT", path), ("PATCH", f"{path}/status?new_status=swapped"), ("DELETE", path)),
        ("POST", f"{path}/rebuild"),
    ]
    bodies = {("POST", "/items"): an_item(), ("PUT", path): {"name": "Border spade"}}

    def send(request: tuple[str, Any]) -> httpx.Response:
        return client.request(*request, json=bodies.get(request))

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def recovered(client: httpx.Client, path: str) -> None:
    """Wait, asking again and again as `Retry-After` has it, until the service answers."""
    until_equal(lambda: client.get(path).status_code, 200, "the service did not recover")


def test_connections_that_died_while_idle_cost_no_request(own: httpx.Client, database: Switch) -> None:
    for round_number in range(1, 4):
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(lambda _: own.get("/stats").status_code, range(32))) == {200}
        assert database.end_connections() > 0
        response = own.post("/items", json=an_item())
        assert response.status_code == 201, response.text
        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(lambda _: own.get("/stats").status_code, range(32))) == {200}
        assert own.get("/stats").json()["total_items"] == round_number


def test_connections_that_die_under_commands_cost_503_at_most_and_no_acknowledged_change(
    own: httpx.Client, database: Switch
) -> None:
    item_id = own.post("/items", json=an_item()).json()["id"]
    under_way = threading.Barrier(9)

    def update(client_number: int) -> list[httpx.Response]:
        under_way.wait()
        return [own.put(f"/items/{item_id}", json={"name": f"Name {client_number}/{n}"}) for n in range(40)]

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(update, number) for number in range(8)]
        under_way.wait()
        ended = sum(database.end_connections() for _ in range(10))
        responses = [response for each in running for response in each.result()]
    assert ended > 0
    for response in responses:
        if response.status_code != 200:
            assert_problem(response, 503)
    recovered(own, f"/items/{item_id}")
    acknowledged = {
        response.json()["version"]: response.json()["name"] for response in responses if response.is_success
    }
    assert len(acknowledged) == Counter(response.status_code for response in responses)[200]
    recorded = {event["version"]: event.get("changes", {}).get("name") for event in events_of(own, item_id)}
    assert acknowledged.items() <= recorded.items()
    assert sorted(recorded) == list(range(1, len(recorded) + 1))


def test_an_item_has_its_address_where_the_public_finds_it(own: httpx.Client) -> None:
    response = own.post("/items", json=an_item())
    assert response.headers["Location"] == f"https://swappo.example/catalog/api/v2/items/{response.json()['id']}"


def test_every_address_is_where_the_public_finds_the_service(own: httpx.Client) -> None:
    public = "https://swappo.example/catalog"
    description = own.get(own.base_url.join("/schema/openapi.json")).json()
    assert description["servers"] == [{"url": public}]
    item_id = own.post("/items", json=an_item()).json()["id"]
    own.post("/items", json=an_item())
    path = f"/items/{item_id}"
    found = [
        own.get(path).headers["Link"],
        own.get(f"{path}/versions/1").headers["Link"],
        own.get(f"{path}/time-travel").headers["Location"],
        own.get("/items?limit=1").headers["Link"],
        own.get("/events?limit=1").headers.get("Link", f"<{public}/api/v2/>"),
        own.get(f"{path}/history", headers={"Accept": "application/link-format"}).text,
        own.post("/projections/items/rebuild").headers["Location"],
    ]
    for text in found:
        addresses = re.findall(r"https?://[^>\s,]+", text)
        assert addresses, text
        assert all(address.startswith(f"{public}/api/v2/") for address in addresses), text
    page = own.get(own.base_url.join("/schema"))
    assert f'"servers":[{{"url":"{public}"}}]' in page.text
    assert "connect-src 'self' https://swappo.example;" in page.headers["Content-Security-Policy"]


def test_without_a_public_address_the_description_names_its_own_server(service: str) -> None:
    assert httpx.get(f"{service}/schema/openapi.json").json()["servers"] == [{"url": "/"}]


@pytest.mark.parametrize(
    "wrong", ["gw.example/catalog", "ftp://gw.example", "https://gw.example/a b", "https://x; y", "https://x?y"]
)
def test_a_public_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(SetupError, match=r"CATALOG_PUBLIC_URL=.* cannot be used: it is an http or https address"):
        read_settings({"CATALOG_PUBLIC_URL": wrong})


def test_a_visitor_of_the_root_is_shown_the_page(service: str) -> None:
    visited = httpx.get(f"{service}/")
    assert (visited.status_code, visited.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
