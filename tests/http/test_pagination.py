"""Pages by cursor: as of the first page's instant, each item once; orders, distances and what does not go together."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused
from tests.support.sample_items import created, some_name

SORTS = ("newest", "updated", "name", "nearest")
NEAR = "52.5,13.4"


def walk(
    api: httpx.Client, between: Callable[[str], object] = lambda _: None, **asked: Any
) -> Iterator[list[dict[str, Any]]]:
    """Page after page, by the links alone; `between` hears each link before it is followed."""
    response = api.get("/items", params=asked)
    for _ in range(100):
        assert response.status_code == 200, response.text
        yield response.json()
        if "next" not in response.links:
            return
        address = response.links["next"]["url"]
        between(address)
        response = api.get(address)
    raise AssertionError("the pages do not end")


def a_crowd(api: httpx.Client, count: int = 14) -> tuple[str, list[int]]:
    """An owner of items whose orders by name, by distance and by age are three."""
    owner = some_name("pages")
    ids = [
        created(api, owner_id=owner, name=f"Item {n * 5 % count:02}", location_lat=50 + n * 3 % count)["id"]
        for n in range(count)
    ]
    for id in ids[::3]:
        api.put(f"/items/{id}", json={"description": "Changed."})
    return owner, ids


def expected(sort: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "newest": lambda item: item["created_at"],
        "updated": lambda item: item["updated_at"],
        "name": lambda item: item["name"],
        "nearest": lambda item: item["distance_km"],
    }
    return sorted(items, key=keys[sort], reverse=sort in ("newest", "updated"))


@pytest.mark.parametrize("explicit", [False, True], ids=["now", "as_of"])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_are_as_of_the_first_one_whatever_happens_between_them(
    api: httpx.Client, sort: str, explicit: bool
) -> None:
    owner, ids = a_crowd(api)
    asked: dict[str, Any] = {"owner_id": owner, "sort": sort, "near": NEAR, "status": "active"}
    then = api.get("/items", params=asked).json()
    instant = {"as_of": datetime.now(UTC).isoformat()} if explicit else {}

    numbers = itertools.count(1)

    def disturb(_: str) -> None:
        number = next(numbers)
        created(api, owner_id=owner, name=f"Item 0{number}x", location_lat=52.5)
        api.delete(f"/items/{ids[number]}")
        api.put(f"/items/{ids[-number]}", json={"name": "A new name", "location_lat": -50 + number})
        api.patch(f"/items/{ids[number + 4]}/status?new_status=swapped")

    pages = list(walk(api, disturb, limit=4, **asked, **instant))
    assert [len(page) for page in pages] == [4, 4, 4, 2]
    assert [item for page in pages for item in page] == then == expected(sort, then)
    assert len(then) == 14


def test_a_listing_that_fits_on_its_page_has_no_next_one(api: httpx.Client) -> None:
    owner, _ = a_crowd(api, 4)
    for limit, pages in ((4, 1), (5, 1), (3, 2), (1, 4)):
        assert len(list(walk(api, owner_id=owner, limit=limit))) == pages


def write(api: httpx.Client, owner: str, ids: list[int], seed: int, ended: Event) -> int:
    """Change the owner's items, and add one now and then, until `ended`; how many commands there were."""
    count = 0
    while not ended.is_set():
        count += 1
        changes = {"name": f"Item {seed} {count}", "location_lat": count % 80}
        api.put(f"/items/{ids[count * (seed + 2) % len(ids)]}", json=changes)
        if count % 20 == 0 and count <= 400:
            created(api, owner_id=owner, name=f"Item {count}")
    return count


def test_under_writers_pages_have_each_item_of_then_once(api: httpx.Client) -> None:
    """From a first page as of now, and from one of the present, whose instant its link names."""
    owner, ids = a_crowd(api)
    ended = Event()
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, api, owner, ids, seed, ended) for seed in range(3)]
        try:
            for number in range(24):
                asked = {"owner_id": owner, "sort": SORTS[number % 4], "near": NEAR}
                instant = {} if number % 8 < 4 else {"as_of": datetime.now(UTC).isoformat()}
                links: list[str] = []
                pages = list(walk(api, links.append, limit=5, **asked, **instant))
                as_of = fields_of(httpx.URL(links[0]).params["cursor"])["as_of"]
                whole = api.get("/items", params={**asked, "as_of": as_of, "limit": 100})
                assert whole.headers["X-Settled"] == "true"
                assert [item for page in pages for item in page] == whole.json()
                assert len(whole.json()) >= len(ids)
        finally:
            ended.set()
        assert all(each.result() > 5 for each in writing)


