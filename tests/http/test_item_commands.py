"""Commands over HTTP: what each answers, what it records, and when it records nothing."""

from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_item, assert_problem, events_of, types_of
from tests.support.sample_items import an_item, created, present, some_name

STATUSES = ("active", "archived", "swapped")
OTHER_VALUES = {
    "name": "Border spade",
    "description": "A narrow one.",
    "category": "garden",
    "image_urls": ["https://images.example/1.jpg", "https://images.example/2.jpg"],
    "location_lat": -33.9,
    "location_lon": 18.4,
}


def test_a_created_item_is_answered_whole_with_its_address_and_version(api: httpx.Client) -> None:
    response = api.post("/items", json=an_item())
    assert response.status_code == 201
    item = response.json()
    assert_item(item)
    assert {field: item[field] for field in an_item()} == an_item()
    assert (item["version"], item["deleted_at"]) == (1, None)
    assert item["created_at"] == item["updated_at"]
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Location"] == f"{api.base_url}items/{item['id']}"
    assert api.get(response.headers["Location"]).json() == item


def test_a_new_item_is_active_unless_it_says_otherwise(api: httpx.Client) -> None:
    body = an_item()
    del body["status"]
    assert api.post("/items", json=body).json()["status"] == "active"
    assert created(api, status="archived")["status"] == "archived"


@pytest.mark.parametrize(
    "text",
    [
        "Ärmel, naïve, 自転車 🚲",
        "two\nlines\tand a tab",
        "\"quoted\" 'twice' \\ / <b>",
        "e\u0301 is not é",
        " edges ",
        "\u200f",
    ],
)
def test_text_comes_back_as_it_was_given(api: httpx.Client, text: str) -> None:
    given = {"name": text, "description": text, "category": text, "owner_id": text, "image_urls": [text]}
    item = created(api, **given)
    assert present(api, item["id"]) == item
    assert {field: item[field] for field in given} == given


@pytest.mark.parametrize("degrees", [0, 45, 1e-9, -0.1, 52.520006599999997, 90, -90])
def test_a_coordinate_comes_back_as_the_number_it_was(api: httpx.Client, degrees: float) -> None:
    item = created(api, location_lat=degrees, location_lon=degrees)
    assert (item["location_lat"], item["location_lon"]) == (degrees, degrees)


