"""Commands over HTTP."""

import httpx

from tests.items import an_item


def test_a_created_item_is_answered_whole_with_its_address(api: httpx.Client) -> None:
    response = api.post("/items", json=an_item())
    assert response.status_code == 201
    assert response.headers["Location"] == f"{api.base_url}items/{response.json()['id']}"
