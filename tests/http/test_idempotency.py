"""Idempotency-Key: a command sent twice is carried out once, and answered as it was the first time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.store.idempotency import DELETE_EXPIRED
from tests.support.response_shapes import assert_problem, events_of
from tests.support.sample_items import an_item, created, some_name

COMMANDS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PUT", "/items/{id}", {"name": "Rake"}),
    ("PATCH", "/items/{id}/status?new_status=swapped", None),
    ("PATCH", "/items/{id}/status", {"new_status": "archived", "reason": "lent"}),
    ("DELETE", "/items/{id}?reason=rusty", None),
    ("POST", "/items/{id}/restore?version=1", None),
]


def send(api: httpx.Client, command: tuple[str, str, Any], item: dict[str, Any], key: str) -> httpx.Response:
    method, path, body = command
    return api.request(method, path.format(id=item["id"]), json=body, headers={"Idempotency-Key": key})


def told(response: httpx.Response) -> tuple[Any, ...]:
    """All that a client can learn of the outcome."""
    headers = [response.headers.get(name) for name in ("ETag", "Location", "X-Position", "Content-Type")]
    return (response.status_code, response.content, *headers)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_command_sent_again_is_answered_again_and_not_carried_out_again(
    api: httpx.Client, command: tuple[str, str, Any]
) -> None:
    item, key = created(api), some_name("key")
    api.put(f"/items/{item['id']}", json={"description": "As it was before."})
    first = send(api, command, item, key)
    assert first.is_success
    assert "Idempotent-Replayed" not in first.headers
    api.post(f"/items/{item['id']}/restore?version=1")
    api.put(f"/items/{item['id']}", json={"name": "Hoe"})
    before = events_of(api, item["id"])
    again = send(api, command, item, key)
    assert told(again) == told(first)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert events_of(api, item["id"]) == before


def test_an_item_is_created_once(api: httpx.Client) -> None:
    body, headers = an_item(owner_id=some_name("owner")), {"Idempotency-Key": some_name("key")}
    first, again = (api.post("/items", json=body, headers=headers) for _ in range(2))
    assert first.status_code == 201
    assert told(again) == told(first)
    assert len(api.get(f"/items/owner/{body['owner_id']}").json()) == 1


def test_an_import_is_stored_once(api: httpx.Client) -> None:
    owner, headers = some_name("owner"), {"Idempotency-Key": some_name("key")}
    body = [an_item(owner_id=owner), an_item(owner_id=owner)]
    first, again = (api.post("/items/import", json=body, headers=headers) for _ in range(2))
    assert first.status_code == 200
    assert told(again) == told(first)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.get(f"/items/owner/{owner}").json()) == 2
    other = assert_problem(api.post("/items/import", json=body[:1], headers=headers), 422)
    assert other["type"].endswith("key-reused")


def test_a_command_that_changed_nothing_is_kept_too(api: httpx.Client) -> None:
    item, key = created(api, name="Spade"), some_name("key")
    first = send(api, ("PUT", "/items/{id}", {"name": "Spade"}), item, key)
    api.put(f"/items/{item['id']}", json={"name": "Rake"})
    again = send(api, ("PUT", "/items/{id}", {"name": "Spade"}), item, key)
    assert told(again) == told(first)
    assert api.get(f"/items/{item['id']}").json()["name"] == "Rake"


@pytest.mark.parametrize(
    "other",
    [
        ("PUT", "/items/{id}", {"name": "Hoe"}),
        ("PUT", "/items/{id}?expected_version=1", {"name": "Rake"}),
        ("DELETE", "/items/{id}", {"name": "Rake"}),
    ],
    ids=["another body", "another query", "another method"],
)
def test_a_key_is_good_for_one_request(api: httpx.Client, other: tuple[str, str, Any]) -> None:
    item, key = created(api), some_name("key")
    send(api, ("PUT", "/items/{id}", {"name": "Rake"}), item, key)
    problem = assert_problem(send(api, other, item, key), 422)
    assert problem["type"].endswith("key-reused")
    assert len(events_of(api, item["id"])) == 2


def test_keys_are_each_users_own(api: httpx.Client) -> None:
    item, key = created(api), some_name("key")
    for user, name in (("alice", "Rake"), ("bob", "Hoe")):
        send(api, ("PUT", f"/items/{{id}}?user_id={user}", {"name": name}), item, key)
    assert [event["user_id"] for event in events_of(api, item["id"])][1:] == ["alice", "bob"]


def test_a_refused_command_is_not_kept(api: httpx.Client) -> None:
    item, key = created(api), some_name("key")
    stale = ("PUT", "/items/{id}?expected_version=7", {"name": "Rake"})
    assert_problem(send(api, stale, item, key), 409)
    for number in range(6):
        api.put(f"/items/{item['id']}", json={"name": f"Spade {number}"})
    assert send(api, stale, item, key).json()["version"] == 8


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there"], ids=["empty", "too long", "a control character"])
def test_a_key_that_is_none_is_refused(api: httpx.Client, key: str) -> None:
    assert_problem(api.post("/items", json=an_item(), headers={"Idempotency-Key": key}), 400)


@given(st.sampled_from(COMMANDS), st.booleans(), st.integers(2, 4))
@settings(max_examples=25)
def test_the_same_request_at_the_same_time_is_carried_out_once(
    api: httpx.Client, command: tuple[str, str, Any], conditional: bool, times: int
) -> None:
    """Also where each saw the version that only the first one still finds."""
    item, key, lined_up = created(api), some_name("key"), Barrier(times)
    api.put(f"/items/{item['id']}", json={"description": "As it was before."})
    method, path, body = command
    if conditional:
        path += "&expected_version=2" if "?" in path else "?expected_version=2"

    def once(_: int) -> httpx.Response:
        with httpx.Client(base_url=api.base_url, timeout=30) as client:
            client.get("/stats")
            lined_up.wait()
            return send(client, (method, path, body), item, key)

    with ThreadPoolExecutor(times) as pool:
        responses = list(pool.map(once, range(times)))
    assert {told(response) for response in responses} == {told(responses[0])}
    assert responses[0].is_success
    assert len(events_of(api, item["id"])) == 3
    assert sum("Idempotent-Replayed" not in response.headers for response in responses) == 1


def test_what_was_kept_for_three_days_is_swept(api: httpx.Client, service_conninfo: str) -> None:
    """The keys are used a little more and a little less than three days ago."""
    item, old, young = created(api), some_name("key"), some_name("key")
    for key, name in ((old, "Rake"), (young, "Hoe")):
        send(api, ("PUT", "/items/{id}", {"name": name}), item, key)
    with psycopg.connect(service_conninfo, autocommit=True) as connection:
        age = "update catalog.idempotency_keys set stored_at = stored_at - %s::interval where key = %s"
        for key, interval in ((old, "72 hours 1 minute"), (young, "71 hours")):
            connection.execute(age, (interval, key))
        connection.execute(DELETE_EXPIRED)
        kept = connection.execute("select key from catalog.idempotency_keys where key = any (%s)", ([old, young],))
        assert kept.fetchall() == [(young,)]
