"""An item's past over HTTP: history, audit trail, versions, time travel and rebuild, which never disagree."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from msgspec import Struct

from tests.support.response_shapes import INSTANT, assert_item, assert_problem
from tests.support.sample_items import an_item, created, present

UPDATE = {"name": "Border spade", "location_lat": 48.1}
PREVIOUS = {"name": "Garden spade", "location_lat": 52.52}
TAGS = ["item_created", "item_updated", "item_status_changed", "item_updated", "item_status_changed", "item_deleted"]


class Story(Struct, frozen=True):
    """An item that was created, updated, swapped, updated and offered again in one go, and deleted."""

    id: int
    states: list[dict[str, Any]]
    """Its documents at versions 1, 2, …"""
    history: dict[str, Any]
    trail: dict[str, Any]


@pytest.fixture(scope="module")
def story(api: httpx.Client) -> Story:
    first = api.post("/items", params={"user_id": "ann"}, json=an_item()).json()
    address = f"/items/{first['id']}"
    second = api.put(address, params={"user_id": "bob"}, json=UPDATE).json()
    api.patch(f"{address}/status", params={"user_id": "cat", "new_status": "swapped", "reason": "for a rake"})
    third = api.get(address).json()
    fifth = api.put(address, params={"user_id": "dan"}, json={"category": "garden", "status": "active"}).json()
    api.delete(address, params={"user_id": "eve", "reason": "broken"})
    history, trail = api.get(f"{address}/history").json(), api.get(f"{address}/audit-trail").json()
    fourth = {**fifth, "status": "swapped", "version": 4, "updated_at": trail["audit_trail"][3]["timestamp"]}
    return Story(first["id"], [first, second, third, fourth, fifth, api.get(address).json()], history, trail)


def test_the_history_tells_every_event_with_its_data(story: Story) -> None:
    history = story.history
    assert history.keys() == {"current", "history", "event_count", "created_at", "last_modified_at"}
    assert history["current"] == story.states[-1]
    assert history["event_count"] == len(history["history"]) == 6
    known = {"sequence", "type", "timestamp", "user", "changes", "version", "event_id", "correlation_id"}
    assert all(entry.keys() == known for entry in history["history"])
    assert [entry["version"] for entry in history["history"]] == [1, 2, 3, 4, 5, 6]
    assert [entry["type"] for entry in history["history"]] == TAGS
    assert [entry["user"] for entry in history["history"]] == ["ann", "bob", "cat", "dan", "dan", "eve"]
    assert [entry["changes"] for entry in history["history"]] == [
        an_item(),
        {"changes": UPDATE, "previous_values": PREVIOUS},
        {"old_status": "active", "new_status": "swapped", "reason": "for a rake"},
        {"changes": {"category": "garden"}, "previous_values": {"category": "tools"}},
        {"old_status": "swapped", "new_status": "active", "reason": None},
        {"reason": "broken"},
    ]


def test_the_audit_trail_tells_who_did_what(story: Story) -> None:
    assert story.trail.keys() == {"item_id", "total_events", "audit_trail"}
    assert (story.trail["item_id"], story.trail["total_events"]) == (story.id, 6)
    common = {"sequence", "event_type", "timestamp", "user_id", "version"}
    assert [(entry["event_type"], entry["user_id"], entry["version"]) for entry in story.trail["audit_trail"]] == [
        *zip(TAGS, ["ann", "bob", "cat", "dan", "dan", "eve"], range(1, 7), strict=True)
    ]
    assert [{field: entry[field] for field in entry.keys() - common} for entry in story.trail["audit_trail"]] == [
        {},
        {"changes": UPDATE, "previous_values": PREVIOUS},
        {"old_status": "active", "new_status": "swapped", "reason": "for a rake"},
        {"changes": {"category": "garden"}, "previous_values": {"category": "tools"}},
        {"old_status": "swapped", "new_status": "active", "reason": None},
        {"reason": "broken"},
    ]


def test_history_and_audit_trail_agree_on_sequence_and_time(story: Story) -> None:
    entries, trail = story.history["history"], story.trail["audit_trail"]
    assert [(entry["sequence"], entry["timestamp"]) for entry in entries] == [
        (entry["sequence"], entry["timestamp"]) for entry in trail
    ]
    assert sorted({entry["sequence"] for entry in trail}) == [entry["sequence"] for entry in trail]
    assert [entry["timestamp"] for entry in trail] == [state["updated_at"] for state in story.states]
    assert story.history["created_at"] == trail[0]["timestamp"] == story.states[0]["created_at"]
    assert story.history["last_modified_at"] == trail[-1]["timestamp"]
    assert all(INSTANT.fullmatch(entry["timestamp"]) for entry in trail)


def test_an_item_with_one_event_was_never_modified(api: httpx.Client) -> None:
    item = created(api)
    response = api.get(f"/items/{item['id']}/history")
    assert (response.json()["last_modified_at"], response.json()["event_count"]) == (None, 1)
    assert response.json()["created_at"] == item["created_at"]
    assert response.headers["ETag"] == '"1"'


@pytest.mark.parametrize("version", range(1, 7))
def test_each_version_is_what_the_item_was_and_may_be_kept_for_ever(
    api: httpx.Client, story: Story, version: int
) -> None:
    response = api.get(f"/items/{story.id}/versions/{version}")
    assert_item(response.json())
    assert response.json() == story.states[version - 1]
    assert response.headers["ETag"] == f'"{version}"'
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("version", range(1, 7))
def test_at_the_instant_of_an_event_the_item_is_as_the_event_left_it(
    api: httpx.Client, story: Story, version: int
) -> None:
    state = story.states[version - 1]
    instant = state["updated_at"]
    response = api.get(f"/items/{story.id}/time-travel", params={"timestamp": instant})
    assert response.status_code == 200
    assert response.json() == {
        "item_id": story.id,
        "timestamp": instant,
        "state_at_time": {**state, "as_of": instant, "event_version": version},
    }
    assert response.headers["ETag"] == f'"{version}"'


@pytest.mark.parametrize("version", range(2, 7))
def test_a_microsecond_before_an_event_the_item_is_as_it_was(api: httpx.Client, story: Story, version: int) -> None:
    before = earlier(story.states[version - 1]["updated_at"], timedelta(microseconds=1))
    state = travelled(api, story.id, before)
    assert (state.pop("as_of"), state.pop("event_version")) == (before, version - 1)
    assert state == story.states[version - 2]


def test_before_its_creation_there_is_no_item(api: httpx.Client, story: Story) -> None:
    before = earlier(story.states[0]["created_at"], timedelta(microseconds=1))
    for instant in (before, "2026-01-15T10:30:00", "2026-01-15", "0001-01-01T00:00:00Z"):
        assert_problem(api.get(f"/items/{story.id}/time-travel", params={"timestamp": instant}), 404)


def test_a_clock_that_is_a_little_ahead_is_forgiven(api: httpx.Client) -> None:
    item = created(api)
    ahead = earlier(item["updated_at"], timedelta(milliseconds=-500))
    assert travelled(api, item["id"], ahead) == {**item, "as_of": ahead, "event_version": 1}


@pytest.mark.parametrize("rewritten", [
    lambda instant: instant.removesuffix("Z"),
    lambda instant: instant.lower(),
    lambda instant: instant.replace("T", " "),
    lambda instant: instant.replace("Z", "+00:00"),
    lambda instant: instant.replace("Z", "-00:00"),
    lambda instant: instant.replace("Z", "999999Z"),
    lambda instant: instant.replace("Z", "9" * 30 + "Z"),
    lambda instant: in_zone(instant, "+05:45"),
    lambda instant: in_zone(instant, "-11:30"),
    lambda instant: in_zone(instant, "+23:59"),
    lambda instant: in_zone(instant, "+05:45").replace("+", " "),
    lambda instant: in_zone(instant, "+05:45").replace("T", " ").replace("+", " "),
])  # fmt: skip
def test_an_instant_may_be_written_in_many_ways(api: httpx.Client, story: Story, rewritten: Any) -> None:
    third = story.states[2]["updated_at"]
    answer = api.get(f"/items/{story.id}/time-travel", params={"timestamp": rewritten(third)}).json()
    assert (answer["timestamp"], answer["state_at_time"]["event_version"]) == (third, 3)


def test_a_plus_that_nobody_encoded_is_understood(api: httpx.Client, story: Story) -> None:
    third = story.states[2]["updated_at"]
    answer = api.get(f"/items/{story.id}/time-travel?timestamp={in_zone(third, '+05:45')}").json()
    assert answer["timestamp"] == third


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-15", "2026-01-15T00:00:00Z"),
        ("2026-01-15T10:30:00", "2026-01-15T10:30:00Z"),
        ("2026-01-15t10:30:00z", "2026-01-15T10:30:00Z"),
        ("2026-01-15T10:30:00+05:30", "2026-01-15T05:00:00Z"),
        ("2026-01-15T00:30:00+05:30", "2026-01-14T19:00:00Z"),
        ("2026-01-15T10:30:00.1234567890123Z", "2026-01-15T10:30:00.123456Z"),
        ("2024-02-29T23:59:59.9Z", "2024-02-29T23:59:59.900000Z"),
    ],
)
def test_an_answer_without_an_item_names_the_instant_in_utc(
    api: httpx.Client, story: Story, written: str, meant: str
) -> None:
    problem = assert_problem(api.get(f"/items/{story.id}/time-travel", params={"timestamp": written}), 404)
    assert problem["detail"] == f"There was no item {story.id} at {meant}."


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "garbage", "now", "1768473000", "20260115", "2026-W03-4", "2026-01", "2026-1-5", "-2026-01-15"),
        *("\0", "2026-01-15\0", "2026-01-15\n", "2026-01-15T10:30:00Z ", "٢٠٢٦-٠١-١٥", "2026-01-15T", "a" * 5000),
        *("2026-01-15T10:30Z", "2026-01-15T10:30:00,5Z", "2026-01-15T10:30:00.Z", "2026-01-15T10:30:00+0530"),
        *("2026-02-30", "2026-13-01", "2026-00-01", "2026-01-15T24:00:00Z", "2026-01-15T10:60:00Z", "2025-02-29"),
        *("2026-01-15T10:30:00+24:00", "2026-01-15T10:30:00+05:60", "2026-01-15T10:30:00+99:99"),
        *("2016-12-31T23:59:60Z", "2016-12-31T23:59:61Z", "2026-01-15T10:30:00[Europe/Berlin]"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "10000-01-01"),
        *("9999-12-31T23:59:59Z", "2999-01-01", "2999-01-01T00:00:00+05:30"),
    ],
)  # fmt: skip
def test_what_is_no_past_instant_is_400_with_the_reason(api: httpx.Client, story: Story, written: str) -> None:
    problem = assert_problem(api.get(f"/items/{story.id}/time-travel", params={"timestamp": written}), 400)
    assert "instant" in problem["detail"] or "future" in problem["detail"]


@pytest.mark.parametrize(
    "path", ["/history", "/audit-trail", "/versions/1", "/time-travel?timestamp=2026-01-15", "/time-travel"]
)
def test_an_item_that_never_was_has_no_past(api: httpx.Client, path: str) -> None:
    assert_problem(api.get(f"/items/2147483647{path}"), 404)


@pytest.mark.parametrize("version", ["0", "-1", "7", "2147483647", "2147483648", "9" * 23, "9" * 5000, "+1", "01", "x"])
def test_a_version_that_never_was_is_404(api: httpx.Client, story: Story, version: str) -> None:
    assert_problem(api.get(f"/items/{story.id}/versions/{version}"), 404)


def test_a_rebuild_of_what_is_right_changes_nothing(api: httpx.Client, story: Story) -> None:
    response = api.post(f"/items/{story.id}/rebuild")
    assert response.status_code == 200
    assert response.json() == {
        "message": f"Item {story.id} rebuilt from 6 events",
        "item_id": story.id,
        "item": story.states[-1],
        "changed": False,
    }
    assert present(api, story.id) == story.states[-1]


@pytest.mark.parametrize(
    "damage",
    [
        """update catalog.items set document = jsonb_set(document::jsonb, '{name}', '"forged"') where id = %s""",
        "delete from catalog.items where id = %s",
    ],
    ids=["forged", "lost"],
)
def test_a_rebuild_puts_the_document_right_that_is_not_what_the_log_says(
    api: httpx.Client, service_conninfo: str, damage: str
) -> None:
    item = created(api)
    with psycopg.connect(service_conninfo, autocommit=True) as connection:
        assert connection.execute(damage.encode(), (item["id"],)).rowcount == 1
    answer = api.post(f"/items/{item['id']}/rebuild").json()
    assert (answer["changed"], answer["item"]) == (True, item)
    assert present(api, item["id"]) == item
    assert api.post(f"/items/{item['id']}/rebuild").json()["changed"] is False


def travelled(api: httpx.Client, item_id: int, instant: str) -> dict[str, Any]:
    response = api.get(f"/items/{item_id}/time-travel", params={"timestamp": instant})
    assert response.status_code == 200, response.text
    state: dict[str, Any] = response.json()["state_at_time"]
    return state


def earlier(instant: str, by: timedelta) -> str:
    return (datetime.fromisoformat(instant) - by).isoformat(timespec="microseconds").replace("+00:00", "Z")


def in_zone(instant: str, offset: str) -> str:
    """The same instant on a clock that is ahead of UTC by `offset`."""
    zone = datetime.fromisoformat(f"2026-01-01T00:00:00{offset}").tzinfo
    return datetime.fromisoformat(instant).astimezone(zone).isoformat(timespec="microseconds")
