"""Queries of the present over HTTP: an item, listings, search, an owner's shelf, the statistics."""

from typing import Any

import httpx
import pytest

from tests.support.response_shapes import assert_item, assert_problem
from tests.support.sample_items import created, present, some_name

STATUSES = ("active", "archived", "swapped")


def test_an_item_is_answered_with_its_version_and_asked_for_again(api: httpx.Client) -> None:
    item = created(api)
    response = api.get(f"/items/{item['id']}")
    assert_item(response.json())
    assert response.json() == item
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Cache-Control"] == "no-cache"


def test_an_item_that_never_was_is_404(api: httpx.Client) -> None:
    assert assert_problem(api.get("/items/2147483647"), 404)["title"] == "There is no such item"


@pytest.fixture(scope="module")
def crowd(api: httpx.Client) -> tuple[str, list[dict[str, Any]]]:
    """An owner of 101 items, and the items, newest first."""
    owner = some_name("crowd")
    return owner, [created(api, owner_id=owner, name=f"Item {number}") for number in range(101)][::-1]


def test_a_listing_holds_the_100_newest_items_newest_first(
    api: httpx.Client, crowd: tuple[str, list[dict[str, Any]]]
) -> None:
    owner, newest_first = crowd
    assert listed(api, owner_id=owner) == newest_first[:100]


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (1, 100), (100, 0), (100, 1), (7, 3), (100, 99), (5, 101)])
def test_limit_and_offset_cut_a_window_out(
    api: httpx.Client, crowd: tuple[str, list[dict[str, Any]]], limit: int, offset: int
) -> None:
    owner, newest_first = crowd
    assert listed(api, owner_id=owner, limit=limit, offset=offset) == newest_first[offset : offset + limit]


def test_a_shelf_is_never_cut(api: httpx.Client, crowd: tuple[str, list[dict[str, Any]]]) -> None:
    owner, newest_first = crowd
    assert api.get(f"/items/owner/{owner}").json() == newest_first


@pytest.fixture(scope="module")
def shelf(api: httpx.Client) -> tuple[str, dict[str, dict[str, Any]]]:
    """An owner with an item of each status, in a category of the owner's name, and one deleted; the items by name."""
    owner = some_name("shelf")
    for status in STATUSES:
        created(api, owner_id=owner, category=owner, name=status, status=status)
    deleted = created(api, owner_id=owner, category=owner, name="deleted")
    api.delete(f"/items/{deleted['id']}")
    created(api, owner_id=owner, name="elsewhere")
    everything = listed(api, owner_id=owner, status="any")
    return owner, {item["name"]: item for item in everything}


SHELVES = [
    ("active", ["elsewhere", "active"]),
    ("swapped", ["swapped"]),
    ("archived", ["deleted", "archived"]),
    ("any", ["elsewhere", "deleted", "swapped", "archived", "active"]),
]


@pytest.mark.parametrize(("status", "names"), SHELVES)
@pytest.mark.parametrize("as_shelf", [False, True], ids=["listing", "shelf"])
def test_a_listing_and_a_shelf_hold_the_items_of_the_status_that_is_asked_for(
    api: httpx.Client, shelf: tuple[str, dict[str, dict[str, Any]]], status: str, names: list[str], as_shelf: bool
) -> None:
    owner, items = shelf
    asked = {"status": status}
    response = (
        api.get(f"/items/owner/{owner}", params=asked)
        if as_shelf
        else api.get("/items", params={"owner_id": owner, **asked})
    )
    assert response.json() == [items[name] for name in names]


def test_unless_a_status_is_asked_for_a_listing_holds_active_items_and_a_shelf_all(
    api: httpx.Client, shelf: tuple[str, dict[str, dict[str, Any]]]
) -> None:
    owner, items = shelf
    assert listed(api, owner_id=owner) == [items["elsewhere"], items["active"]]
    assert api.get(f"/items/owner/{owner}").json() == listed(api, owner_id=owner, status="any")


def test_a_listing_holds_whole_items(api: httpx.Client, shelf: tuple[str, dict[str, dict[str, Any]]]) -> None:
    owner, _ = shelf
    for item in listed(api, owner_id=owner, status="any"):
        assert_item(item)
        assert item == present(api, item["id"])


def test_filters_narrow_one_another(api: httpx.Client, shelf: tuple[str, dict[str, dict[str, Any]]]) -> None:
    owner, items = shelf
    assert listed(api, category=owner) == [items["active"]]
    assert listed(api, category=owner, owner_id=owner, status="swapped", search="swap") == [items["swapped"]]
    assert listed(api, category=owner, owner_id="nobody") == []
    assert listed(api, category=owner.upper()) == []


@pytest.mark.parametrize("owner", ["ann & bob", "zoë?x=1#y", "100%", "a+b", "owner", "status", ".hidden", "1"])
def test_a_shelf_is_found_under_any_name_without_a_slash(api: httpx.Client, owner: str) -> None:
    unique = f"{owner}{some_name('')}"
    item = created(api, owner_id=unique)
    address = httpx.URL("/items/owner/").copy_with(raw_path=b"/items/owner/" + quoted(unique))
    assert api.get(address).json() == [item]
    assert listed(api, owner_id=unique) == [item]


