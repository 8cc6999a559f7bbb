"""Bodies that are refused: no input gives a 500, every failing field is told, and nothing is stored."""

import gzip
import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import an_item, created, present

TEXTS = ("name", "description", "category", "owner_id")
NUMBERS = ("location_lat", "location_lon")
REQUIRED = (*TEXTS, *NUMBERS, "image_urls")
LARGEST_BODY_BYTES = 64 * 1024
URL = "https://images.example/"


def post(api: httpx.Client, body: str | bytes, content_type: str = "application/json") -> httpx.Response:
    return api.post("/items", content=body, headers={"Content-Type": content_type})


def body_with(literal: str) -> str:
    """The JSON of an item whose latitude is `literal`."""
    return json.dumps(an_item(location_lat="here")).replace('"here"', literal)


@pytest.fixture
def victim(api: httpx.Client) -> Iterator[dict[str, Any]]:
    """An item that must be as it was at the end of the test, and no other may have come."""
    item = created(api)
    items = api.get("/stats").json()["total_items"]
    yield item
    assert present(api, item["id"]) == item
    assert api.get("/stats").json()["total_items"] == items


WRONG_TYPES: list[tuple[str, Any]] = [
    *product(TEXTS, (1, 1.5, True, None, ["x"], {"x": "y"})),
    *product(NUMBERS, ("52.52", "", True, False, None, [52], {})),
    *product(["image_urls"], ("https://x", 1, True, None, {"0": "x"})),
    *product(["status"], (1, True, None, [], "sold", "ACTIVE", "any", "")),
]


@pytest.mark.parametrize(("field", "value"), WRONG_TYPES)
def test_a_value_of_another_type_is_refused_and_named(
    api: httpx.Client, victim: dict[str, Any], field: str, value: Any
) -> None:
    assert_fields_refused(api.post("/items", json=an_item(**{field: value})), f"/{field}")
    assert_fields_refused(api.put(f"/items/{victim['id']}", json={field: value}), f"/{field}")


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_refused_and_named(api: httpx.Client, victim: dict[str, Any], field: str) -> None:
    body = an_item()
    del body[field]
    problem = assert_fields_refused(api.post("/items", json=body), f"/{field}")
    assert problem["errors"] == [{"pointer": f"/{field}", "detail": "This field is required."}]


@pytest.mark.parametrize("field", ["id", "version", "created_at", "deleted_at", "Name", "a/b", "a~b", "", "\0", "🚲"])
def test_an_unknown_field_is_refused_and_named(api: httpx.Client, victim: dict[str, Any], field: str) -> None:
    pointer = "/" + field.replace("~", "~0").replace("/", "~1")
    problem = assert_problem(api.post("/items", json=an_item(**{field: 1})), 422)
    assert problem["errors"] == [{"pointer": pointer, "detail": "There is no such field."}]


def test_the_owner_is_refused_in_an_update(api: httpx.Client, victim: dict[str, Any]) -> None:
    assert_fields_refused(api.put(f"/items/{victim['id']}", json={"owner_id": "bob"}), "/owner_id")


def test_all_failing_fields_are_refused_at_once(api: httpx.Client, victim: dict[str, Any]) -> None:
    body = {"name": "", "description": 7, "location_lat": "52", "location_lon": 181, "color": "red", "status": "sold"}
    missing = ("/category", "/image_urls", "/owner_id")
    problem = assert_fields_refused(api.post("/items", json=body), *(f"/{field}" for field in body), *missing)
    assert problem["title"] == "The input breaks the rules"
    assert problem["detail"] == "color: There is no such field. (8 more)"


@pytest.mark.parametrize("urls", [["ok", 1], ["ok", ""], ["ok", "a" * 2049], ["ok", "\0"], ["ok", None]])
def test_the_place_in_a_list_is_named_where_it_is_refused(
    api: httpx.Client, victim: dict[str, Any], urls: list[Any]
) -> None:
    assert_fields_refused(api.post("/items", json=an_item(image_urls=urls)), "/image_urls/1")


LIMITS: list[tuple[str, Any, Any]] = [
    ("name", "n" * 255, "n" * 256),
    ("name", "🚲" * 255, "🚲" * 256),
    ("name", "n", ""),
    ("description", "d" * 5000, "d" * 5001),
    ("description", "d", ""),
    ("category", "c" * 100, "c" * 101),
    ("category", "c", ""),
    ("owner_id", "o" * 100, "o" * 101),
    ("owner_id", "o", ""),
    ("image_urls", [URL] * 20, [URL] * 21),
    ("image_urls", [URL], []),
    ("location_lat", 90, 90.00000000000002),
    ("location_lat", -90, -90.00000000000002),
    ("location_lon", 180, 180.00000000000003),
    ("location_lon", -180, -180.00000000000003),
]


