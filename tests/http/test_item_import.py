"""Many items in one request: what is stored is what creating each would have stored; what is refused stores nothing."""

import gzip
import json
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from app.http.server.server import STOPS_WITHIN_SECONDS
from tests.support.append_gate import imports_held
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.response_shapes import assert_problem, events_of, types_of
from tests.support.sample_items import an_item, created, some_name
from tests.support.service_process import running_service

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def lines(items: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def shelf(api: httpx.Client, owner: str) -> list[dict[str, Any]]:
    """What an owner has, the oldest id first."""
    response = api.get("/items", params={"owner_id": owner, "status": "any"})
    assert response.status_code == 200
    return sorted(response.json(), key=lambda item: int(item["id"]))


@pytest.mark.parametrize("form", ["application/x-ndjson", "application/jsonl", "application/json; charset=utf-8"])
def test_imported_items_are_as_created_ones_in_their_order(api: httpx.Client, form: str) -> None:
    owner = some_name("owner")
    items = [an_item(owner_id=owner, name=f'"{n}" \\ \\n\n\t 🚲', location_lat=n / 3) for n in range(30)]
    body = json.dumps(items).encode() if "json;" in form else lines(items)
    response = api.post("/items/import", params={"user_id": owner}, content=body, headers={"Content-Type": form})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer.keys() == {"created", "first_position", "last_position"}
    assert answer["created"] == 30
    assert answer["last_position"] - answer["first_position"] >= 29
    assert response.headers["X-Position"] == str(answer["last_position"])
    found = shelf(api, owner)
    assert [{field: item[field] for field in an_item()} for item in found] == items
    alone = created(api, **items[0])
    same = ("id", "created_at", "updated_at")
    assert {name: found[0][name] for name in alone if name not in same} == {
        name: alone[name] for name in alone if name not in same
    }
    (entry,) = events_of(api, found[0]["id"])
    assert (entry["user_id"], entry["sequence"], entry["version"]) == (owner, answer["first_position"], 1)
    assert len({item["created_at"] for item in found}) == 1


def test_an_imported_item_is_found_changed_and_rebuilt_like_any_other(api: httpx.Client) -> None:
    owner = some_name("owner")
    api.post("/items/import", content=lines([an_item(owner_id=owner, name="Astrolabe")] * 2), headers=NDJSON)
    first, second = shelf(api, owner)
    assert {item["id"] for item in api.get("/items?search=astrolabe").json()} == {first["id"], second["id"]}
    near = api.get("/items", params={"near": "52.52,13.405", "within_km": 1, "owner_id": owner})
    assert {item["id"] for item in near.json()} == {first["id"], second["id"]}
    assert api.put(f"/items/{first['id']}", json={"name": "Sextant"}).json()["version"] == 2
    assert api.post(f"/items/{second['id']}/rebuild").json()["changed"] is False
    assert types_of(api, first["id"]) == ["item_created", "item_updated"]


def test_a_body_larger_than_others_may_be_is_imported(api: httpx.Client) -> None:
    owner = some_name("owner")
    items = [an_item(owner_id=owner, description="x" * 1000)] * 200
    assert api.post("/items/import", content=lines(items), headers=NDJSON).json()["created"] == 200


def test_blank_lines_carriage_returns_and_a_missing_last_newline_do_not_matter(api: httpx.Client) -> None:
    row = lines([an_item()]).strip()
    body = b"\n \r\n" + row + b"\r\n\n" + row
    assert api.post("/items/import", content=body, headers=NDJSON).json()["created"] == 2


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("form", ["application/x-ndjson", "application/json", "application/jsonl; charset=utf-8"])
@pytest.mark.parametrize("pieces", [1, 2, 1000], ids=lambda size: f"by {size}")
def test_a_byte_order_mark_before_a_body_is_passed_over(api: httpx.Client, form: str, pieces: int) -> None:
    body = MARK + (
        lines([an_item()] * 2) if form.rpartition("/")[2] != "json" else json.dumps([an_item()] * 2).encode()
    )
    content = (body[n : n + pieces] for n in range(0, len(body), pieces))
    answer = api.post("/items/import", content=content, headers={"Content-Type": form})
    assert answer.json()["created"] == 2, answer.text


@pytest.mark.parametrize("body", [MARK, MARK + b"\n", MARK * 2 + lines([an_item()]), b"\n" + MARK + lines([an_item()])])
@pytest.mark.parametrize("headers", [NDJSON, JSON])
def test_a_mark_is_no_item_and_stands_nowhere_else(api: httpx.Client, body: bytes, headers: dict[str, str]) -> None:
    response = api.post("/items/import", content=body, headers=headers)
    assert_problem(response, 422 if body.strip() == MARK and headers == NDJSON else 400)


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("headers", [NDJSON, JSON])
def test_another_code_than_utf_8_is_malformed_and_told_so(
    api: httpx.Client, code: str, headers: dict[str, str]
) -> None:
    body = json.dumps([an_item()] if headers == JSON else an_item()).encode(code)
    problem = assert_problem(api.post("/items/import", content=body, headers=headers), 400)
    assert problem["detail"] == "The body is in UTF-16 or UTF-32; send it in UTF-8."


@pytest.mark.parametrize("form", ["application/json; charset=utf-16", "application/x-ndjson; charset=latin1"])
def test_another_charset_is_refused(api: httpx.Client, form: str) -> None:
    response = api.post("/items/import", content=lines([an_item()]), headers={"Content-Type": form})
    assert "UTF-8" in assert_problem(response, 415)["detail"]


def test_a_compressed_import_is_refused_before_it_is_read(api: httpx.Client) -> None:
    headers = {**NDJSON, "Content-Encoding": "gzip"}
    response = api.post("/items/import", content=gzip.compress(MARK + lines([an_item()])), headers=headers)
    assert "gzip" in assert_problem(response, 415)["detail"]


BAD_LINES = [
    (b"{", 400, "The item is not JSON"),
    (b"nonsense", 400, "The item is not JSON"),
    (b'{"name": "\xff"}', 400, "The item is not JSON"),
    (b"{} {}", 400, "The item is not JSON"),
    (b"[" * 5000, 400, "The item is nested too deeply"),
    (b"[]", 422, "the item: The item must be a JSON object."),
    (b"null", 422, "the item: The item must be a JSON object."),
    (json.dumps(an_item(name="a\0b")).encode(), 422, "name: Control characters"),
    (json.dumps(an_item(name="")).encode(), 422, "name: "),
    (json.dumps(an_item(location_lat=90.1)).encode(), 422, "location_lat: "),
    (json.dumps(an_item(location_lat="1")).encode(), 422, "location_lat: "),
    (json.dumps(an_item(colour="red")).encode(), 422, "colour: There is no such field."),
    (json.dumps(an_item()).replace("52.52", "1e999").encode(), 422, "location_lat: "),
    (json.dumps(an_item()).replace("52.52", "NaN").encode(), 400, "The item is not JSON"),
    (b"{" + b" " * 65536 + json.dumps(an_item()).encode()[1:], 422, "It is longer than 65536 bytes."),
]


@pytest.mark.parametrize(
    ("bad", "status", "reason"), BAD_LINES, ids=[bad[:20].decode("latin1") for bad, *_ in BAD_LINES]
)
@pytest.mark.parametrize("form", ["lines", "array"])
def test_one_bad_item_refuses_all_by_its_line_or_index(
    api: httpx.Client, bad: bytes, status: int, reason: str, form: str
) -> None:
    owner = some_name("owner")
    good = json.dumps(an_item(owner_id=owner)).encode()
    if form == "lines":
        response = api.post("/items/import", content=b"\n".join([good, b"", bad, good]), headers=NDJSON)
        problem = assert_problem(response, status)
        assert problem["detail"].startswith(f"Line 3: {reason}")
        assert problem["line"] == 3
    elif bad not in (b"{", b"[" * 5000, b"{} {}"):
        response = api.post("/items/import", content=b"[" + b",".join([good, bad, good]) + b"]", headers=JSON)
        problem = assert_problem(response, status)
        assert problem["detail"].startswith(f"Index 1: {reason}")
        assert problem["index"] == 1
    assert shelf(api, owner) == []


def test_all_failing_fields_of_the_line_are_told(api: httpx.Client) -> None:
    problem = assert_problem(api.post("/items/import", content=b'{"name": 1}', headers=NDJSON), 422)
    assert {error["pointer"] for error in problem["errors"]} == {
        f"/{field}" for field in an_item() if field != "status"
    }


@pytest.mark.parametrize("body", [b"[", b"[{", b"", b"{}", b"[]]", b"[] []", b'["'])
def test_a_body_that_is_no_array_is_malformed(api: httpx.Client, body: bytes) -> None:
    assert_problem(api.post("/items/import", content=body, headers=JSON), 400)


@pytest.mark.parametrize(("body", "headers"), [(b"", NDJSON), (b"\n\n", NDJSON), (b"[ ]", JSON)])
def test_an_import_of_nothing_is_refused(api: httpx.Client, body: bytes, headers: dict[str, str]) -> None:
    problem = assert_problem(api.post("/items/import", content=body, headers=headers), 422)
    assert problem["title"] == "There is nothing to import"


@pytest.mark.parametrize("form", ["text/csv", "application/x-www-form-urlencoded", "application/problem+json"])
def test_another_media_type_is_refused(api: httpx.Client, form: str) -> None:
    problem = assert_problem(api.post("/items/import", content=b"{}", headers={"Content-Type": form}), 415)
    assert "application/x-ndjson" in problem["detail"]


def test_a_parameter_that_means_nothing_is_refused(api: httpx.Client) -> None:
    assert_problem(api.post("/items/import?owner=a", content=lines([an_item()]), headers=NDJSON), 422)


@pytest.fixture
def small(conninfo: str) -> Iterator[httpx.Client]:
    """A service with one connection, which takes 1 MiB at most and waits for an hour."""
    settings = {"CATALOG_IMPORT_LIMIT_MIB": "1", "CATALOG_POOL_SIZE": "1", "CATALOG_PROJECTOR": "off"}
    settings |= {"CATALOG_LOCK_TIMEOUT_SECONDS": "3600", "CATALOG_STATEMENT_TIMEOUT_SECONDS": "3600"}
    with (
        running_service({"DATABASE_URL": conninfo, **settings}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        yield client


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_the_limit_is_413_announced_or_not(small: httpx.Client, announced: bool) -> None:
    body = lines([an_item(description="x" * 1000)] * 1000)
    content = body if announced else (body[n : n + 8192] for n in range(0, len(body), 8192))
    assert_problem(small.post("/items/import", content=content, headers=NDJSON), 413)
    assert small.get("/stats").json()["total_items"] == 0
    assert_problem(small.post("/items", content=b" " * 70_000, headers=JSON), 413)


def test_what_was_stored_is_counted(small: httpx.Client) -> None:
    small.post("/items/import", content=lines([an_item()] * 7), headers=NDJSON)
    small.post("/items/import", content=lines([an_item(), {}]), headers=NDJSON)
    page = httpx.get(str(small.base_url).replace("/api/v2/", "/metrics")).text
    assert 'events_stored_total{event_type="item_created"} 7.0' in page


def test_a_slow_upload_holds_nothing_and_one_that_breaks_off_stores_nothing(
    small: httpx.Client, connection: psycopg.Connection
) -> None:
    """The service has one connection: it serves others meanwhile, and no transaction is open."""
    head = (
        f"POST /api/v2/items/import HTTP/1.1\r\nHost: {small.base_url.host}\r\n"
        "Content-Type: application/x-ndjson\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((small.base_url.host, small.base_url.port or 0)) as slow:
        slow.sendall(head.encode() + lines([an_item()] * 500))
        assert small.post("/items", json=an_item()).status_code == 201
        assert fetch_value(connection, "select count(*) from catalog.gate_holders()") == 0
        assert fetch_value(connection, "select count(*) from catalog.snapshot_holders()") == 0
    assert small.post("/items/import", content=lines([an_item()] * 2), headers=NDJSON).json()["created"] == 2
    until(lambda: small.get("/stats").json()["total_items"] == 3, "three items")
    page = httpx.get(str(small.base_url).replace("/api/v2/", "/metrics")).text
    assert not [line for line in page.splitlines() if line.startswith("http_requests_total") and 'status="500"' in line]


def send_one(api: httpx.Client) -> httpx.Response:
    with httpx.Client(base_url=api.base_url, timeout=60) as client:
        return client.post("/items/import", content=lines([an_item()]), headers=NDJSON)


@pytest.mark.parametrize("items", [1, 700], ids=["short", "longer than the server reads at once"])
def test_an_import_whose_client_has_gone_is_called_off(
    small: httpx.Client, connection: psycopg.Connection, items: int
) -> None:
    """It will be sent again, and must not be there twice. No time limit ends it: all are longer than the test waits.

    tests/http/test_abandoned_imports.py has the other places where it may wait.
    """
    body = lines([an_item(description="x" * 1000)] * items)
    head = (
        f"POST /api/v2/items/import HTTP/1.1\r\nHost: {small.base_url.host}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with imports_held(connection) as waiting:
        with socket.create_connection((small.base_url.host, small.base_url.port or 0)) as impatient:
            impatient.sendall(head.encode() + body)
            until(lambda: waiting() == 1, "it is about to be stored")
        until(lambda: waiting() == 0, "it is not any more")
    assert small.get("/stats").json()["total_items"] == 0
    assert send_one(small).json()["created"] == 1


def test_a_service_that_is_told_to_stop_calls_an_import_off(conninfo: str, connection: psycopg.Connection) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        running_service(
            {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off", "CATALOG_LOCK_TIMEOUT_SECONDS": "3600"}
        ) as (url, process),
        httpx.Client(base_url=f"{url}/api/v2") as api,
        imports_held(connection) as waiting,
    ):
        sent = pool.submit(send_one, api)
        until(lambda: waiting() == 1, "it is about to be stored")
        process.terminate()
        problem = assert_problem(sent.result(), 503)
        assert problem["detail"] == "The import was cancelled; nothing was stored. Try again."
        assert process.wait(STOPS_WITHIN_SECONDS) == 0
    assert fetch_value(connection, "select count(*) from catalog.events") == 0
