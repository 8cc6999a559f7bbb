"""Addresses, parameters and headers that are refused: no input gives a 500, and each refusal is a problem."""

import socket
from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused, assert_problem, types_of
from tests.support.sample_items import an_item, created, some_name

TOO_LARGE = str(2**31)


@pytest.mark.parametrize(
    "item_id",
    [
        *("0", "-1", "-0", str(2**31 - 1), TOO_LARGE, str(2**63), "9" * 23, "9" * 5000),
        *("1_0", "+1", "%2B1", "%201", "1%20", "1%0A", "1%00", "%00", "01", "1.0", "1e0", "0x1", "null", "abc"),
        *("%D9%A1", "%C2%BD", "%FF", "{item_id}", "%F0%9F%9A%B2", "1'--"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/history"])
def test_what_is_no_id_of_an_item_is_404(api: httpx.Client, item_id: str, rest: str) -> None:
    created(api)
    assert_problem(api.get(f"/items/{item_id}{rest}"), 404)


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("PUT", ""),
        ("DELETE", ""),
        ("PATCH", "/status?new_status=swapped"),
        ("POST", "/rebuild"),
        ("POST", "/restore?version=1"),
    ],
)
def test_an_id_written_another_way_is_not_the_item(api: httpx.Client, method: str, rest: str) -> None:
    item_id = created(api)["id"]
    body = {"name": "Border spade"} if method == "PUT" else None
    for written in (f"0{item_id}", f"+{item_id}", f"%20{item_id}", f"{item_id}%0A"):
        assert_problem(api.request(method, f"/items/{written}{rest}", json=body), 404)
    assert types_of(api, item_id) == ["item_created"]


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/nope?x=1", "/items/1/nope", "/items/owner", "/items/owner/", "/stats/nope", "/%00", "/%FF"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_route_is_404(api: httpx.Client, method: str, path: str) -> None:
    problem = assert_problem(api.request(method, path), 404)
    assert problem["title"] == "There is no such thing"


@pytest.mark.parametrize("path", ["/nope", "/api", "/schema/nope", "/schema/a/b", "/assets/nope", "/health/nope"])
def test_an_unknown_address_beside_the_api_is_404(service: str, path: str) -> None:
    assert_problem(httpx.get(f"{service}{path}"), 404)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/items", {"GET", "POST"}),
        ("/items/1", {"GET", "PUT", "DELETE"}),
        ("/items/1/status", {"PATCH"}),
        ("/items/1/rebuild", {"POST"}),
        ("/items/1/restore", {"POST"}),
        ("/items/1/diff", {"GET"}),
        ("/items/1/history", {"GET"}),
        ("/items/1/audit-trail", {"GET"}),
        ("/items/1/time-travel", {"GET"}),
        ("/items/1/versions/1", {"GET"}),
        ("/items/owner/alice", {"GET"}),
        ("/stats", {"GET"}),
    ],
)
def test_a_wrong_method_is_405_and_told_the_right_ones(api: httpx.Client, path: str, allowed: set[str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        response = api.request(method, path)
        assert_problem(response, 405)
        assert set(response.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


LISTING = [
    *(("limit", value) for value in ("0", "-1", "101", "abc", "", "1.5", "+1", " 1", "1_0", "٣", "9" * 400)),
    *(("offset", value) for value in ("-1", "abc", "", "1.5", TOO_LARGE, "9" * 23, "9" * 5000)),
    *(("status", value) for value in ("sold", "ACTIVE", "", "active,swapped", "\0")),
    *(("search", value) for value in ("a" * 201, "a\0b", "\x1b[1m", "\x7f")),
    *((name, value) for name in ("category", "owner_id") for value in ("a" * 101, "a\0b", "\x85")),
]


@pytest.mark.parametrize(("name", "value"), LISTING)
def test_a_parameter_of_a_listing_is_refused_by_name(api: httpx.Client, name: str, value: str) -> None:
    problem = assert_fields_refused(api.get("/items", params={name: value}), f"/{name}")
    assert problem["errors"][0]["source"] == "query"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", "1"), ("limit", "100"), ("offset", "0"), ("offset", str(2**31 - 1)), ("search", "a" * 200)),
        *(("category", "c" * 100), ("owner_id", "o" * 100), ("search", "\na\t"), ("search", "\ufffd")),
    ],
)  # fmt: skip
def test_a_parameter_at_its_limit_is_accepted(api: httpx.Client, name: str, value: str) -> None:
    assert api.get("/items", params={name: value}).status_code == 200


def test_all_failing_parameters_are_told_at_once(api: httpx.Client) -> None:
    parameters = {"limit": "0", "offset": "x", "status": "sold"}
    assert_fields_refused(api.get("/items", params=parameters), "/limit", "/offset", "/status")
    assert_fields_refused(api.get("/items?a=1&limit=1&b=2&limit=1"), "/a", "/b", "/limit")


UNKNOWN = [
    *(("GET", path) for path in ("/items", "/items/1", "/items/owner/alice", "/stats", "/items/1/history")),
    *(("GET", path) for path in ("/items/1/audit-trail", "/items/1/versions/1")),
    *(("GET", path) for path in ("/items/1/time-travel?timestamp=2026-01-15", "/items/1/diff?from=1")),
    ("POST", "/items/1/restore?version=1"),
    *(("DELETE", "/items/1"), ("PATCH", "/items/1/status?new_status=active"), ("POST", "/items/1/rebuild")),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
@pytest.mark.parametrize("name", ["limits", "Status", "", "a/b~c"])
def test_an_unknown_parameter_is_refused(api: httpx.Client, method: str, path: str, name: str) -> None:
    created(api)
    response = api.request(method, f"{path}{'&' if '?' in path else '?'}{name}=1")
    problem = assert_problem(response, 422)
    assert problem["errors"][0]["detail"] == "There is no such parameter."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/items?status=any&status=active"),
        ("GET", "/items?limit=1&limit=1"),
        ("GET", "/items/1/time-travel?timestamp=2026-01-15&timestamp=2026-01-16"),
        ("PATCH", "/items/1/status?new_status=active&new_status=swapped"),
        ("DELETE", "/items/1?expected_version=1&expected_version=2"),
        ("POST", "/items/1/restore?version=1&version=2"),
        ("GET", "/items/1/diff?from=1&from=2"),
    ],
)
def test_a_parameter_given_twice_is_refused(api: httpx.Client, method: str, path: str) -> None:
    problem = assert_problem(api.request(method, path), 422)
    assert [error["detail"] for error in problem["errors"]] == ["This parameter is given more than once."]


