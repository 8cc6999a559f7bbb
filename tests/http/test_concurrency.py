"""Races over HTTP: many clients at once, none loses what another did, and who came too late is told."""

from collections import Counter
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from tests.support.racing_clients import send_at_once
from tests.support.response_shapes import assert_problem, events_of, types_of
from tests.support.sample_items import an_item, created, present, some_name


def test_fifty_creates_at_once_make_fifty_items(api: httpx.Client) -> None:
    owner = some_name("race")
    responses = send_at_once(
        api, 50, lambda client, number: client.post("/items", json=an_item(owner_id=owner, name=f"Item {number}"))
    )
    assert {response.status_code for response in responses} == {201}
    items = {response.json()["id"]: response.json() for response in responses}
    assert len(items) == 50
    assert {item["id"]: item for item in api.get(f"/items/owner/{owner}").json()} == items


def test_twenty_updates_at_once_are_all_kept(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    responses = send_at_once(
        api, 20, lambda client, number: client.put(f"/items/{item_id}", json={"name": f"Name {number}"})
    )
    assert {response.status_code for response in responses} == {200}
    by_version = {response.json()["version"]: response.json() for response in responses}
    assert sorted(by_version) == list(range(2, 22))
    _, *updates = events_of(api, item_id)
    assert [update["version"] for update in updates] == list(range(2, 22))
    assert [update["changes"]["name"] for update in updates] == [by_version[n]["name"] for n in range(2, 22)]
    names = ["Garden spade", *(update["changes"]["name"] for update in updates)]
    assert [update["previous_values"]["name"] for update in updates] == names[:-1]
    assert present(api, item_id) == by_version[21]


def test_twenty_updates_at_once_of_different_fields_lose_none(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    fields = [{"name": "N"}, {"description": "D"}, {"category": "C"}, {"location_lat": 1}, {"status": "swapped"}]
    responses = send_at_once(api, 20, lambda client, number: client.put(f"/items/{item_id}", json=fields[number % 5]))
    assert {response.status_code for response in responses} == {200}
    item = present(api, item_id)
    assert (item["name"], item["description"], item["category"], item["location_lat"]) == ("N", "D", "C", 1)
    assert (item["status"], item["version"]) == ("swapped", 6)


@pytest.mark.parametrize(
    ("headers", "parameters", "late", "title"),
    [
        ({"If-Match": '"1"'}, {}, 412, "The precondition does not hold"),
        ({}, {"expected_version": 1}, 409, "Somebody else was first"),
    ],
    ids=["If-Match", "expected_version"],
)
def test_of_twenty_updates_of_the_same_version_one_wins(
    api: httpx.Client, headers: dict[str, str], parameters: dict[str, int], late: int, title: str
) -> None:
    item_id = created(api)["id"]
    responses = send_at_once(
        api,
        20,
        lambda client, number: client.put(
            f"/items/{item_id}", headers=headers, params=parameters, json={"name": f"Name {number}"}
        ),
    )
    assert Counter(response.status_code for response in responses) == {200: 1, late: 19}
    (winner,) = [response for response in responses if response.status_code == 200]
    for response in responses:
        if response is not winner:
            problem = assert_problem(response, late)
            assert (problem["title"], problem["current_version"], problem["expected_version"]) == (title, 2, 1)
    assert present(api, item_id) == winner.json()
    assert types_of(api, item_id) == ["item_created", "item_updated"]


@pytest.mark.parametrize(
    ("send", "status", "recorded"),
    [
        (lambda client, path: client.delete(path), 204, "item_deleted"),
        (lambda client, path: client.put(path, json={"name": "Same"}), 200, "item_updated"),
        (lambda client, path: client.patch(f"{path}/status?new_status=swapped"), 200, "item_status_changed"),
    ],
    ids=["delete", "update", "status"],
)
def test_twenty_times_the_same_command_at_once_records_it_once(
    api: httpx.Client, send: Any, status: int, recorded: str
) -> None:
    item_id = created(api)["id"]
    responses = send_at_once(api, 20, lambda client, _: send(client, f"/items/{item_id}"))
    assert {response.status_code for response in responses} == {status}
    assert types_of(api, item_id) == ["item_created", recorded]


def test_restores_and_deletes_at_once_are_all_answered(api: httpx.Client) -> None:
    """The loser of a race decides again: an existing item needs no restore, and a deleted item needs no delete."""
    path = f"/items/{created(api)['id']}"

    def send(client: httpx.AsyncClient, number: int) -> Coroutine[Any, Any, httpx.Response]:
        return client.delete(path) if number % 2 else client.post(f"{path}/restore?version=1")

    assert {response.status_code for response in send_at_once(api, 20, send)} == {200, 204}
    _, *types = types_of(api, int(path.rpartition("/")[2]))
    assert types == [("item_deleted", "item_restored")[number % 2] for number in range(len(types))]
    assert api.post(f"{path}/restore?version=1").json()["deleted_at"] is None


def test_readers_never_miss_an_item_that_is_being_rebuilt_and_changed(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    path = f"/items/{item_id}"

    def send(client: httpx.AsyncClient, number: int) -> Coroutine[Any, Any, httpx.Response]:
        if number % 3 == 0:
            return client.post(f"{path}/rebuild")
        return client.get(path) if number % 3 == 1 else client.put(path, json={"name": f"Name {number}"})

    assert {response.status_code for response in send_at_once(api, 45, send)} == {200}
    assert present(api, item_id)["version"] == 16
    assert api.post(f"{path}/rebuild").json()["changed"] is False


def test_a_stale_condition_is_told_even_of_an_item_that_is_deleted_by_now(api: httpx.Client) -> None:
    path = f"/items/{created(api)['id']}"
    api.delete(path)
    assert_problem(api.put(path, json={"name": "Spade"}, headers={"If-Match": '"1"'}), 412)
    assert_problem(api.delete(path, params={"expected_version": 1}), 409)
    assert_problem(api.put(path, json={"name": "Spade"}, headers={"If-Match": '"2"'}), 409)
