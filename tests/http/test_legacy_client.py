"""A client written for the service before this one still works: it knows only the shapes of old, ignores the rest."""

from datetime import datetime
from typing import Any, Literal, TypeVar

import httpx
import msgspec
from msgspec import Struct

from tests.support.sample_items import an_item, some_name

T = TypeVar("T")


class Item(Struct):
    id: int
    name: str
    description: str
    category: str
    image_urls: list[str]
    location_lat: float
    location_lon: float
    owner_id: str
    status: Literal["active", "archived", "swapped"]
    created_at: datetime
    updated_at: datetime


class StatusChanged(Struct):
    message: str
    item_id: int
    new_status: str


class HistoryEntry(Struct):
    sequence: int
    type: str
    timestamp: datetime
    user: str
    changes: dict[str, Any]


class History(Struct):
    current: Item
    history: list[HistoryEntry]
    event_count: int
    created_at: datetime
    last_modified_at: datetime | None


class AuditEntry(Struct):
    sequence: int
    event_type: str
    timestamp: datetime
    user_id: str
    changes: dict[str, Any] | None = None
    previous_values: dict[str, Any] | None = None
    old_status: str | None = None
    new_status: str | None = None
    reason: str | None = None


class AuditTrail(Struct):
    item_id: int
    total_events: int
    audit_trail: list[AuditEntry]


class Rebuilt(Struct):
    message: str
    item_id: int
    item: Item


class TimeTravel(Struct):
    item_id: int
    timestamp: datetime
    state_at_time: Item


class Stats(Struct):
    total_items: int
    active_items: int
    swapped_items: int
    by_category: dict[str, int]


def parsed(response: httpx.Response, shape: type[T], status: int = 200) -> T:
    assert response.status_code == status, response.text
    return msgspec.json.decode(response.content, type=shape)


def test_the_way_of_an_item_through_the_old_client(api: httpx.Client) -> None:
    owner = some_name("old-client")
    item = parsed(api.post("/items", json=an_item(owner_id=owner)), Item, 201)
    path = f"/items/{item.id}"

    updated = parsed(api.put(path, json={"name": "Border spade", "category": "garden"}), Item)
    assert (updated.id, updated.name, updated.category) == (item.id, "Border spade", "garden")

    change = parsed(
        api.patch(f"{path}/status", params={"new_status": "swapped", "reason": "for a rake"}), StatusChanged
    )
    assert change == StatusChanged(f"Item {item.id} status changed to swapped", item.id, "swapped")

    now = parsed(api.get(path), Item)
    assert (now.status, now.name, now.created_at) == ("swapped", "Border spade", item.created_at)

    history = parsed(api.get(f"{path}/history"), History)
    assert history.current == now
    assert [entry.type for entry in history.history] == ["item_created", "item_updated", "item_status_changed"]
    assert (history.event_count, history.created_at, history.last_modified_at) == (3, item.created_at, now.updated_at)

    trail = parsed(api.get(f"{path}/audit-trail"), AuditTrail)
    assert (trail.item_id, trail.total_events) == (item.id, 3)
    assert trail.audit_trail[1].changes == {"name": "Border spade", "category": "garden"}
    assert trail.audit_trail[1].previous_values == {"name": "Garden spade", "category": "tools"}
    assert (trail.audit_trail[2].old_status, trail.audit_trail[2].new_status) == ("active", "swapped")
    assert trail.audit_trail[2].reason == "for a rake"

    rebuilt = parsed(api.post(f"{path}/rebuild"), Rebuilt)
    assert (rebuilt.item_id, rebuilt.item) == (item.id, now)

    naive = item.created_at.replace(tzinfo=None).isoformat()
    travelled = parsed(api.get(f"{path}/time-travel", params={"timestamp": naive}), TimeTravel)
    assert (travelled.timestamp, travelled.state_at_time) == (item.created_at, item)

    assert [each.id for each in parsed(api.get(f"/items/owner/{owner}", params={"status": "swapped"}), list[Item])] == [
        item.id
    ]
    assert parsed(api.get("/items", params={"search": "border", "category": "garden", "limit": 100}), list[Item]) == []
    assert parsed(api.get("/stats"), Stats).by_category["garden"] >= 1

    assert api.delete(path).status_code == 204
    assert parsed(api.get(path), Item).status == "archived"


def test_the_instant_of_an_old_client_is_an_answer_or_404_but_never_a_failure(api: httpx.Client) -> None:
    item = parsed(api.post("/items", json=an_item()), Item, 201)
    response = api.get(f"/items/{item.id}/time-travel?timestamp=2026-01-15T10:30:00")
    assert response.status_code == 404
    assert response.json()["detail"] == f"There was no item {item.id} at 2026-01-15T10:30:00Z."


def test_what_an_old_client_shows_of_a_failure_is_a_sentence(api: httpx.Client) -> None:
    assert api.get("/items/2147483647").json()["detail"] == "There is no such item."
    assert api.post("/items", json=an_item(name="")).json()["detail"] == "name: Expected `str` of length >= 1."
