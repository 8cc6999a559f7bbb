"""What differs between two moments of an item: field by field, just that, by versions and by instants."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from msgspec import Struct

from app.domain.events import ItemStatusChanged
from tests.support.appending import append
from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import created, present

TOO_EARLY = "2026-01-15"
Difference = dict[str, dict[str, Any]]


class Story(Struct, frozen=True):
    id: int
    states: list[dict[str, Any]]
    """Before its creation, at version 1, 2, …"""


@pytest.fixture(scope="module")
def story(api: httpx.Client) -> Story:
    """An item that was created, updated, swapped and deleted."""
    item_id = created(api, location_lat=1e-9)["id"]
    path = f"/items/{item_id}"
    api.put(path, json={"name": "Border spade", "image_urls": ["https://a.example/1", "https://a.example/2"]})
    api.patch(f"{path}/status?new_status=swapped")
    api.delete(path)
    return Story(item_id, [{}, *(api.get(f"{path}/versions/{version}").json() for version in range(1, 5))])


def diff(api: httpx.Client, item_id: int, **parameters: Any) -> Difference:
    response = api.get(f"/items/{item_id}/diff", params=parameters)
    assert response.status_code == 200, response.text
    answer: Difference = response.json()
    return answer


def between(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    """What a reader of two documents would say."""
    fields = [field for field in after | before if before.get(field) != after.get(field)]
    return {field: {"from": before.get(field), "to": after.get(field)} for field in fields}


def test_only_fields_that_differ_are_told_the_bookkeeping_among_them(api: httpx.Client, story: Story) -> None:
    first, second = story.states[1:3]
    assert diff(api, story.id, **{"from": 1, "to": 2}) == {
        "name": {"from": "Garden spade", "to": "Border spade"},
        "image_urls": {"from": first["image_urls"], "to": second["image_urls"]},
        "version": {"from": 1, "to": 2},
        "updated_at": {"from": first["updated_at"], "to": second["updated_at"]},
    }


@pytest.mark.parametrize(("since", "until"), [*product(range(5), range(5))])
def test_any_two_moments_by_version_or_by_instant_differ_as_their_documents_do(
    api: httpx.Client, story: Story, since: int, until: int
) -> None:
    """… forwards, backwards, and from before its creation, when all it has comes from null, or goes back to it."""

    def written(number: int, as_version: bool) -> Any:
        instant = story.states[number]["updated_at"] if number else TOO_EARLY
        return number if as_version and number else instant

    expected = between(story.states[since], story.states[until])
    for from_version, to_version in product((True, False), repeat=2):
        moments = {"from": written(since, from_version), "to": written(until, to_version)}
        assert diff(api, story.id, **moments) == expected


def test_a_moment_before_an_event_the_item_is_as_it_was(api: httpx.Client, story: Story) -> None:
    before = datetime.fromisoformat(story.states[3]["updated_at"]) - timedelta(microseconds=1)
    assert diff(api, story.id, **{"from": before.isoformat(), "to": 2}) == {}
    assert diff(api, story.id, **{"from": before.isoformat().replace("+00:00", ""), "to": 3}).keys() == {
        *("status", "version", "updated_at")
    }


def test_without_a_second_moment_it_is_now(api: httpx.Client, story: Story) -> None:
    item = created(api)
    assert diff(api, item["id"], **{"from": 1}) == {}
    after = api.put(f"/items/{item['id']}", json={"name": "Border spade"}).json()
    assert diff(api, item["id"], **{"from": item["created_at"]}) == between(item, after)
    assert diff(api, story.id, **{"from": 1}) == between(story.states[1], present(api, story.id))


def test_from_is_required(api: httpx.Client, story: Story) -> None:
    for query in ("", "?to=1"):
        problem = assert_fields_refused(api.get(f"/items/{story.id}/diff{query}"), "/from")
        assert problem["errors"][0]["source"] == "query"


@pytest.mark.parametrize("end", ["from", "to"])
@pytest.mark.parametrize(
    ("moment", "status"),
    [
        *((moment, 404) for moment in ("0", "5", str(2**31 - 1), str(2**31), "9" * 23, "9" * 5000)),
        *(
            (moment, 400)
            for moment in ("", "now", "-1", "+1", "1.0", "٣", "²", "2999-01-01", "2026-13-01", "%00", "1 ")
        ),
    ],
)
def test_a_moment_that_never_was_is_refused(
    api: httpx.Client, story: Story, end: str, moment: str, status: int
) -> None:
    other = "to" if end == "from" else "from"
    for beside in ("1", TOO_EARLY):
        assert_problem(api.get(f"/items/{story.id}/diff?{end}={moment}&{other}={beside}"), status)


@pytest.mark.parametrize("query", ["from=1", f"from={TOO_EARLY}", f"from={TOO_EARLY}&to={TOO_EARLY}", "from=1&to=2"])
def test_an_item_that_never_was_has_no_diff(api: httpx.Client, query: str) -> None:
    assert_problem(api.get(f"/items/2147483647/diff?{query}"), 404)


def test_the_parameters_are_called_from_and_to_and_nothing_else(api: httpx.Client, story: Story) -> None:
    assert_fields_refused(api.get(f"/items/{story.id}/diff?since=1&until=2&from=1"), "/since", "/until")
    assert_fields_refused(api.get(f"/items/{story.id}/diff?from=1&from=2"), "/from")


def test_what_may_be_kept_for_ever_stays_so_though_a_command_was_under_way(
    api: httpx.Client, service_conninfo: str
) -> None:
    item = created(api)
    with psycopg.connect(service_conninfo) as appending:
        append(appending, item["id"], [ItemStatusChanged(old_status="active", new_status="swapped")])
        now = datetime.now(UTC).isoformat()
        address = f"/items/{item['id']}/diff?{urlencode({'from': 1, 'to': now})}"
        committing = threading.Timer(0.25, appending.commit)
        committing.start()
        response = api.get(address)
        committing.join()
    if "immutable" in response.headers["Cache-Control"]:
        assert response.json() == api.get(address).json() != {}
    assert "immutable" in api.get(address).headers["Cache-Control"]
