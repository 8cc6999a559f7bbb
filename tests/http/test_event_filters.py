"""`GET /events` backwards, and by actor, request and time; the same live where it makes sense."""

from typing import Any

import httpx
import pytest

from tests.support.patience import until
from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import created, some_name
from tests.support.sse_client import following


@pytest.fixture(scope="module")
def story(api: httpx.Client) -> list[dict[str, Any]]:
    """Ten events of one item by two users, settled, in order."""
    item = created(api)
    for n in range(9):
        user = some_name("ann") if n == 4 else "bob"
        headers = {"X-Request-ID": f"story-{n}"}
        api.put(f"/items/{item['id']}", params={"user_id": user}, json={"name": f"Name {n}"}, headers=headers)
    found: list[dict[str, Any]] = []

    def all_settled() -> bool:
        found[:] = api.get("/events", params={"item_id": item["id"]}).json()
        return len(found) == 10

    until(all_settled, "the log was not settled")
    return found


def test_backwards_the_newest_come_first_and_pages_follow_each_other(
    api: httpx.Client, story: list[dict[str, Any]]
) -> None:
    path = "/events"
    params: dict[str, Any] | None = {"item_id": story[0]["subject"], "before": 2**63 - 1, "limit": 4}
    seen = []
    while True:
        page = api.get(path, params=params)
        seen += page.json()
        if "next" not in page.links:
            break
        path, params = page.links["next"]["url"], None
    assert seen == story[::-1]


def test_before_a_position_is_before_it(api: httpx.Client, story: list[dict[str, Any]]) -> None:
    query = {"item_id": story[0]["subject"], "before": story[6]["position"]}
    assert api.get("/events", params=query).json() == story[5::-1]


def test_one_direction_at_a_time(api: httpx.Client) -> None:
    assert_fields_refused(api.get("/events", params={"after": 3, "before": 9}), "/before")


def test_by_actor_and_by_request(api: httpx.Client, story: list[dict[str, Any]]) -> None:
    assert api.get("/events", params={"user_id": story[5]["user"]}).json() == [story[5]]
    by_request = api.get("/events", params={"correlation_id": "story-7", "item_id": story[0]["subject"]}).json()
    assert by_request == [story[8]]


def test_by_time_from_an_instant_on_and_before_another(api: httpx.Client, story: list[dict[str, Any]]) -> None:
    query = {"item_id": story[0]["subject"], "from": story[2]["time"], "to": story[6]["time"]}
    assert api.get("/events", params=query).json() == story[2:6]
    first = api.get("/events", params={**query, "limit": 3})
    assert api.get(first.links["next"]["url"]).json() == story[5:6]
    assert_problem(api.get("/events", params={"from": "soon"}), 400)


def test_live_by_actor(api: httpx.Client, service: str, story: list[dict[str, Any]]) -> None:
    user = story[5]["user"]
    with following(service, after=0, user_id=user) as stream:
        events = stream.seen()
        assert str(next(events).id) == story[5]["position"]
        created(api)
        item = api.put(f"/items/{story[0]['subject']}", params={"user_id": user}, json={"name": "Once more"}).json()
        event = next(events)
        assert (event.data["version"], event.data["user"]) == (item["version"], user)