@pytest.mark.parametrize(("field", "value"), OTHER_VALUES.items())
def test_an_update_changes_the_given_field_and_no_other(api: httpx.Client, field: str, value: Any) -> None:
    before = created(api)
    response = api.put(f"/items/{before['id']}", json={field: value})
    assert response.status_code == 200
    after = response.json()
    assert response.headers["ETag"] == '"2"'
    assert after == {**before, field: value, "version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert present(api, before["id"]) == after


def test_an_update_records_only_fields_that_differ(api: httpx.Client) -> None:
    item = created(api)
    api.put(f"/items/{item['id']}", json=an_item_to_put() | {"name": "Border spade"})
    _, update = events_of(api, item["id"])
    assert update["changes"] == {"name": "Border spade"}
    assert update["previous_values"] == {"name": "Garden spade"}


@pytest.mark.parametrize("body", [{}, {"name": "Garden spade"}, {"status": "active"}, "everything"], ids=str)
def test_an_update_in_which_nothing_differs_records_nothing(api: httpx.Client, body: Any) -> None:
    item = created(api)
    response = api.put(f"/items/{item['id']}", json=an_item_to_put() if body == "everything" else body)
    assert (response.status_code, response.json(), response.headers["ETag"]) == (200, item, '"1"')
    assert types_of(api, item["id"]) == ["item_created"]


def test_an_update_with_a_status_records_two_events_in_one_append(api: httpx.Client) -> None:
    item = created(api)
    response = api.put(f"/items/{item['id']}", json={"name": "Border spade", "status": "swapped"})
    assert (response.json()["name"], response.json()["status"], response.json()["version"]) == (
        "Border spade",
        "swapped",
        3,
    )
    assert response.headers["ETag"] == '"3"'
    _, update, change = events_of(api, item["id"])
    assert [update["event_type"], change["event_type"]] == ["item_updated", "item_status_changed"]
    assert [update["version"], change["version"]] == [2, 3]
    assert change["sequence"] == update["sequence"] + 1
    assert update["changes"] == {"name": "Border spade"}
    assert (change["old_status"], change["new_status"], change["reason"]) == ("active", "swapped", None)


def test_an_update_with_a_status_that_comes_too_late_records_neither_event(api: httpx.Client) -> None:
    item = created(api)
    api.put(f"/items/{item['id']}", json={"name": "Border spade"})
    late = api.put(f"/items/{item['id']}?expected_version=1", json={"name": "Spade", "status": "swapped"})
    assert_problem(late, 409)
    assert types_of(api, item["id"]) == ["item_created", "item_updated"]


def test_an_update_of_the_status_alone_records_no_update(api: httpx.Client) -> None:
    item = created(api)
    assert api.put(f"/items/{item['id']}", json={"status": "archived"}).json()["status"] == "archived"
    assert types_of(api, item["id"]) == ["item_created", "item_status_changed"]


@pytest.mark.parametrize("as_json", [False, True], ids=["query", "body"])
def test_a_status_change_is_answered_with_its_message(api: httpx.Client, as_json: bool) -> None:
    item_id = created(api)["id"]
    given = {"new_status": "swapped", "reason": "for a rake"}
    response = api.patch(f"/items/{item_id}/status", **{"json" if as_json else "params": given})  # type: ignore[arg-type]
    assert response.status_code == 200
    assert response.json() == {
        "message": f"Item {item_id} status changed to swapped",
        "item_id": item_id,
        "new_status": "swapped",
        "version": 2,
    }
    assert response.headers["ETag"] == '"2"'
    assert events_of(api, item_id)[1]["reason"] == "for a rake"
    assert present(api, item_id)["status"] == "swapped"


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_any_status_may_become_any_other_and_the_same_records_nothing(
    api: httpx.Client, before: str, after: str
) -> None:
    item_id = created(api, status=before)["id"]
    version = 1 if before == after else 2
    response = api.patch(f"/items/{item_id}/status", params={"new_status": after})
    assert (response.status_code, response.json()["new_status"], response.json()["version"]) == (200, after, version)
    assert (present(api, item_id)["status"], len(events_of(api, item_id))) == (after, version)


def test_a_deleted_item_stays_readable_archived_with_the_instant(api: httpx.Client) -> None:
    before = created(api)
    response = api.delete(f"/items/{before['id']}", params={"reason": "broken"})
    assert (response.status_code, response.content) == (204, b"")
    after = present(api, before["id"])
    assert_item(after)
    assert after["deleted_at"] == after["updated_at"] > before["updated_at"]
    assert after == {
        **before,
        "status": "archived",
        "version": 2,
        "updated_at": after["updated_at"],
        "deleted_at": after["deleted_at"],
    }
    assert events_of(api, before["id"])[1]["reason"] == "broken"


def test_deleting_again_is_fine_and_records_nothing(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    api.delete(f"/items/{item_id}")
    deleted = present(api, item_id)
    again = api.delete(f"/items/{item_id}", params={"reason": "again"})
    assert (again.status_code, again.content) == (204, b"")
    assert present(api, item_id) == deleted
    assert types_of(api, item_id) == ["item_created", "item_deleted"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"name": "Border spade"}),
        ("PUT", "", {}),
        ("PUT", "", {"status": "active"}),
        ("PATCH", "/status?new_status=active", None),
        ("PATCH", "/status?new_status=archived", None),
        ("PATCH", "/status", {"new_status": "swapped"}),
    ],
)
def test_a_deleted_item_accepts_nothing_but_a_restore(api: httpx.Client, method: str, path: str, body: Any) -> None:
    item_id = created(api)["id"]
    api.delete(f"/items/{item_id}")
    problem = assert_problem(api.request(method, f"/items/{item_id}{path}", json=body), 409)
    assert problem["title"] == "The item is deleted"
    assert problem["deleted_at"] == present(api, item_id)["deleted_at"]
    assert types_of(api, item_id) == ["item_created", "item_deleted"]


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", ""), ("PATCH", "/status?new_status=swapped"), ("DELETE", ""), ("POST", "/rebuild")]
)
def test_a_command_on_an_item_that_never_was_is_404(api: httpx.Client, method: str, path: str) -> None:
    body = {"name": "Border spade"} if method == "PUT" else None
    problem = assert_problem(api.request(method, f"/items/2147483647{path}", json=body), 404)
    assert problem["title"] == "There is no such item"


def test_a_command_is_recorded_under_the_acting_user(api: httpx.Client) -> None:
    user = some_name("user")
    item_id = api.post("/items", params={"user_id": user}, json=an_item()).json()["id"]
    api.put(f"/items/{item_id}", params={"user_id": f"{user}-put"}, json={"name": "Border spade"})
    api.patch(f"/items/{item_id}/status", params={"user_id": f"{user}-patch", "new_status": "swapped"})
    api.delete(f"/items/{item_id}", params={"user_id": f"{user}-delete"})
    users = [entry["user_id"] for entry in events_of(api, item_id)]
    assert users == [user, f"{user}-put", f"{user}-patch", f"{user}-delete"]


def test_without_authentication_the_acting_user_is_the_demo_user(api: httpx.Client) -> None:
    assert events_of(api, created(api)["id"])[0]["user_id"] == "demo-user"


def an_item_to_put() -> dict[str, Any]:
    """All that a PUT may carry, just as it is in an item that `created` made."""
    return {field: value for field, value in an_item().items() if field != "owner_id"}


@pytest.mark.parametrize(
    ("body", "query", "then"),
    [
        ({}, {"new_status": "swapped", "reason": "a"}, ("swapped", "a")),
        ({"reason": "b"}, {"new_status": "swapped", "reason": "a"}, ("swapped", "b")),
        ({"new_status": "archived"}, {"new_status": "swapped", "reason": "a"}, ("archived", "a")),
        ({"new_status": "archived", "reason": None}, {"reason": "a"}, ("archived", None)),
    ],
)
def test_of_a_status_change_the_body_goes_first_and_the_query_gives_the_rest(
    api: httpx.Client, body: dict[str, Any], query: dict[str, str], then: tuple[str, str | None]
) -> None:
    item_id = created(api)["id"]
    assert api.patch(f"/items/{item_id}/status", json=body, params=query).status_code == 200
    entry = api.get(f"/items/{item_id}/audit-trail").json()["audit_trail"][-1]
    assert (entry["new_status"], entry["reason"]) == then


def test_a_delete_answers_with_the_new_version(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    for _ in range(2):
        assert api.delete(f"/items/{item_id}").headers["ETag"] == '"2"'
