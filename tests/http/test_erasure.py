"""After `catalog forget` no answer has anything personal of that owner any more, now or as of any instant."""

from typing import Any

import httpx
import pytest

from tests.support.cli_process import catalog
from tests.support.sample_items import created, some_name

SECRET = "geheimnis"
FORGOTTEN = {"name": "(forgotten)", "description": "(forgotten)", "image_urls": []}


@pytest.fixture(scope="module")
def item(api: httpx.Client, service_conninfo: str) -> dict[str, Any]:
    """An item as it was created, changed for a reason since, whose owner has been forgotten."""
    texts = {"name": SECRET, "description": f"my {SECRET}", "image_urls": [f"https://{SECRET}/1.jpg"]}
    made = created(api, **texts, owner_id=some_name("forgotten"), category=some_name("shelf"))
    path = f"/items/{made['id']}"
    assert api.put(path, json={"name": f"new {SECRET}", "location_lat": 48.86}).status_code == 200
    assert api.patch(f"{path}/status", params={"new_status": "swapped", "reason": SECRET}).status_code == 200
    assert found_by(api, made) == [made["id"]]
    assert catalog("forget", made["owner_id"], "--yes", DATABASE_URL=service_conninfo).returncode == 0
    return made


def found_by(api: httpx.Client, item: dict[str, Any], **asked: Any) -> list[int]:
    """The items of its shelf that a search for the secret finds."""
    given = {"search": SECRET, "status": "any", "category": item["category"], **asked}
    return [each["id"] for each in api.get("/items", params=given).json()]


def test_no_answer_has_the_text_any_more(api: httpx.Client, item: dict[str, Any]) -> None:
    path, then = f"/items/{item['id']}", item["created_at"]
    for asked in (
        *(path, f"{path}?as_of={then}", f"{path}/time-travel?timestamp={then}", f"{path}/versions/1"),
        *(f"{path}/versions/2", f"{path}/diff?from=1&to=3", f"{path}/history", f"{path}/audit-trail"),
        *(f"/items/owner/{item['owner_id']}", f"/items/owner/{item['owner_id']}?as_of={then}"),
        f"/items?category={item['category']}&status=any&as_of={then}",
        f"/changes?from=2020-01-01T00:00:00Z&category={item['category']}",
    ):
        response = api.get(asked)
        assert response.status_code == 200, asked
        assert SECRET not in response.text, asked


def test_the_item_is_deleted_and_was_what_it_was_but_for_the_text(api: httpx.Client, item: dict[str, Any]) -> None:
    now = api.get(f"/items/{item['id']}").json()
    assert (now["status"], now["version"], now["category"]) == ("archived", 4, item["category"])
    was = api.get(f"/items/{item['id']}/versions/1").json()
    assert was == {**item, **FORGOTTEN, "location_lat": 53, "location_lon": 13}


def test_searches_find_it_neither_now_nor_then(api: httpx.Client, item: dict[str, Any]) -> None:
    assert found_by(api, item) == []
    assert found_by(api, item, as_of=item["created_at"]) == []


def test_its_events_are_all_there_in_their_forgotten_form(api: httpx.Client, item: dict[str, Any]) -> None:
    told = api.get(f"/items/{item['id']}/audit-trail").text
    history = api.get(f"/items/{item['id']}/history").text
    for event in ("item_created", "item_updated", "item_status_changed", "item_deleted"):
        assert event in told
        assert event in history
    assert "Its owner was forgotten." in told
    assert '"reason":"(forgotten)"' in told.replace(": ", ":")


def test_what_was_deleted_by_forgetting_folds_to_what_is_stored(api: httpx.Client, item: dict[str, Any]) -> None:
    rebuilt = api.post(f"/items/{item['id']}/rebuild")
    assert rebuilt.status_code == 200
    assert SECRET not in rebuilt.text
    assert api.get(f"/items/{item['id']}").json()["name"] == "(forgotten)"