@pytest.mark.parametrize(("field", "at_limit", "beyond"), LIMITS)
def test_at_the_limit_is_accepted_and_beyond_it_is_not(
    api: httpx.Client, field: str, at_limit: Any, beyond: Any
) -> None:
    assert created(api, **{field: at_limit})[field] == at_limit
    assert_fields_refused(api.post("/items", json=an_item(**{field: beyond})), f"/{field}")


def test_twenty_addresses_of_the_greatest_length_are_accepted(api: httpx.Client) -> None:
    urls = [URL + "u" * (2048 - len(URL))] * 20
    assert created(api, image_urls=urls)["image_urls"] == urls


@pytest.mark.parametrize("code", [0x00, 0x01, 0x08, 0x0B, 0x0C, 0x0D, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9F])
@pytest.mark.parametrize("field", [*TEXTS, "image_urls"])
def test_a_control_character_is_refused(api: httpx.Client, victim: dict[str, Any], field: str, code: int) -> None:
    text = f"a{chr(code)}b"
    pointer, value = ("/image_urls/0", [text]) if field == "image_urls" else (f"/{field}", text)
    problem = assert_fields_refused(api.post("/items", json=an_item(**{field: value})), pointer)
    assert problem["errors"][0]["detail"] == "Control characters other than newline and tab are not allowed."


@pytest.mark.parametrize(
    ("literal", "status"),
    [
        *((literal, 422) for literal in ("1e400", "-1e400", "1" + "0" * 400, "-1" + "0" * 400, "9" * 23)),
        *((literal, 400) for literal in ("NaN", "Infinity", "-Infinity", "9" * 5000, "052", "+52", "0x10", "1_0")),
    ],
)  # fmt: skip
def test_a_number_that_no_latitude_can_be_is_refused(
    api: httpx.Client, victim: dict[str, Any], literal: str, status: int
) -> None:
    problem = assert_problem(post(api, body_with(literal)), status)
    assert status == 400 or [error["pointer"] for error in problem["errors"]] == ["/location_lat"]


