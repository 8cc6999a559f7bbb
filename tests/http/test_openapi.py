"""The OpenAPI description and its page: whole, truthful, and without the outside world."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.paths import SWAGGER_UI
from tests.support.response_shapes import ITEM_TYPES

VENDORED = SWAGGER_UI / "VENDORED"
METHODS = {"get", "post", "put", "patch", "delete"}
OPERATIONS = {
    *(("post", "/items"), ("get", "/items"), ("get", "/items/{item_id}"), ("put", "/items/{item_id}")),
    *(("delete", "/items/{item_id}"), ("patch", "/items/{item_id}/status"), ("get", "/items/owner/{owner_id}")),
    *(("get", "/items/{item_id}/history"), ("get", "/items/{item_id}/audit-trail"), ("get", "/stats")),
    *(("post", "/items/import"), ("post", "/items/{item_id}/restore"), ("get", "/items/{item_id}/diff")),
    *(("get", "/items/{item_id}/time-travel"), ("get", "/items/{item_id}/versions/{version}")),
    *(
        ("post", "/items/{item_id}/rebuild"),
        ("get", "/owners/{owner_id}"),
        ("get", "/events"),
        ("get", "/events/density"),
        ("get", "/events/stream"),
    ),
    *(("get", "/projections"), ("get", "/projections/{name}"), ("post", "/projections/{name}/rebuild")),
    *(("post", "/projections/{name}/verify"), ("post", "/projections/{name}/resume"), ("get", "/metrics")),
}
LIMITS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": {"type": "string", "minLength": 1, "maxLength": 5000},
    "category": {"type": "string", "minLength": 1, "maxLength": 100},
    "image_urls": {"type": "array", "minItems": 1, "maxItems": 20},
    "location_lat": {"type": "number", "minimum": -90, "maximum": 90},
    "location_lon": {"type": "number", "minimum": -180, "maximum": 180},
    "owner_id": {"type": "string", "minLength": 1, "maxLength": 100},
    "status": {"enum": ["active", "archived", "swapped"]},
}


@pytest.fixture(scope="module")
def description(service: str) -> dict[str, Any]:
    response = httpx.get(f"{service}/schema/openapi.json")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/vnd.oai.openapi+json"
    document: dict[str, Any] = response.json()
    return document


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in description["paths"].items():
        for method in item.keys() & METHODS:
            yield method, path, item[method]


def resolved(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """A schema, or what its reference points to."""
    while "$ref" in schema:
        target: Any = description
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        schema = target
    return schema


def body_of(description: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    content = description["paths"][f"/api/v2{path}"][method]["requestBody"]["content"]
    return resolved(content["application/json"]["schema"], description)


def operation_of(description: dict[str, Any], path: str) -> dict[str, Any]:
    operation: dict[str, Any] = description["paths"][f"/api/v2{path}"]["get"]
    return operation


def answer_of(description: dict[str, Any], method: str, path: str, status: str) -> dict[str, Any]:
    content = description["paths"][f"/api/v2{path}"][method]["responses"][status]["content"]
    return resolved(content["application/json"]["schema"], description)


def test_it_is_an_openapi_3_1_description_of_every_route(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    assert description["info"]["title"] == "Swappo Catalog"
    described = {(method, path.removeprefix("/api/v2")) for method, path, _ in operations(description)}
    assert described >= OPERATIONS
    assert described >= {("get", "/health"), ("get", "/health/live"), ("get", "/health/ready")}


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    def check(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                assert node["$ref"].startswith("#/")
                resolved(node, description)
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(description)


def test_operations_have_names_of_their_own_and_summaries(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] for _, _, operation in operations(description))


def test_every_failure_is_described_as_a_problem(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        failures = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert failures.keys() >= {"400", "422", "500", "503"}, f"{method} {path}"
        for status, answer in failures.items():
            assert answer["content"].keys() == {"application/problem+json"}, f"{method} {path} {status}"
            schema = resolved(answer["content"]["application/problem+json"]["schema"], description)
            assert {"type", "title", "status", "detail"} <= set(schema["required"]), f"{method} {path} {status}"
            assert "errors" in schema["properties"]


def test_operations_on_one_thing_may_not_find_it(description: dict[str, Any]) -> None:
    """All but a shelf: it may be empty, and is there."""
    for method, path, operation in operations(description):
        names_one = "{" in path and not path.endswith("/items/owner/{owner_id}")
        assert ("404" in operation["responses"]) == names_one, f"{method} {path}"


def test_commands_that_take_a_condition_may_refuse_it(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        given = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("If-Match" in given) == ("If-None-Match" in given) == ("412" in operation["responses"]), (
            f"{method} {path}"
        )
        assert ("304" in operation["responses"]) == ("If-None-Match" in given and method == "get"), f"{method} {path}"
        assert operation["responses"].keys() & {"413", "415"} == (
            {"413", "415"} if "requestBody" in operation else set()
        )


POSITIONS = {"min_position", "after", "Last-Event-ID"}
"""The parameters that name a position, which the log may never have assigned."""
ONE_AT_A_TIME = {"/api/v2/projections/{name}/rebuild", "/api/v2/projections/{name}/resume"}


def test_operations_that_may_contradict_the_present_state_describe_a_conflict(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        given = {parameter["name"] for parameter in operation.get("parameters", [])}
        if given & {*POSITIONS, "expected_version"} or path in ONE_AT_A_TIME:
            assert "409" in operation["responses"], f"{method} {path}"


def test_operations_that_need_a_token_describe_its_refusal(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        refused = operation["responses"].keys() & {"401", "403"}
        assert refused == ({"401", "403"} if operation.get("security") else set()), f"{method} {path}"


@pytest.mark.parametrize(("field", "limits"), LIMITS.items())
@pytest.mark.parametrize(("method", "path"), [("post", "/items"), ("put", "/items/{item_id}")])
def test_the_limits_of_a_field_are_described(
    description: dict[str, Any], method: str, path: str, field: str, limits: dict[str, Any]
) -> None:
    properties = body_of(description, method, path)["properties"]
    if (method, field) == ("put", "owner_id"):
        assert field not in properties
        return
    assert {name: properties[field].get(name) for name in limits} == limits
    if field == "image_urls":
        items = properties[field]["items"]
        assert (items["type"], items["minLength"], items["maxLength"]) == ("string", 1, 2048)


def test_bodies_are_closed_and_say_what_they_require(description: dict[str, Any]) -> None:
    create = body_of(description, "post", "/items")
    assert set(create["required"]) == LIMITS.keys() - {"status"}
    assert not body_of(description, "put", "/items/{item_id}").get("required")
    for method, path in (("post", "/items"), ("put", "/items/{item_id}"), ("patch", "/items/{item_id}/status")):
        assert body_of(description, method, path)["additionalProperties"] is False


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("post", "/items", "201"),
        ("put", "/items/{item_id}", "200"),
        ("get", "/items/{item_id}", "200"),
        ("post", "/items/{item_id}/restore", "200"),
        ("get", "/items/{item_id}/versions/{version}", "200"),
    ],
)
def test_an_answered_item_is_described_with_all_its_fields(
    description: dict[str, Any], method: str, path: str, status: str
) -> None:
    assert answer_of(description, method, path, status)["properties"].keys() == ITEM_TYPES.keys()


@pytest.mark.parametrize("path", ["/items", "/items/owner/{owner_id}"])
def test_a_listing_is_described_as_an_array_of_items(description: dict[str, Any], path: str) -> None:
    listing = answer_of(description, "get", path, "200")
    assert listing["type"] == "array"
    assert resolved(listing["items"], description)["properties"].keys() == ITEM_TYPES.keys()


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("get", "/items/{item_id}/history", "current history event_count created_at last_modified_at"),
        ("get", "/items/{item_id}/audit-trail", "item_id total_events audit_trail"),
        ("get", "/items/{item_id}/time-travel", "item_id timestamp state_at_time"),
        ("post", "/items/{item_id}/rebuild", "message item_id item changed"),
        ("patch", "/items/{item_id}/status", "message item_id new_status version"),
        ("post", "/items/import", "created first_position last_position"),
        ("get", "/stats", "total_items active_items swapped_items archived_items by_category"),
    ],
)
def test_the_other_answers_are_described_field_by_field(
    description: dict[str, Any], method: str, path: str, fields: str
) -> None:
    assert answer_of(description, method, path, "200")["properties"].keys() == set(fields.split())


def test_an_import_is_described_as_lines_or_an_array_of_items(description: dict[str, Any]) -> None:
    content = description["paths"]["/api/v2/items/import"]["post"]["requestBody"]["content"]
    assert content.keys() == {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/json",
    }
    item = resolved(content["application/json"]["schema"]["items"], description)
    assert item == resolved(body_of(description, "post", "/items"), description)


def test_a_diff_is_described_as_pairs_of_values_by_field(description: dict[str, Any]) -> None:
    pair = resolved(answer_of(description, "get", "/items/{item_id}/diff", "200")["additionalProperties"], description)
    assert pair["properties"].keys() == set(pair["required"]) == {"from", "to"}
    given = {parameter["name"] for parameter in operation_of(description, "/items/{item_id}/diff")["parameters"]}
    assert given == {"item_id", "from", "to"}


def test_memento_is_described(description: dict[str, Any]) -> None:
    gate = operation_of(description, "/items/{item_id}/time-travel")
    assert "302" in gate["responses"]
    assert "Accept-Datetime" in {parameter["name"] for parameter in gate["parameters"]}
    answer = operation_of(description, "/items/{item_id}/history")["responses"]["200"]
    assert answer["content"].keys() == {"application/json", "application/link-format"}


def test_the_log_is_described_as_cloud_events(description: dict[str, Any]) -> None:
    for path, media_type in (("", "application/cloudevents-batch+json"), ("/stream", "text/event-stream")):
        content = description["paths"][f"/api/v2/events{path}"]["get"]["responses"]["200"]["content"]
        assert content.keys() == {media_type}
        schema = resolved(content[media_type]["schema"], description)
        event = resolved(schema["items"], description) if path == "" else schema
        assert event["properties"].keys() >= {
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "data",
            "position",
        }


def test_an_owner_is_described_with_all_its_fields(description: dict[str, Any]) -> None:
    fields = "owner_id total_items by_status by_category first_activity_at latest_activity_at"
    assert answer_of(description, "get", "/owners/{owner_id}", "200")["properties"].keys() == set(fields.split())


@pytest.mark.parametrize("address", ["/schema", "/schema/"])
def test_the_page_asks_nothing_of_the_outside(service: str, address: str) -> None:
    page = httpx.get(f"{service}{address}")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    references = re.findall(r"""\b(?:src|href)\s*=\s*["']([^"']*)["']""", page.text)
    assert not re.search(r"@import|url\(", page.text)
    files = [reference for reference in references if not reference.startswith("data:")]
    assert len(files) == 3
    for file in files:
        assert not re.match(r"[a-z]+:|//", file), f"{file} is outside"
        assert httpx.get(page.url.join(file)).status_code == 200, f"{file} is missing"


@pytest.mark.parametrize("beside", ["/assets", "/schema/assets"])
def test_the_page_has_the_very_files_that_were_vendored(service: str, beside: str) -> None:
    listed = re.findall(r"^([0-9a-f]{64})  (\S+)$", VENDORED.read_text(), re.MULTILINE)
    assert len(listed) == 3
    for digest, name in listed:
        response = httpx.get(f"{service}{beside}/{name}")
        assert response.status_code == 200
        assert hashlib.sha256(response.content).hexdigest() == digest
        assert response.headers["Content-Type"].split(";")[0] == (
            "text/css" if name.endswith("css") else "text/javascript"
        )
