"""Conditional requests (RFC 9110, 13): If-Match, If-None-Match and expected_version, alone and together."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.support.racing_clients import send_at_once
from tests.support.response_shapes import assert_problem, types_of
from tests.support.sample_items import an_item, created, present, some_name

COMMANDS: list[tuple[str, str, Any, int]] = [
    ("PUT", "", {"name": "Border spade"}, 200),
    ("PUT", "", {}, 200),
    ("PATCH", "/status?new_status=swapped", None, 200),
    ("PATCH", "/status", {"new_status": "active"}, 200),
    ("DELETE", "", None, 204),
    ("POST", "/restore?version=1", None, 200),
    ("POST", "/rebuild", None, 200),
]
MALFORMED = [
    *("", ",", "1", "abc", "W/", "W/1", 'w/"2"', 'W/ "2"', '"2', '2"', '"2" "3"', '"2";"3"', "'2'", "²", '"2", abc'),
    *('"a b"', '*, "2"', '"2", *', "**", '"2"x', '"' * 3),
]
ANOTHER = ['"1"', '"3"', 'W/"2"', 'W/"2", "1"', '""', '"abc"', '"02"', '"2."', '"²"', f'"{"9" * 40}"']
THIS = ['"2"', '"1", "2"', '"2","1"', ',, "7" ,\t"2",', '"a,b", "2"', 'W/"2", "2"', "*"]


def at_version_2(api: httpx.Client) -> int:
    item_id: int = created(api)["id"]
    api.put(f"/items/{item_id}", json={"description": "Somebody was here."})
    return item_id


def send(api: httpx.Client, item_id: int, command: tuple[str, str, Any, int], **headers: str) -> httpx.Response:
    """`command` under headers named as arguments, such as `if_match`."""
    method, path, body, _ = command
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return api.request(method, f"/items/{item_id}{path}", json=body, headers=given)


@pytest.mark.parametrize("tags", THIS)
def test_a_list_with_this_version_in_it_names_it(api: httpx.Client, tags: str) -> None:
    item_id = at_version_2(api)
    assert_problem(send(api, item_id, COMMANDS[4], if_none_match=tags), 412)
    assert present(api, item_id)["deleted_at"] is None
    assert send(api, item_id, COMMANDS[0], if_match=tags).json()["version"] == 3


@pytest.mark.parametrize("tags", ANOTHER)
def test_another_tag_and_a_weak_one_do_not_name_this_version(api: httpx.Client, tags: str) -> None:
    item_id = at_version_2(api)
    assert assert_problem(send(api, item_id, COMMANDS[4], if_match=tags), 412)["current_version"] == 2
    assert present(api, item_id)["version"] == 2
    assert send(api, item_id, COMMANDS[4], if_none_match=tags).status_code == 204


def test_who_sends_a_weak_tag_is_told_what_to_send(api: httpx.Client) -> None:
    problem = assert_problem(send(api, at_version_2(api), COMMANDS[0], if_match='W/"2"'), 412)
    assert problem["detail"] == 'A weak tag in If-Match never matches: send "2", without W/.'


@pytest.mark.parametrize("name", ["if_match", "if_none_match"])
@pytest.mark.parametrize("tags", MALFORMED)
def test_what_is_no_list_of_entity_tags_is_400(api: httpx.Client, name: str, tags: str) -> None:
    item_id = at_version_2(api)
    for command in COMMANDS:
        assert_problem(send(api, item_id, command, **{name: tags}), 400)
    assert present(api, item_id)["version"] == 2
    for path in ("/items", "/items/import"):
        sent = [(name.replace("_", "-").encode(), tags.encode())]
        assert_problem(api.post(path, json=an_item(), headers=sent), 400)


def test_several_lines_of_a_header_are_one_list(api: httpx.Client) -> None:
    item_id = at_version_2(api)
    path = f"/items/{item_id}"
    assert_problem(api.delete(path, headers=[("If-None-Match", '"7"'), ("If-None-Match", '"2"')]), 412)
    assert_problem(api.delete(path, headers=[("If-Match", '"2"'), ("If-Match", "abc")]), 400)
    assert_problem(api.delete(path, headers=[("If-Match", '"7"'), ("If-Match", "*")]), 400)
    assert api.get(path, headers=[("If-None-Match", '"7"'), ("If-None-Match", '"2"')]).status_code == 304
    assert api.delete(path, headers=[("If-Match", '"7"'), ("If-Match", '"2"')]).status_code == 204


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "expected_version", "status"),
    [
        ('"2"', '"1"', 2, 200),
        ('"1"', None, 1, 412),
        ('"1"', None, 2, 412),
        ('"2"', None, 1, 409),
        ("*", None, 1, 409),
        ("*", None, 2, 200),
        ('"2"', '"2"', None, 412),
        ("*", "*", None, 412),
        (None, '"1"', 1, 409),
        (None, '"2"', 1, 412),
        (None, "*", 2, 412),
    ],
)
def test_all_conditions_must_hold_and_headers_go_first(
    api: httpx.Client, if_match: str | None, if_none_match: str | None, expected_version: int | None, status: int
) -> None:
    item_id = at_version_2(api)
    headers = {"If-Match": if_match, "If-None-Match": if_none_match}
    response = api.put(
        f"/items/{item_id}",
        params={} if expected_version is None else {"expected_version": expected_version},
        json={"name": "Border spade"},
        headers={name: value for name, value in headers.items() if value},
    )
    assert response.status_code == status
    assert present(api, item_id)["version"] == (3 if status == 200 else 2)


def test_a_deleted_item_is_still_there(api: httpx.Client) -> None:
    item_id = at_version_2(api)
    assert send(api, item_id, COMMANDS[4]).status_code == 204
    assert_problem(send(api, item_id, COMMANDS[5], if_none_match="*"), 412)
    assert_problem(send(api, item_id, COMMANDS[4], if_none_match='"3"'), 412)
    assert send(api, item_id, COMMANDS[5], if_match="*").status_code == 200


@pytest.mark.parametrize("condition", [{"if_match": '"2"'}, {"if_none_match": '"3"'}])
@pytest.mark.parametrize("command", COMMANDS[:-1], ids=lambda command: " ".join(command[:2]))
def test_a_repeated_key_answers_as_the_first_time_though_its_condition_no_longer_holds(
    api: httpx.Client, command: tuple[str, str, Any, int], condition: dict[str, str]
) -> None:
    item_id, key = at_version_2(api), some_name("key")
    first = send(api, item_id, command, idempotency_key=key, **condition)
    assert first.status_code == command[3]
    api.put(f"/items/{item_id}", json={"name": "Hoe"})
    before = types_of(api, item_id)
    for now in (condition, {"if_match": '"99"'}, {"if_none_match": "*"}):
        again = send(api, item_id, command, idempotency_key=key, **now)
        assert (again.status_code, again.content, again.headers["ETag"]) == (
            first.status_code,
            first.content,
            first.headers["ETag"],
        )
        assert again.headers["Idempotent-Replayed"] == "true"
    assert types_of(api, item_id) == before


@pytest.mark.parametrize("path", ["/items", "/items/import"])
def test_a_repeated_creation_answers_as_the_first_time_whatever_its_condition(api: httpx.Client, path: str) -> None:
    key = {"Idempotency-Key": some_name("key")}
    body = an_item() if path == "/items" else [an_item()]
    first = api.post(path, json=body, headers=key)
    again = api.post(path, json=body, headers=key | {"If-Match": '"1"'})
    assert (again.status_code, again.content) == (first.status_code, first.content)


@pytest.mark.parametrize(
    ("condition", "late"),
    [({"If-Match": '"2", "7"'}, 412), ({"If-Match": '"1", "2"', "If-None-Match": '"3"'}, 412)],
)
def test_of_twenty_writers_under_one_condition_one_wins(
    api: httpx.Client, condition: dict[str, str], late: int
) -> None:
    item_id = at_version_2(api)
    responses = send_at_once(
        api, 20, lambda client, n: client.put(f"/items/{item_id}", headers=condition, json={"name": f"Name {n}"})
    )
    assert Counter(response.status_code for response in responses) == {200: 1, late: 19}
    assert {response.json().get("current_version", 3) for response in responses} == {3}
    assert types_of(api, item_id) == ["item_created", "item_updated", "item_updated"]


def test_a_list_lets_as_many_writers_through_as_it_has_versions(api: httpx.Client) -> None:
    """Who lost the race for one version of the list gets the next, and nobody one beyond the list."""
    item_id = at_version_2(api)
    condition = {"If-Match": '"2", "3", "4"'}
    responses = send_at_once(
        api, 12, lambda client, n: client.put(f"/items/{item_id}", headers=condition, json={"name": f"Name {n}"})
    )
    assert Counter(response.status_code for response in responses) == {200: 3, 412: 9}
    assert present(api, item_id)["version"] == 5


def test_of_writers_that_exclude_a_version_none_is_carried_out_on_it(api: httpx.Client) -> None:
    item_id = at_version_2(api)
    condition = {"If-None-Match": '"3"'}
    responses = send_at_once(
        api, 12, lambda client, n: client.put(f"/items/{item_id}", headers=condition, json={"name": f"Name {n}"})
    )
    assert Counter(response.status_code for response in responses) == {200: 1, 412: 11}
    assert present(api, item_id)["version"] == 3


def test_a_read_understands_every_way_to_name_a_version(api: httpx.Client) -> None:
    path = f"/items/{at_version_2(api)}"
    for tags in (*THIS, '"1", W/"2"'):
        assert api.get(path, headers={"If-None-Match": tags}).status_code == 304, tags
    for tags in (*ANOTHER[:2], '"11"', '""', '"abc"', "", "abc", "2"):
        assert api.get(path, headers={"If-None-Match": tags}).status_code == 200, tags
    for tags, status in (('"1", "2"', 200), ('"1", W/"2"', 412), ("abc", 400)):
        assert api.get(path, headers={"If-Match": tags}).status_code == status, tags


def test_if_match_is_evaluated_before_if_none_match(api: httpx.Client) -> None:
    path = f"/items/{at_version_2(api)}"
    assert_problem(api.get(path, headers={"If-Match": '"1"', "If-None-Match": '"2"'}), 412)
    assert api.get(path, headers={"If-Match": '"2"', "If-None-Match": '"2"'}).status_code == 304
    assert_problem(api.get("/items/2147483647", headers={"If-Match": "*", "If-None-Match": "*"}), 404)