NOT_JSON: list[str | bytes] = [
    "", " ", "{", "{]", '{"name": }', '{"name": "x",}', "{'name': 'x'}", "name=x", "undefined", body_with("1") + "x",
    body_with('"\t"'), body_with(r'"\ud800"'), body_with(r'"\udc00\ud800"'), body_with(r'"\x41"'),
    body_with('"\xff"').encode("latin-1"), body_with('"s"').encode().replace(b'"s"', b'"\xed\xa0\x80"'),
    b"\x00", b"\xff\xfe", BOM_UTF8, BOM_UTF8 + BOM_UTF8 + body_with("1").encode(), body_with("1").encode() + BOM_UTF8,
    b" " + BOM_UTF8 + body_with("1").encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_not_json_is_refused_as_malformed(api: httpx.Client, victim: dict[str, Any], body: str | bytes) -> None:
    for response in (post(api, body), put(api, victim, body)):
        assert assert_problem(response, 400)["title"] == "The request cannot be read"


WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("code", WIDE)
def test_another_code_than_utf_8_is_malformed_and_told_so(api: httpx.Client, victim: dict[str, Any], code: str) -> None:
    body = json.dumps(an_item()).encode(code)
    for response in (post(api, body), put(api, victim, body), patch_status(api, victim, body)):
        assert "send it in UTF-8" in assert_problem(response, 400)["detail"]


def test_a_byte_order_mark_before_a_body_is_passed_over(api: httpx.Client) -> None:
    answer = post(api, BOM_UTF8 + json.dumps(an_item(name="Späten")).encode())
    assert answer.status_code == 201
    item = answer.json()
    assert item["name"] == "Späten"
    assert put(api, item, BOM_UTF8 + b'{"name": "Rechen"}').json()["name"] == "Rechen"
    assert patch_status(api, item, BOM_UTF8 + b'{"new_status": "swapped"}').json()["new_status"] == "swapped"
    assert_fields_refused(put(api, item, BOM_UTF8 + b'{"name": ""}'), "/name")


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE", "iso-8859-1", "us-ascii", '"latin1"', "", "utf-8-sig"])
def test_another_charset_is_refused_and_told_utf_8(api: httpx.Client, victim: dict[str, Any], charset: str) -> None:
    problem = assert_problem(post(api, json.dumps(an_item()), f"application/json; charset={charset}"), 415)
    assert "UTF-8" in problem["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(api: httpx.Client, victim: dict[str, Any], encoding: str) -> None:
    body = gzip.compress(json.dumps(an_item()).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    refused = api.post("/items", content=body, headers=headers)
    assert encoding in assert_problem(refused, 415)["detail"]
    assert refused.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("body", ["[]", "[1, 2]", '"text"', "null", "1", "true", json.dumps([an_item()])])
def test_json_that_is_no_object_is_refused(api: httpx.Client, victim: dict[str, Any], body: str) -> None:
    for response in (post(api, body), put(api, victim, body)):
        problem = assert_fields_refused(response, "")
        assert problem["detail"] == "the body: The body must be a JSON object."


@pytest.mark.parametrize(
    "body",
    [
        "[" * 30_000 + "]" * 30_000,
        "[" * 60_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"name":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"unknown":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"image_urls":' + "[" * 30_000 + "]" * 30_000 + "}",
    ],
    ids=lambda body: f"{body[:14]}…",
)
def test_a_body_that_is_nested_deeply_is_refused(api: httpx.Client, victim: dict[str, Any], body: str) -> None:
    assert len(body) < LARGEST_BODY_BYTES
    assert assert_problem(post(api, body), 400)["detail"] == "The body is nested too deeply."


@pytest.mark.parametrize("body", ["[" * 10**6, json.dumps(an_item(description="d" * 10**6)), "{" + " " * 65536])
def test_a_body_beyond_64_kib_is_refused_whatever_is_in_it(
    api: httpx.Client, victim: dict[str, Any], body: str
) -> None:
    assert_problem(post(api, body), 413)
    assert_problem(put(api, victim, body), 413)


def test_a_body_of_just_64_kib_is_accepted_and_one_byte_more_is_not(api: httpx.Client) -> None:
    body = json.dumps(an_item()).encode()
    assert post(api, body.ljust(LARGEST_BODY_BYTES)).status_code == 201
    assert_problem(post(api, body.ljust(LARGEST_BODY_BYTES + 1)), 413)


def test_a_body_that_does_not_tell_its_length_is_measured_all_the_same(api: httpx.Client) -> None:
    body = json.dumps(an_item()).encode()
    headers = {"Content-Type": "application/json"}
    assert api.post("/items", content=in_pieces(body.ljust(LARGEST_BODY_BYTES)), headers=headers).status_code == 201
    assert_problem(api.post("/items", content=in_pieces(body.ljust(LARGEST_BODY_BYTES + 1)), headers=headers), 413)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"],
)
def test_a_body_that_says_it_is_not_json_is_refused(
    api: httpx.Client, victim: dict[str, Any], content_type: str
) -> None:
    assert_problem(post(api, json.dumps(an_item()), content_type), 415)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        'application/json;CHARSET="UTF-8"',
        "application/json; charset=utf8; version=1",
        "Application/JSON",
        "application/a+json",
        "",
    ],
)
def test_json_by_any_of_its_names_is_accepted(api: httpx.Client, content_type: str) -> None:
    assert post(api, json.dumps(an_item()), content_type).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/new_status"]),
        ({"new_status": "sold"}, ["/new_status"]),
        ({"new_status": 1, "reason": 1, "item_id": 1}, ["/new_status", "/reason", "/item_id"]),
        ({"new_status": "swapped", "reason": "r" * 1001}, ["/reason"]),
        ({"new_status": "swapped", "reason": "a\0b"}, ["/reason"]),
    ],
)
def test_a_status_change_by_body_is_refused_field_by_field(
    api: httpx.Client, victim: dict[str, Any], body: Any, pointers: list[str]
) -> None:
    assert_fields_refused(api.patch(f"/items/{victim['id']}/status", json=body), *pointers)


def put(api: httpx.Client, item: dict[str, Any], body: str | bytes) -> httpx.Response:
    return api.put(f"/items/{item['id']}", content=body, headers={"Content-Type": "application/json"})


def patch_status(api: httpx.Client, item: dict[str, Any], body: bytes) -> httpx.Response:
    return api.patch(f"/items/{item['id']}/status", content=body, headers={"Content-Type": "application/json"})


def in_pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]
