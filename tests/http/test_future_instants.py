"""What the future is: by the database's clock, and by the newest instant of the log where the clock is behind that."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import errors

from tests.support.metrics_page import metric_value
from tests.support.operator_commands import settle_now
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.settable_clock import settable_clock

ASKED = (
    *("items/1?as_of={}", "items?as_of={}", "items/owner/alice?as_of={}", "stats?as_of={}", "owners/alice?as_of={}"),
    *("items/1/time-travel?timestamp={}", "items/1/diff?from={}", "items/1/diff?from=1&to={}", "changes?from={}"),
    *("changes?from=2026-01-01&to={}", "events/density?from={}", "events/density?to={}", "events?from={}"),
    "events?to={}",
)


@pytest.fixture
def api(conninfo: str) -> Iterator[httpx.Client]:
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2/", timeout=30) as client,
    ):
        yield client


@pytest.fixture(params=[True, False], ids=["settled", "not yet settled"])
def ahead(api: httpx.Client, connection: psycopg.Connection, request: pytest.FixtureRequest) -> dict[str, Any]:
    """An item of a clock that was an hour ahead, and has been set back since."""
    with settable_clock(connection) as set_clock:
        set_clock(timedelta(hours=1))
        item: dict[str, Any] = api.post("items", json=an_item()).json()
        if request.param:
            settle_now(connection)
        set_clock(timedelta(0))
    return item


def test_an_items_own_instant_is_never_in_the_future(api: httpx.Client, ahead: dict[str, Any]) -> None:
    at = ahead["created_at"]
    for asked in ASKED:
        answer = api.get(asked.format(at))
        assert answer.status_code == 200 or (asked.startswith("owners") and answer.status_code == 404), answer.text
    assert api.get(f"items/1?as_of={at}").json()["name"] == ahead["name"]
    assert api.post(f"items/1/restore?as_of={at}").status_code == 200


def test_what_is_behind_the_newest_instant_is_the_future(api: httpx.Client, ahead: dict[str, Any]) -> None:
    at = f"{datetime.fromisoformat(ahead['created_at']) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    for asked in ASKED:
        answer = api.get(asked.format(at))
        assert (answer.status_code, "in the future" in answer.json()["detail"]) == (400, True), asked
    assert api.post(f"items/1/restore?as_of={at}").status_code == 400


@pytest.mark.parametrize("asked", ASKED)
def test_the_future_of_the_databases_clock_is_refused(api: httpx.Client, asked: str) -> None:
    answer = api.get(asked.format("2999-01-01T00:00:00Z"))
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "2999-01-01T00:00:00.000000Z is in the future; only the past can be read.",
    )


def test_how_far_the_log_is_ahead_is_measured(api: httpx.Client, ahead: dict[str, Any]) -> None:
    service = httpx.Client(base_url=str(api.base_url).removesuffix("/api/v2/"), timeout=30)
    with service:
        assert 3500 < metric_value(service, "log_ahead_of_clock_seconds") < 3601
        assert service.get("/health").json()["background_seconds"] == 0, "an age is never negative"


def test_a_clock_that_is_right_is_not_behind(api: httpx.Client, connection: psycopg.Connection) -> None:
    api.post("items", json=an_item())
    settle_now(connection)
    with httpx.Client(base_url=str(api.base_url).removesuffix("/api/v2/")) as service:
        assert metric_value(service, "log_ahead_of_clock_seconds") < 0.01


@pytest.mark.parametrize("ahead", [True], indirect=True)
def test_a_session_in_psql_may_read_as_of_it_once_it_is_settled(
    connection: psycopg.Connection, ahead: dict[str, Any]
) -> None:
    connection.execute("select set_config('catalog.as_of', %s, false)", (ahead["created_at"],))
    assert connection.execute("select name from public.items").fetchall() == [(ahead["name"],)]
    connection.execute("set catalog.as_of = '2999-01-01'")
    with pytest.raises(errors.InvalidDatetimeFormat, match="in the future"):
        connection.execute("select name from public.items")
