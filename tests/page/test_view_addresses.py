"""What an address names is what its view asks for and shows: filters, orders, versions, and a verification's end."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OpenPage
from tests.support.sample_items import created, some_name

NEAR = {"location_lat": 51.33, "location_lon": 12.34}
FAR = {"location_lat": 51.43, "location_lon": 12.34}


@pytest.fixture(scope="module")
def shelf(api: httpx.Client) -> str:
    """The owner of items that differ in what a listing filters and sorts by, each in a way of its own."""
    owner = some_name("shelf")
    for fields in (
        {"name": "Birch", "category": "tools", **NEAR},
        {"name": "Alder", "category": "tools", **FAR, "status": "swapped"},
        {"name": "Cedar", "category": "books", **NEAR, "description": "A rare find"},
        {"name": "Elder", "category": "books", **FAR},
        {"name": "Dogwood", "category": "tools", **NEAR, "status": "archived"},
    ):
        created(api, owner_id=owner, **fields)
    first = api.get("/items", params={"owner_id": owner, "status": "any", "sort": "name"}).json()[0]
    assert api.put(f"/items/{first['id']}", json={"description": "Changed last"}).status_code == 200
    return owner


QUERIES: dict[str, dict[str, Any]] = {
    "": {},
    "&category=tools": {"category": "tools"},
    "&status=swapped": {"status": "swapped"},
    "&status=active&sort=name": {"status": "active", "sort": "name"},
    "&sort=updated": {"sort": "updated"},
    "&q=rare": {"search": "rare"},
    "&near=51.33,12.34&sort=nearest": {"near": "51.33,12.34", "sort": "nearest"},
    "&near=51.33,12.34&km=2": {"near": "51.33,12.34", "within_km": "2"},
}


def cards(page: Page, count: int) -> list[str]:
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(page.locator(".card h2")).to_have_count(count)
    return page.locator(".card h2").all_inner_texts()


def test_each_filter_and_order_of_an_address_is_asked_for(
    service: str, api: httpx.Client, shelf: str, open_page: OpenPage
) -> None:
    shown, answered = {}, {}
    for query, parameters in QUERIES.items():
        items = api.get("/items", params={"status": "any", "owner_id": shelf, **parameters}).json()
        answered[query] = [item["name"] for item in items]
        shown[query] = cards(open_page(f"{service}/?owner={shelf}{query}"), len(items))
    assert shown == answered
    assert len({tuple(names) for names in answered.values()}) == len(QUERIES), "each query has an answer of its own"


def test_another_filter_begins_with_the_first_page(service: str, shelf: str, open_page: OpenPage) -> None:
    page = open_page(f"{service}/?owner={shelf}&shown=96")
    cards(page, 5)
    page.get_by_label("Status").select_option("Swapped")
    page.wait_for_url("**status=swapped*")
    assert cards(page, 1) == ["Alder"]
    assert "shown=" not in page.url


def test_an_older_version_is_compared_with_now_and_now_with_the_one_before(
    service: str, api: httpx.Client, open_page: OpenPage
) -> None:
    item = created(api, name="First")
    for name in ("Second", "Third"):
        assert api.put(f"/items/{item['id']}", json={"name": name}).status_code == 200
    for query, versions in (("", ["2", "3"]), ("&v=1", ["1", "3"]), ("&v=2", ["2", "3"]), ("&v=2&with=1", ["1", "2"])):
        page = open_page(f"{service}/?item={item['id']}{query}")
        expect(page.locator("[data-field=version] .left")).to_have_text(versions[0])
        expect(page.locator("[data-field=version] .right")).to_have_text(versions[1])


def test_a_verification_that_ends_early_is_not_called_complete(service: str, open_page: OpenPage) -> None:
    """The answer ends after a line of progress, as behind a gateway that gives up."""
    progress = '{"streams": 500, "of": 1000, "seconds": 1.5}\n'

    def prepare(page: Page) -> None:
        page.route("**/verify", lambda route: route.fulfill(body=progress, content_type="application/x-ndjson"))

    page = open_page(f"{service}/?view=projections", prepare=prepare)
    card = page.get_by_role("region", name="Projection items")
    card.get_by_role("button", name="Verify").click()
    expect(card).to_contain_text("The verification ended early")
    expect(card).not_to_contain_text("match the log")