def test_who_owns_nothing_has_an_empty_shelf(api: httpx.Client) -> None:
    assert api.get("/items/owner/nobody").json() == []


def test_statistics_follow_every_command(api: httpx.Client) -> None:
    category = some_name("stats")
    before = api.get("/stats").json()
    assert before.keys() == {"total_items", "active_items", "swapped_items", "archived_items", "by_category"}
    ids = [created(api, category=category)["id"] for _ in range(4)]
    assert change_since(before, api) == (4, 4, 0, 0)
    api.patch(f"/items/{ids[0]}/status", params={"new_status": "swapped"})
    api.patch(f"/items/{ids[1]}/status", params={"new_status": "archived"})
    api.delete(f"/items/{ids[2]}")
    assert change_since(before, api) == (4, 1, 1, 2)
    assert api.get("/stats").json()["by_category"] == {**before["by_category"], category: 4}
    tools = before["by_category"].get("tools", 0)
    api.put(f"/items/{ids[3]}", json={"category": "tools"})
    by_category = api.get("/stats").json()["by_category"]
    assert (by_category[category], by_category["tools"]) == (3, tools + 1)


def change_since(before: dict[str, Any], api: httpx.Client) -> tuple[int, ...]:
    now = api.get("/stats").json()
    counts = ("total_items", "active_items", "swapped_items", "archived_items")
    return tuple(now[count] - before[count] for count in counts)


SEARCHED = (
    ("100% cotton shirt", "soft"),
    ("100 buttons", "for a shirt"),
    ("snake_case sticker", "round"),
    ("O'Brien's \"quoted\" bike", "old"),
    ("fish & chips | pan", "iron"),
    ("a:b* tag", "!(not) <-> this"),
    ("Running shoes", "Größe 42, back\\slash"),
)


@pytest.fixture(scope="module")
def searched(api: httpx.Client) -> str:
    """The owner of the items that are searched."""
    owner = some_name("searched")
    for name, description in SEARCHED:
        created(api, owner_id=owner, name=name, description=description)
    return owner


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("cotton", ["100% cotton shirt"]),
        ("COTTON", ["100% cotton shirt"]),
        ("shirt", ["100 buttons", "100% cotton shirt"]),
        ("shirt cotton", ["100% cotton shirt"]),
        ("cotton bike", []),
        ("cott", ["100% cotton shirt"]),
        ("otton", ["100% cotton shirt"]),
        ("otton uttons", []),
        ("button", ["100 buttons"]),
        ("runs", ["Running shoes"]),
        ("shoe", ["Running shoes"]),
        ("größe", ["Running shoes"]),
        ("100", ["100 buttons", "100% cotton shirt"]),
        ("100%", ["100% cotton shirt"]),
        ("%", ["100% cotton shirt"]),
        ("_", ["snake_case sticker"]),
        ("snake_case", ["snake_case sticker"]),
        ("snakeXcase", []),
        ("O'Brien", ["O'Brien's \"quoted\" bike"]),
        ("'", ["O'Brien's \"quoted\" bike"]),
        ('"quoted"', ["O'Brien's \"quoted\" bike"]),
        ('"cotton', []),
        ("fish & chips", ["fish & chips | pan"]),
        ("fish & shirt", []),
        ("fish | shirt", []),
        ("|", ["fish & chips | pan"]),
        ("cotton <-> shirt", []),
        ("<->", ["a:b* tag"]),
        ("!(not)", ["a:b* tag"]),
        ("!cotton", []),
        ("-cotton", []),
        ("cot:*", []),
        ("a:b*", ["a:b* tag"]),
        ("cotton OR bike", []),
        ("back\\slash", ["Running shoes"]),
        ("\\", ["Running shoes"]),
        ("'; drop table x; --", []),
        ("%s {} $1", []),
    ],
)
def test_a_search_finds_words_and_takes_every_character_as_text(
    api: httpx.Client, searched: str, search: str, names: list[str]
) -> None:
    assert [item["name"] for item in listed(api, owner_id=searched, search=search)] == names


def test_a_search_sees_an_update_at_once(api: httpx.Client) -> None:
    before, after = some_name("quill").replace("-", "x"), some_name("plume").replace("-", "x")
    item_id = created(api, description=before)["id"]
    api.put(f"/items/{item_id}", json={"description": after})
    assert listed(api, search=before) == []
    assert [item["id"] for item in listed(api, search=after)] == [item_id]


def listed(api: httpx.Client, **parameters: Any) -> list[dict[str, Any]]:
    response = api.get("/items", params=parameters)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()
    return items


def quoted(segment: str) -> bytes:
    """A path segment, percent-encoded byte by byte."""
    return b"".join(b"%%%02X" % byte for byte in segment.encode())


@pytest.mark.parametrize("space", ["\u3000", "\u00a0", "\u2003", "\u2028", "\u2029", "\u1680", "\ufeff"])
def test_any_space_around_a_word_is_a_space(api: httpx.Client, space: str) -> None:
    category = some_name("spaces")
    item = created(api, category=category, name="A rake")
    for search in (f"rake{space}", f"{space}rake", f"a{space}rake", f"a-{space}rake"):
        response = api.get("/items", params={"search": search, "category": category})
        assert response.status_code == 200
        if "-" not in search and space.isspace():
            assert response.json() == [item]
