"""`GET /owners/{owner_id}`: an owner in numbers, moments behind the last command."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.patience import until
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import created, some_name


def owner(api: httpx.Client, owner_id: str, **numbers: Any) -> dict[str, Any]:
    """The owner's document, once it has these numbers."""

    def found() -> dict[str, Any] | None:
        response = api.get(f"/owners/{owner_id}")
        document: dict[str, Any] = response.json()
        as_expected = response.status_code == 200 and numbers.items() <= document.items()
        return document if as_expected else None

    document: dict[str, Any] = until(found, f"{owner_id} never had {numbers}")
    return document


def test_an_owner_is_what_his_items_are(api: httpx.Client) -> None:
    name = some_name("owner")
    first = created(api, owner_id=name, category="tools")
    second = created(api, owner_id=name, category="toys")
    assert owner(api, name, total_items=2) == {
        "owner_id": name,
        "total_items": 2,
        "by_status": {"active": 2},
        "by_category": {"tools": 1, "toys": 1},
        "first_activity_at": first["created_at"],
        "latest_activity_at": second["updated_at"],
    }
    changed = api.put(f"/items/{first['id']}", json={"category": "toys", "status": "swapped"}).json()
    assert owner(api, name, by_status={"active": 1, "swapped": 1}) == {
        "owner_id": name,
        "total_items": 2,
        "by_status": {"active": 1, "swapped": 1},
        "by_category": {"toys": 2},
        "first_activity_at": first["created_at"],
        "latest_activity_at": changed["updated_at"],
    }
    api.delete(f"/items/{second['id']}")
    owner(api, name, total_items=2, by_status={"archived": 1, "swapped": 1})


@pytest.mark.parametrize("kind", ["Ω 🚲", "50%", "a+b", "'quoted'", "name?x=1", "ä.b~c"])
def test_an_owner_is_found_by_any_name(api: httpx.Client, kind: str) -> None:
    name = some_name(kind)
    created(api, owner_id=name)
    document = owner(api, quote(name), total_items=1)
    assert document["owner_id"] == name


def test_the_answer_is_json(api: httpx.Client) -> None:
    name = some_name("owner")
    created(api, owner_id=name)
    owner(api, name)
    response = api.get(f"/owners/{name}")
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("name", ["nobody-at-all", "Alice%00", "x" * 101])
def test_who_owns_nothing_is_not_found_and_a_name_that_cannot_be_is_refused(api: httpx.Client, name: str) -> None:
    response = api.get(f"/owners/{name}")
    problem = assert_problem(response, 404 if name == "nobody-at-all" else 422)
    assert name != "nobody-at-all" or problem["title"] == "There is no such owner"
