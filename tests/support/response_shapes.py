"""The shapes that clients parse, and the shape of every refusal."""

import re
from typing import Any

import httpx

ITEM_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": int,
    "name": str,
    "description": str,
    "category": str,
    "image_urls": list,
    "location_lat": (int, float),
    "location_lon": (int, float),
    "owner_id": str,
    "status": str,
    "created_at": str,
    "updated_at": str,
    "deleted_at": (str, type(None)),
    "version": int,
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def assert_item(document: dict[str, Any]) -> None:
    """All fields of an Item, each of its type, and no other."""
    assert document.keys() == ITEM_TYPES.keys()
    for field, expected in ITEM_TYPES.items():
        assert isinstance(document[field], expected), f"{field} is {document[field]!r}"
        assert not isinstance(document[field], bool), f"{field} is {document[field]!r}"
    for field in ("created_at", "updated_at", "deleted_at"):
        assert document[field] is None or INSTANT.fullmatch(document[field]), document[field]


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in a response of that status (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:swappo:catalog:")
    assert problem["title"].strip()
    assert problem["detail"].strip()
    return problem


def assert_fields_refused(response: httpx.Response, *pointers: str) -> dict[str, Any]:
    """A 422 that names just these fields, each with its reason; its detail begins with the first of them."""
    problem = assert_problem(response, 422)
    assert sorted(error["pointer"] for error in problem["errors"]) == sorted(pointers)
    assert all(error["detail"].endswith(".") for error in problem["errors"])
    assert problem["detail"].startswith(problem["errors"][0]["pointer"].removeprefix("/") or "the body")
    return problem


def events_of(api: httpx.Client, item_id: int) -> list[dict[str, Any]]:
    """The audit trail of an item: what was recorded."""
    response = api.get(f"/items/{item_id}/audit-trail")
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["audit_trail"]
    return entries


def types_of(api: httpx.Client, item_id: int) -> list[str]:
    """The types of an item's events, in order."""
    return [entry["event_type"] for entry in events_of(api, item_id)]
