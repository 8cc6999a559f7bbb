"""Restore over HTTP: an item is brought back to how it was by new events, at most those that are needed."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused, assert_item, assert_problem, events_of, types_of
from tests.support.sample_items import created, present

BOOKKEEPING = {"version", "updated_at"}
CHANGED = {
    "name": "Border spade",
    "description": "A narrow one.",
    "category": "garden",
    "image_urls": ["https://images.example/1.jpg"],
    "location_lat": -33.9,
    "location_lon": 18.4,
    "status": "swapped",
}


def content(item: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in item.items() if field not in BOOKKEEPING}


def restored(api: httpx.Client, item_id: int, **parameters: Any) -> dict[str, Any]:
    response = api.post(f"/items/{item_id}/restore", params=parameters)
    assert response.status_code == 200, response.text
    item: dict[str, Any] = response.json()
    assert_item(item)
    assert response.headers["ETag"] == f'"{item["version"]}"'
    assert item == present(api, item_id)
    return item


@pytest.mark.parametrize("field", [*CHANGED, "all of them"])
def test_every_field_comes_back(api: httpx.Client, field: str) -> None:
    before = created(api)
    api.put(f"/items/{before['id']}", json={field: CHANGED[field]} if field in CHANGED else CHANGED)
    after = restored(api, before["id"], version=1)
    assert content(after) == content(before)
    assert after["updated_at"] > before["updated_at"]
    changed = [kind for kind in ("item_updated", "item_status_changed") if field == "all of them"]
    expected = changed or ["item_status_changed" if field == "status" else "item_updated"]
    assert types_of(api, before["id"]) == ["item_created", *expected, *expected]


def test_an_item_comes_back_to_an_instant(api: httpx.Client) -> None:
    first = created(api)
    second = api.put(f"/items/{first['id']}", json={"name": "Border spade"}).json()
    third = api.put(f"/items/{first['id']}", json=CHANGED).json()
    a_little_before = datetime.fromisoformat(third["updated_at"]) - timedelta(microseconds=2)
    assert content(restored(api, first["id"], as_of=second["updated_at"])) == content(second)
    assert content(restored(api, first["id"], as_of=third["updated_at"])) == content(third)
    assert content(restored(api, first["id"], as_of=a_little_before.isoformat())) == content(second)
    assert content(restored(api, first["id"], as_of=first["created_at"].removesuffix("Z"))) == content(first)


def test_only_what_differs_is_recorded(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    api.put(f"/items/{item_id}", json={"name": "Border spade", "status": "swapped"})
    restored(api, item_id, version=1, user_id="bob")
    update, change = events_of(api, item_id)[3:]
    assert (update["changes"], update["previous_values"]) == ({"name": "Garden spade"}, {"name": "Border spade"})
    assert (change["old_status"], change["new_status"], change["reason"]) == ("swapped", "active", None)
    assert [update["user_id"], change["user_id"]] == ["bob", "bob"]


@pytest.mark.parametrize("moment", [{"version": 3}, {"version": 1}, {"as_of": "now"}], ids=str)
def test_where_nothing_differs_nothing_is_recorded(api: httpx.Client, moment: dict[str, Any]) -> None:
    item_id = created(api)["id"]
    for name in ("Border spade", "Garden spade"):
        api.put(f"/items/{item_id}", json={"name": name})
    item = present(api, item_id)
    assert restored(api, item_id, **({"as_of": item["updated_at"]} if "as_of" in moment else moment)) == item


def test_a_deletion_is_undone(api: httpx.Client) -> None:
    before = created(api)
    api.delete(f"/items/{before['id']}")
    after = restored(api, before["id"], version=1)
    assert after == {**before, "version": 3, "updated_at": after["updated_at"]}
    assert types_of(api, before["id"]) == ["item_created", "item_deleted", "item_restored"]
    assert api.put(f"/items/{before['id']}", json={"name": "Border spade"}).status_code == 200
    assert api.delete(f"/items/{before['id']}").status_code == 204
    assert present(api, before["id"])["deleted_at"]


@pytest.mark.parametrize("status", ["active", "archived", "swapped"])
def test_with_its_deletion_undone_an_item_has_its_status_and_fields_of_then(api: httpx.Client, status: str) -> None:
    before = created(api, status=status)
    api.put(f"/items/{before['id']}", json={"name": "Border spade"})
    api.delete(f"/items/{before['id']}")
    assert content(restored(api, before["id"], version=1)) == content(before)
    undone, update = events_of(api, before["id"])[3:]
    assert (undone["event_type"], undone["status"]) == ("item_restored", status)
    assert (update["event_type"], update["changes"]) == ("item_updated", {"name": "Garden spade"})
    history = api.get(f"/items/{before['id']}/history").json()["history"]
    assert (history[3]["type"], history[3]["changes"]) == ("item_restored", {"status": status})
    again = restored(api, before["id"], version=1)
    assert again["version"] == 5
    assert api.post(f"/items/{before['id']}/rebuild").json()["changed"] is False


def test_a_version_at_which_it_was_deleted_does_not_come_back(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    api.delete(f"/items/{item_id}")
    deleted = present(api, item_id)
    for moment in ({"version": 2}, {"as_of": deleted["deleted_at"]}):
        problem = assert_problem(api.post(f"/items/{item_id}/restore", params=moment), 409)
        assert problem["title"] == "The item was deleted then"
        assert problem["deleted_at"] == deleted["deleted_at"]
        assert "delete it" in problem["detail"]
    assert present(api, item_id) == deleted
    restored(api, item_id, version=1)
    assert_problem(api.post(f"/items/{item_id}/restore?version=2"), 409)


@pytest.mark.parametrize("query", ["", "?version=1&as_of=2026-01-15", "?user_id=bob"])
def test_it_takes_one_moment_neither_none_nor_two(api: httpx.Client, query: str) -> None:
    item_id = created(api)["id"]
    problem = assert_fields_refused(api.post(f"/items/{item_id}/restore{query}"), "/version", "/as_of")
    assert {error["source"] for error in problem["errors"]} == {"query"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        *((f"version={version}", 404) for version in ("0", "-1", "2", str(2**31 - 1), str(2**31), "9" * 23)),
        *((f"version={version}", 422) for version in ("", "x", "1.5", "+1", "٣", "9" * 5000)),
        *((f"as_of={instant}", 404) for instant in ("2026-01-15", "0001-01-01T00:00:00Z")),
        *((f"as_of={instant}", 400) for instant in ("", "now", "1", "2999-01-01", "2026-13-01", "%00")),
    ],
)
def test_a_moment_that_never_was_is_refused(api: httpx.Client, query: str, status: int) -> None:
    item_id = created(api)["id"]
    assert_problem(api.post(f"/items/{item_id}/restore?{query}"), status)
    assert types_of(api, item_id) == ["item_created"]


@pytest.mark.parametrize("moment", ["version=1", "as_of=2026-01-15"])
def test_an_item_that_never_was_is_not_restored(api: httpx.Client, moment: str) -> None:
    assert_problem(api.post(f"/items/2147483647/restore?{moment}"), 404)
