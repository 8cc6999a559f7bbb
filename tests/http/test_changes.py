"""Which items changed between two instants: as the API itself answered then."""

from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import created, present, some_name


class Town:
    """Some items of an owner before and after something happened to them."""

    def __init__(self, api: httpx.Client) -> None:
        self.owner = some_name("mover")
        self.moved, self.same, self.back = (created(api, owner_id=self.owner, category="boats") for _ in range(3))
        self.since = self.back["created_at"]
        api.put(f"/items/{self.moved['id']}", json={"category": "toys", "status": "swapped"})
        api.patch(f"/items/{self.back['id']}/status?new_status=archived")
        api.patch(f"/items/{self.back['id']}/status?new_status=active")
        self.new = created(api, owner_id=self.owner, category="tools")
        self.until = self.new["created_at"]
        self.after = present(api, self.moved["id"])


@pytest.fixture(scope="module")
def town(api: httpx.Client) -> Town:
    return Town(api)


def changes(api: httpx.Client, town: Town, **query: Any) -> list[Any]:
    response = api.get("/changes", params={"from": town.since, "to": town.until, "owner_id": town.owner, **query})
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    return found


def test_each_item_that_differs_comes_with_its_differences(api: httpx.Client, town: Town) -> None:
    moved, back, new = changes(api, town)
    assert [each["item_id"] for each in (moved, back, new)] == [town.moved["id"], town.back["id"], town.new["id"]]
    differing = {field: {"from": town.moved[field], "to": town.after[field]} for field in moved["diff"]}
    assert moved["diff"] == differing
    assert moved["diff"].keys() == {"category", "status", "version", "updated_at"}
    assert moved["changed_at"] == town.after["updated_at"]
    assert back["diff"].keys() == {"version", "updated_at"}, "its status is as it was"
    assert new["diff"]["name"] == {"from": None, "to": town.new["name"]}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"category": "boats"}, ["moved", "back"]),
        ({"category": "toys"}, ["moved"]),
        ({"category": "tools"}, ["new"]),
        ({"status": "swapped"}, ["moved"]),
        ({"status": "archived"}, []),
        ({"owner_id": "nobody"}, []),
    ],
)
def test_a_filter_takes_what_an_item_was_or_became(
    api: httpx.Client, town: Town, query: dict[str, str], names: list[str]
) -> None:
    found = [each["item_id"] for each in changes(api, town, **query)]
    assert found == [getattr(town, name)["id"] for name in names]


def test_pages_follow_each_other_to_the_same_instant(api: httpx.Client, town: Town) -> None:
    """Though something happens in between, and though no later instant was given."""
    response = api.get("/changes", params={"from": town.since, "owner_id": town.owner, "limit": 1})
    found = response.json()
    api.put(f"/items/{town.same['id']}", json={"name": some_name("renamed")})
    while "next" in response.links:
        response = api.get(response.links["next"]["url"])
        assert response.status_code == 200, response.text
        found += response.json()
    assert [each["item_id"] for each in found] == [town.moved["id"], town.back["id"], town.new["id"]]


OTHER_CHANGES = [
    *({"from": "2020-01-01"}, {"to": "2020-01-01"}, {"owner_id": "x"}),
    *({"category": "boats"}, {"status": "swapped"}, {"status": "active"}),
]


@pytest.mark.parametrize("given", [{}, {"status": "active", "category": "boats"}], ids=["few filters", "all filters"])
@pytest.mark.parametrize("other", [*OTHER_CHANGES, {"limit": 2}], ids=repr)
def test_a_cursor_of_other_changes_is_refused_and_only_the_size_of_pages_may_change(
    api: httpx.Client, town: Town, given: dict[str, str], other: dict[str, Any]
) -> None:
    """Otherwise a page would be of an instant or of items that were not asked for."""
    asked = {"from": town.since, "to": town.until, "owner_id": town.owner, "limit": 1, **given}
    cursor = httpx.URL(api.get("/changes", params=asked).links["next"]["url"]).params["cursor"]
    response = api.get("/changes", params={**asked, **other, "cursor": cursor})
    if {**asked, **other, "limit": 1} == asked:
        assert response.status_code == 200, response.text
    else:
        assert_fields_refused(response, "/cursor")
    without_until = {name: value for name, value in asked.items() if name != "to"}
    assert_fields_refused(api.get("/changes", params={**without_until, "cursor": cursor}), "/cursor")


def test_the_answer_says_until_when(api: httpx.Client, town: Town) -> None:
    response = api.get("/changes", params={"from": town.since, "to": town.until, "owner_id": town.owner})
    assert response.headers["X-As-Of"] == town.until
    response = api.get("/changes", params={"from": town.since, "owner_id": town.owner})
    assert response.headers["X-As-Of"] > town.until, "until now, and from there on next time"


def test_what_makes_no_sense_is_refused(api: httpx.Client, town: Town) -> None:
    assert_fields_refused(api.get("/changes"), "/from")
    assert_fields_refused(api.get("/changes", params={"from": town.until, "to": town.since}), "/to")
    assert_fields_refused(api.get("/changes", params={"from": town.since, "cursor": "x"}), "/cursor")
    assert_problem(api.get("/changes", params={"from": "yesterday"}), 400)
    assert_problem(api.get("/changes", params={"from": "2999-01-01"}), 400)