@pytest.fixture(scope="module")
def link(api: httpx.Client) -> tuple[dict[str, Any], str]:
    """What was asked, and the cursor of its next page."""
    owner, _ = a_crowd(api, 4)
    asked = {"owner_id": owner, "limit": 2}
    return asked, next_cursor(api, **asked)


def next_cursor(api: httpx.Client, **asked: Any) -> str:
    response = api.get("/items", params=asked)
    return httpx.URL(response.links["next"]["url"]).params["cursor"]


def test_the_link_says_all_that_was_asked_and_the_size_of_pages_may_change(
    api: httpx.Client, link: tuple[dict[str, Any], str]
) -> None:
    asked, cursor = link
    rest = api.get("/items", params={**asked, "cursor": cursor, "limit": 100})
    assert len(rest.json()) == 2
    assert rest.headers["X-Settled"] == "true"
    whole = {"search": "item & co", "category": "a/b", "near": " 52.5 , 13.4 ", "within_km": "9.5", "sort": "nearest"}
    for number in range(2):
        created(api, name="item & co", category="a/b", location_lat=52.5 + number / 1000, owner_id=asked["owner_id"])
    response = api.get("/items", params={**whole, **asked, "status": "any", "limit": 1})
    (item,) = api.get(response.links["next"]["url"]).json()
    assert item["distance_km"] > response.json()[0]["distance_km"]


def fields_of(cursor: str) -> dict[str, Any]:
    fields = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return dict(zip(("of", "as_of", "value", "id"), fields, strict=True))


def altered(cursor: str, **changes: Any) -> str:
    named = fields_of(cursor) | changes
    return base64.urlsafe_b64encode(json.dumps(list(named.values())).encode()).decode().rstrip("=")


