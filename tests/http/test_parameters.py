"""Parameters of every operation that OpenAPI tells of: no text is empty, and numbers are as programs print them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused, assert_problem, events_of
from tests.support.sample_items import created, some_name

METHODS = ("get", "post", "put", "patch", "delete")
INSTANTS = {"as_of", "timestamp", "from", "to"}
"""An empty one is no instant: 400, as for whatever else is none."""
NUMBERS = ["1e-07,-3e-09", "1E-7,-3E-9", "+1.5,-0.5", "1.5e+00,-5e-1", "001.50,-00.5", "1.,-.5", "5.2e%2B01,1.34e+01"]


def text_parameters(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with each of its query parameters that is a text, or one of some words."""
    for path, item in description["paths"].items():
        for method in METHODS:
            for parameter in item.get(method, {}).get("parameters", []):
                kinds = [parameter["schema"], *parameter["schema"].get("oneOf", [])]
                if parameter["in"] == "query" and any("string" in str(kind.get("type")) for kind in kinds):
                    yield method.upper(), path, parameter


def test_an_empty_text_is_refused_by_every_operation(service: str, api: httpx.Client) -> None:
    item_id = created(api)["id"]
    description = httpx.get(f"{service}/schema/openapi.json").json()
    values = {"item_id": str(item_id), "version": "1", "owner_id": "alice", "name": "items"}
    walked = 0
    with httpx.Client(base_url=service, timeout=30) as client:
        for method, path, parameter in text_parameters(description):
            name = parameter["name"]
            body = {"name": "Spade"} if method == "PUT" else None
            needed = {"from": "2026-01-15"} if name == "to" else {}
            response = client.request(method, path.format(**values), params={**needed, name: ""}, json=body)
            if name in INSTANTS:
                assert_problem(response, 400)
            else:
                assert_fields_refused(response, f"/{name}")
                assert parameter["schema"].get("minLength") == 1 or "enum" in parameter["schema"], name
            walked += 1
    assert walked > 40
    assert len(events_of(api, item_id)) == 1


@pytest.mark.parametrize("path", ["/events/density?from=", "/events/density?to=", "/items?as_of=", "/changes?from="])
def test_an_empty_instant_is_no_instant(api: httpx.Client, path: str) -> None:
    assert assert_problem(api.get(path), 400)["detail"].startswith("'' is not an instant")


def test_what_is_empty_is_told_so(api: httpx.Client) -> None:
    problem = assert_fields_refused(api.get("/items?owner_id=&category=&search="), "/owner_id", "/category", "/search")
    assert problem["errors"][0]["detail"] == "This parameter is empty: leave it out, or give it a value."


@pytest.mark.parametrize("search", [" ", "\t \n"])
def test_a_search_of_blanks_alone_is_refused(api: httpx.Client, search: str) -> None:
    """It would list everything, as an empty one did."""
    assert_fields_refused(api.get("/items", params={"search": search}), "/search")


def test_blanks_are_a_text_as_they_are_in_an_item(api: httpx.Client) -> None:
    """An owner and a category may be blanks, so a filter of blanks finds those, and not everything."""
    item = created(api, owner_id=" \t", category="  ", description=some_name("blank"))
    for filters in ({"owner_id": " \t"}, {"category": "  "}):
        found = api.get("/items", params={**filters, "limit": 100}).json()
        assert item in found
        assert all(each[name] == value for each in found for name, value in filters.items())
    assert api.get("/items", params={"owner_id": some_name("nobody")}).json() == []


@pytest.mark.parametrize("place", NUMBERS)
def test_a_place_is_taken_as_programs_print_numbers(api: httpx.Client, place: str) -> None:
    assert api.get(f"/items?near={place}&within_km=1e1").status_code == 200


@pytest.mark.parametrize(
    "place",
    ["nan,1", "1,inf", "0x1,2", "1_0,2", "1e,2", "e1,2", "1e1.5,2", "1e5,2", "1,5,2", "٣,1", "1e400,0", "1 2,3"],
)
def test_what_is_no_number_is_no_place(api: httpx.Client, place: str) -> None:
    assert_fields_refused(api.get("/items", params={"near": place}), "/near")


def test_a_place_is_the_same_however_it_is_written(api: httpx.Client) -> None:
    owner = some_name("place")
    created(api, owner_id=owner, location_lat=52.5, location_lon=13.25)
    found = [
        api.get(f"/items?owner_id={owner}&near={place}&within_km={within}").json()
        for place, within in (("52.5,13.25", "5"), ("+5.25e+1,%2B013.25", "+05."), ("5.25E01,1325e-2", "5e%2B00"))
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("distance", ["1e3", "+5", "%2B5", "5e+1", "5e%2B1", "05", ".5", "5.", "1E3", "1e-07", " 5 "])
def test_a_distance_is_taken_as_programs_print_numbers(api: httpx.Client, distance: str) -> None:
    assert api.get(f"/items?near=1,1&within_km={distance}").status_code == 200


@pytest.mark.parametrize(
    "distance", ["nan", "inf", "Infinity", "0x10", "1_0", "0", "-1", "20101", "1e999", "", "1e", "5 km"]
)
def test_what_is_no_distance_is_refused(api: httpx.Client, distance: str) -> None:
    assert_fields_refused(api.get("/items", params={"near": "1,1", "within_km": distance}), "/within_km")


def test_parameters_that_handlers_share_are_refused_together_with_a_handlers_own(api: httpx.Client) -> None:
    item_id = created(api)["id"]
    response = api.delete(f"/items/{item_id}", params={"reason": "", "user_id": "", "expected_version": "0"})
    assert_fields_refused(response, "/reason", "/user_id", "/expected_version")
