"""`GET /events/density`: events counted over time, without a gap or an overlap between the spans."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from app.demo.seed_year import fill
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.store.log_reader import COUNT_EVENTS_BY_BUCKET
from app.http.event_counter import COUNT_CACHE_SIZE
from tests.support.databases import database_like
from tests.support.patience import until
from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import created
from tests.support.service_process import running_service

VISITORS = 16
KEEPS_COUNTS = (
    "import app.http.event_counter as c; c.COUNT_CACHE_SECONDS = 600.0; from app.cli.catalog import main; main()"
)
"""What is counted is kept for longer than the tests take."""


@pytest.fixture(scope="module")
def town_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        fill(conninfo)
        yield conninfo


@pytest.fixture(scope="module")
def town(town_conninfo: str) -> Iterator[httpx.Client]:
    """The demo's year."""
    with (
        running_service({"DATABASE_URL": town_conninfo}, KEEPS_COUNTS) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as client,
    ):
        yield client


def test_every_event_is_counted_in_its_span(town: httpx.Client, town_conninfo: str) -> None:
    with psycopg.connect(town_conninfo) as connection:
        recorded = [at for (at,) in connection.execute("select recorded_at from catalog.events")]
    density = town.get("/events/density", params={"buckets": 37}).json()
    begins = datetime.fromisoformat(density["from"])
    width = timedelta(seconds=density["bucket_seconds"])
    assert begins == min(recorded)
    assert density["total"] == sum(density["counts"]) == len(recorded)
    counted = [0] * 37
    for at in recorded:
        counted[min(36, int((at - begins) / width))] += 1
    assert density["counts"] == counted


def test_spans_beside_each_other_add_up(town: httpx.Client) -> None:
    whole = town.get("/events/density", params={"buckets": 12}).json()
    middle = (datetime.fromisoformat(whole["from"]) + timedelta(days=100)).isoformat()
    first = town.get("/events/density", params={"from": whole["from"], "to": middle, "buckets": 5}).json()
    second = town.get("/events/density", params={"from": middle, "to": whole["to"], "buckets": 1}).json()
    assert first["total"] + second["total"] == whole["total"]


@pytest.fixture
def empty(server: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    """A service over a log without events."""
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as client,
    ):
        yield client


def test_a_log_without_events_has_a_density_too(empty: httpx.Client) -> None:
    density = empty.get("/events/density", params={"buckets": 3}).json()
    assert (density["counts"], density["total"]) == ([0, 0, 0], 0)
    created(empty)
    assert empty.get("/events/density", params={"buckets": 4}).json()["total"] == 1


def test_many_who_ask_for_all_until_now_share_one_count(town: httpx.Client) -> None:
    with ThreadPoolExecutor(VISITORS) as pool:
        asked = [pool.submit(town.get, "/events/density", params={"buckets": 160}) for _ in range(VISITORS)]
        answers = [each.result().raise_for_status() for each in asked]
    (ends,) = {answer.json()["to"] for answer in answers}
    assert {answer.headers["X-As-Of"] for answer in answers} == {ends}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert town.get("/events/density", params={"to": ends, "buckets": 160}).json() == answers[0].json()


def test_what_was_recorded_since_is_counted_a_moment_later(empty: httpx.Client) -> None:
    """What is kept says until when it was counted, so that it stays true."""

    def density() -> dict[str, Any]:
        answer: dict[str, Any] = empty.get("/events/density").raise_for_status().json()
        return answer

    kept, item = density(), created(empty)
    until(lambda: density() != kept, "it was not counted again")
    assert (kept["total"], density()["total"]) == (0, 1)
    assert kept["to"] < item["created_at"] < density()["to"]


def test_each_number_of_spans_is_kept_by_itself_and_only_the_last_few(town: httpx.Client) -> None:
    def ends(buckets: int) -> str:
        density = town.get("/events/density", params={"buckets": buckets}).json()
        assert len(density["counts"]) == buckets
        return str(density["to"])

    before = ends(1)
    assert ends(2) != before == ends(1)
    for buckets in range(2, COUNT_CACHE_SIZE + 2):
        ends(buckets)
    assert ends(1) != before


def test_what_is_no_span_is_refused(api: httpx.Client) -> None:
    assert_problem(api.get("/events/density", params={"from": "yesterday"}), 400)
    assert_fields_refused(api.get("/events/density", params={"buckets": 0}), "/buckets")
    assert_fields_refused(api.get("/events/density", params={"from": "2026-02-01", "to": "2026-01-01"}), "/to")


def test_it_is_counted_from_the_index_alone(town_conninfo: str) -> None:
    """… so that neither data nor metadata is read."""
    with psycopg.connect(town_conninfo) as connection:
        connection.execute("set enable_seqscan = off")
        given = {"since": datetime(2020, 1, 1), "until": datetime(2100, 1, 1), "buckets": 10, "bucket_seconds": 1e8}
        plan = "\n".join(line for (line,) in connection.execute("explain " + COUNT_EVENTS_BY_BUCKET, given).fetchall())
    assert "Index Only Scan using log_by_recorded_at" in plan