GARBAGE = [
    "x",
    "é",
    "AAAA",
    "%00",
    "e30",
    "W10",
    "bnVsbA",
    "-_-_",
    "W" * 2000,
    "W" * 2001,
    "=",
    "a b",
    "MQ==MQ==",
    "WyL_Il0",
]
ALTERED: list[dict[str, Any]] = [
    {"of": "another"},
    {"of": 7},
    {"as_of": "2026-01-01T00:00:00"},
    {"as_of": "yesterday"},
    {"as_of": None},
    {"value": None},
    {"value": 7.5},
    {"value": "\0"},
    {"value": "\ud800"},
    {"id": 0},
    {"id": 2**31},
    {"id": "1"},
    {"more": 1},
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_no_cursor_is_refused(api: httpx.Client, link: tuple[dict[str, Any], str], garbage: str) -> None:
    assert_fields_refused(api.get("/items", params={**link[0], "cursor": garbage}), "/cursor")


@pytest.mark.parametrize("changes", ALTERED, ids=repr)
def test_a_cursor_with_other_things_in_it_is_refused(
    api: httpx.Client, link: tuple[dict[str, Any], str], changes: dict[str, Any]
) -> None:
    asked, cursor = link
    assert api.get("/items", params={**asked, "cursor": altered(cursor)}).status_code == 200
    assert_fields_refused(api.get("/items", params={**asked, "cursor": altered(cursor, **changes)}), "/cursor")


@pytest.mark.parametrize("value", ["", "x" * 500, "9999", "😀", "-infinity", "NaN", "\ufffd", "'"])
@pytest.mark.parametrize("as_of", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00Z"])
def test_a_cursor_that_was_made_up_can_do_no_harm(
    api: httpx.Client, link: tuple[dict[str, Any], str], value: str, as_of: str
) -> None:
    asked, cursor = link
    response = api.get("/items", params={**asked, "cursor": altered(cursor, value=value, as_of=as_of)})
    assert response.status_code in (200, 422), response.text


@pytest.mark.parametrize(
    "other",
    [{"owner_id": "x"}, {"status": "any"}, {"sort": "name"}, {"search": "x"}, {"near": NEAR}, {"category": "x"}],
)
def test_a_cursor_of_another_listing_is_refused(
    api: httpx.Client, link: tuple[dict[str, Any], str], other: dict[str, str]
) -> None:
    asked, cursor = link
    assert_fields_refused(api.get("/items", params={**asked, **other, "cursor": cursor}), "/cursor")


@pytest.mark.parametrize("other", [{"within_km": 6}, {"within_km": None}, {"near": "52.52,13.406"}], ids=repr)
def test_a_cursor_of_another_vicinity_is_refused(api: httpx.Client, other: dict[str, Any]) -> None:
    asked: dict[str, Any] = {
        "owner_id": some_name("neighbour"),
        "near": NEAR,
        "within_km": 5,
        "sort": "nearest",
        "limit": 1,
    }
    latitude, longitude = map(float, NEAR.split(","))
    for _ in range(2):
        created(api, owner_id=asked["owner_id"], location_lat=latitude, location_lon=longitude)
    cursor = httpx.URL(api.get("/items", params=asked).links["next"]["url"]).params["cursor"]
    assert api.get("/items", params={**asked, "cursor": cursor}).status_code == 200
    changed = {name: value for name, value in {**asked, **other}.items() if value is not None}
    assert_fields_refused(api.get("/items", params={**changed, "cursor": cursor}), "/cursor")


@pytest.mark.parametrize("other", [{"offset": 1}, {"as_of": "2026-01-01"}])
def test_a_cursor_has_a_place_and_an_instant_already(
    api: httpx.Client, link: tuple[dict[str, Any], str], other: dict[str, Any]
) -> None:
    asked, cursor = link
    (name,) = other
    assert_fields_refused(api.get("/items", params={**asked, **other, "cursor": cursor}), f"/{name}")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"sort": "nearest"}, "sort"),
        ({"sort": "nearest", "near": ""}, "near"),
        ({"sort": "farthest", "near": NEAR}, "sort"),
        ({"within_km": "5"}, "within_km"),
        *(({"near": NEAR, "within_km": each}, "within_km") for each in ("0", "-1", "20101", "nan", "inf", "x", "")),
        *(({"near": each}, "near") for each in ("52.5", "52.5,", "91,0", "-90.1,0", "0,181", "0,-180.001", "a,b")),
        *(({"near": each}, "near") for each in ("1,2,3", "1e2,2", "nan,nan", "٥,٥", "52;13", "0," + "1" * 99)),
    ],
)
def test_what_makes_no_sense_of_a_place_is_refused(api: httpx.Client, asked: dict[str, str], field: str) -> None:
    assert_fields_refused(api.get("/items", params=asked), f"/{field}")


def test_distances_are_in_kilometres_along_the_great_circle_and_bound_the_listing(api: httpx.Client) -> None:
    """Berlin, Paris, Sydney; and two places 22 km apart across the 180th meridian."""
    owner = some_name("places")
    places = {
        "Paris": (48.8566, 2.3522),
        "Sydney": (-33.8688, 151.2093),
        "Fiji": (-16.8, -179.9),
        "Berlin": (52.52, 13.405),
    }
    for name, (latitude, longitude) in places.items():
        created(api, owner_id=owner, name=name, location_lat=latitude, location_lon=longitude)

    def found(**asked: Any) -> dict[str, float]:
        items = api.get("/items", params={"owner_id": owner, **asked}).json()
        return {item["name"]: item["distance_km"] for item in items}

    nearest = found(near="52.52,13.405", sort="nearest")
    assert list(nearest) == ["Berlin", "Paris", "Fiji", "Sydney"]
    assert nearest["Berlin"] == 0
    assert nearest["Paris"] == pytest.approx(877.5, abs=1)
    assert nearest["Sydney"] == pytest.approx(16_094, abs=10)
    assert list(found(near="52.52,13.405", within_km="900")) == ["Berlin", "Paris"]
    across = found(near="-16.8,179.9", within_km="30")
    assert across == {"Fiji": pytest.approx(21.3, abs=0.1)}
    assert "distance_km" not in api.get("/items", params={"owner_id": owner}).json()[0]