@pytest.mark.parametrize("wrong", ["%FF", "%ED%A0%80", "%C3", "a%80b"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/items?search="), ("GET", "/items?category="), ("GET", "/items/owner/"), ("DELETE", "/items/{}?reason=")],
)
def test_an_address_that_is_not_utf_8_is_400(api: httpx.Client, method: str, path: str, wrong: str) -> None:
    item_id = created(api)["id"]
    assert_problem(api.request(method, path.format(item_id) + wrong), 400)
    assert types_of(api, item_id) == ["item_created"]


@pytest.mark.parametrize("owner", ["%00", "a%00b", "%07", "%C2%85", "o" * 101])
def test_an_owner_that_no_item_can_have_is_refused(api: httpx.Client, owner: str) -> None:
    problem = assert_fields_refused(api.get(f"/items/owner/{owner}"), "/owner_id")
    assert problem["errors"][0]["source"] == "path"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("user_id", value) for value in ("", "u" * 101, "a\0b", "\x7f")),
        *(("reason", value) for value in ("r" * 1001, "a\0b", "\r")),
        *(("expected_version", value) for value in ("0", "-1", "abc", "", "+1", TOO_LARGE, "9" * 23)),
        *(("new_status", value) for value in ("sold", "", "any", "\0")),
    ],
)
def test_a_parameter_of_a_command_is_refused_by_name(api: httpx.Client, name: str, value: str) -> None:
    item_id = created(api)["id"]
    parameters = {"new_status": "swapped", name: value}
    assert_fields_refused(api.patch(f"/items/{item_id}/status", params=parameters), f"/{name}")
    if name != "new_status":
        assert_fields_refused(api.delete(f"/items/{item_id}", params={name: value}), f"/{name}")
    assert types_of(api, item_id) == ["item_created"]


def test_the_longest_user_and_reason_are_accepted(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    parameters: dict[str, Any] = {"user_id": "ü" * 100, "reason": "r" * 1000, "new_status": "swapped"}
    assert api.patch(f"/items/{item_id}/status", params=parameters).status_code == 200
    assert api.delete(f"/items/{item_id}", params={"reason": "line one\nline two\t" + "r" * 981}).status_code == 204


def test_a_status_change_without_a_status_is_refused(api: httpx.Client) -> None:
    assert_fields_refused(api.patch(f"/items/{created(api)['id']}/status"), "/new_status")


@pytest.mark.parametrize("start", [b"\x00\x01\x02", b"GET\r\n\r\n", b"FOO /api/v2/items HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_is_not_http_does_not_hurt_the_service(service: str, api: httpx.Client, start: bytes) -> None:
    url = httpx.URL(service)
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        connection.sendall(start + b"\r\n\r\n")
        assert b" 400 " in connection.recv(65536).splitlines()[0]
    assert api.get("/stats").status_code == 200


@pytest.mark.parametrize("name", ["a%00b", "a" * 5000, "..%2f..%2fVENDORED", "nope.js"])
def test_the_page_has_only_its_own_files(service: str, name: str) -> None:
    assert_problem(httpx.get(f"{service}/assets/{name}"), 404)


@pytest.mark.parametrize("host", ["x:99999", "x:y", "[", "a b", "x/y", "@"])
def test_a_strange_host_is_refused_before_anything_is_stored_or_makes_no_difference(
    api: httpx.Client, host: str
) -> None:
    """Never is an item stored and a failure answered."""
    owner = some_name("host")
    headers = {"Host": host}
    response = api.post("/items", json=an_item(owner_id=owner), headers=headers)
    stored = api.get(f"/items/owner/{owner}").json()
    if response.status_code == 201:
        assert response.headers["Location"].endswith(f"/api/v2/items/{stored[0]['id']}")
    else:
        assert_problem(response, 400)
        assert stored == []
    assert api.get("/nope", headers=headers).status_code in (400, 404)
    assert api.get("/events?limit=1", headers=headers).status_code in (200, 400)
