"""Items for tests: the body of one that is accepted, names that nobody else uses, and items that are in the catalog."""

import itertools
from typing import Any

import httpx

numbers = itertools.count(1)


def an_item(**fields: Any) -> dict[str, Any]:
    """The body of a POST that is accepted."""
    return {
        "name": "Garden spade",
        "description": "Sharp, hardly used.",
        "category": "tools",
        "image_urls": ["https://images.example/spade.jpg"],
        "location_lat": 52.52,
        "location_lon": 13.405,
        "owner_id": "alice",
        "status": "active",
        **fields,
    }


def some_name(kind: str) -> str:
    """A name that no other test uses."""
    return f"{kind}-{next(numbers)}"


def created(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    """An item that has just been put into the catalog, as it was answered."""
    response = api.post("/items", json=an_item(**fields))
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


def present(api: httpx.Client, item_id: int) -> dict[str, Any]:
    """An item as it is now."""
    response = api.get(f"/items/{item_id}")
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document
