"""The catalogue at any instant: what the page shows is what the API answers."""

import json
import subprocess

import httpx
from playwright.sync_api import Page, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage
from tests.support.catalogue_page import (
    SPRING,
    is_at_rest,
    middle,
    names,
    said,
    shows_what_the_api_answers,
)
from tests.support.databases import database_like
from tests.support.sample_items import an_item, some_name
from tests.support.service_process import running_service


def test_every_state_is_a_permalink(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={middle(town_api)}")
    is_at_rest(page)
    page.get_by_label("Status").select_option("Swapped")
    page.get_by_label("Order").select_option("By name")
    page.get_by_role("button", name="toys").click()
    page.get_by_role("searchbox").fill("train")
    page.wait_for_url("**q=train*")
    query = {"as_of": said(page)["at"], "status": "swapped", "sort": "name", "category": "toys", "search": "train"}
    shows_what_the_api_answers(page, town_api, **query)
    assert len(names(page)) > 3
    again = open_page(page.url)
    shows_what_the_api_answers(again, town_api, **query)
    expect(again.get_by_role("searchbox")).to_have_value("train")
    again.locator(".card h2 a").first.click()
    expect(again.locator("main h1")).to_be_focused()
    again.go_back()
    shows_what_the_api_answers(again, town_api, **query)


def test_near_a_place_come_the_nearest_first(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    page.get_by_text("Owner and place").click()
    page.get_by_label("Near (latitude, longitude)").fill("51.33, 12.34")
    page.get_by_label("Within km").fill("1")
    page.get_by_label("Within km").press("Enter")
    page.wait_for_url("**km=1*")
    shows_what_the_api_answers(page, town_api, near="51.33,12.34", within_km="1", sort="nearest")
    expect(page.locator(".distance").first).to_contain_text("km away")


def test_nothing_found_says_so(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?q=xyzzy")
    expect(page.get_by_role("heading", name="No items found")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator(".card")).to_have_count(24)


def test_an_empty_catalogue_says_how_to_fill_it(server: EmbeddedPostgres, template: str, open_page: OpenPage) -> None:
    with database_like(server, template) as conninfo, running_service({"DATABASE_URL": conninfo}) as (url, _):
        page = open_page(f"{url}/")
        expect(page.get_by_role("heading", name="The catalogue is empty")).to_be_visible()
        page.get_by_role("link", name="Log", exact=True).click()
        expect(page.get_by_role("heading", name="The log is empty")).to_be_visible()
        with httpx.Client(base_url=f"{url}/api/v2") as api:
            api.post("/items", json=an_item(name="The first thing"))
        expect(page.get_by_text("Created The first thing")).to_be_visible()
        page.get_by_role("link", name="Catalogue", exact=True).click()
        expect(page.get_by_role("link", name="The first thing")).to_be_visible()


def test_the_request_behind_a_view_gives_what_the_view_shows(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(f"{town}/?at={middle(town_api)}&category=toys")
    is_at_rest(page)
    page.get_by_text("Requests of this view").click()
    line = page.locator(".requests code").filter(has_text="/items?")
    command = line.inner_text()
    ran = subprocess.run(["bash", "-c", f"{command} -s"], capture_output=True, check=True)
    assert [item["name"] for item in json.loads(ran.stdout)] == names(page)
    page.locator(".requests li").filter(has_text="/items?").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_who_asks_for_all_gets_many_by_few_requests(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    asked: list[str] = []

    def note(page: Page) -> None:
        page.on("request", lambda request: asked.append(request.url) if "/items?" in request.url else None)

    page = open_page(f"{town}/?status=any&shown=100000&at={middle(town_api)}", prepare=note)
    expect(page.locator(".card")).to_have_count(480)
    expect(page.get_by_text("The list shows the first 480 items.")).to_be_visible()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert len(asked) == 5
    expect(page.locator(".requests li")).to_have_count(0)
    page.get_by_text("Requests of this view").click()
    expect(page.locator(".requests code").filter(has_text="/items?")).to_have_count(5)
    page.goto(f"{town}/?at={middle(town_api)}&category=toys")
    is_at_rest(page)
    page.get_by_text("Requests of this view").click()
    page.get_by_role("button", name="All").click()
    is_at_rest(page)
    expect(page.locator(".requests code").filter(has_text="/items?")).to_have_count(1)
    expect(page.locator(".requests code").filter(has_text="category=toys")).to_have_count(0)


def test_an_address_that_names_no_view_is_the_catalogue(town: str, open_page: OpenPage) -> None:
    for address in ("?view=constructor", "?view=item", "?view=&__proto__=1"):
        page = open_page(f"{town}/{address}")
        expect(page.locator(".card")).to_have_count(24)


def test_the_link_to_the_content_asks_for_nothing(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?category=garden&at={SPRING}")
    is_at_rest(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Status").select_option("Swapped")
    is_at_rest(page)
    assert [url for url in asked if "/items?" in url and "status=active" in url] == []


def test_pictures_are_shown_where_the_policy_lets_them_and_drawn_where_not(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    owner = some_name("painter")
    elsewhere = an_item(owner_id=owner, image_urls=["https://images.example/spade.jpg"])
    missing = an_item(owner_id=owner, image_urls=["page/pictures/none.svg"])
    ours = an_item(owner_id=owner, image_urls=["https://images.example/a.jpg", "page/pictures/spade.svg"])
    api = an_item(owner_id=owner, image_urls=["api/v2/items/1"])
    for item in (elsewhere, missing, ours, api):
        assert town_api.post("/items", json=item).status_code == 201
    page = open_page(f"{town}/?owner={owner}")
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator(".card img")).to_have_count(1)
    expect(page.locator(".card .placeholder")).to_have_count(4)


def test_what_the_service_refuses_is_said_in_its_own_words(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    refused = town_api.get("/items", params={"as_of": "2999-01-01T00:00:00Z"}).json()["detail"]
    page = open_page(f"{town}/?at=2999-01-01T00:00:00Z")
    expect(page.get_by_role("alert").filter(has_text="The request failed")).to_contain_text(refused)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.get_by_role("button", name="Now").click()
    expect(page.locator(".card")).to_have_count(24)


def test_a_place_that_is_none_is_said_where_it_is_typed(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    page.get_by_text("Owner and place").click()
    place = page.get_by_label("Near (latitude, longitude)")
    for typed in ("51.33", "here"):
        place.fill(typed)
        place.press("Enter")
        assert place.evaluate("(field) => field.validationMessage").startswith("Enter latitude and longitude")
    place.fill("")
    place.press("Enter")
    page.get_by_label("Within km").fill("2")
    page.get_by_label("Within km").press("Enter")
    assert (
        place.evaluate("(field) => field.validationMessage") == "Enter a place for the distance, such as 51.33, 12.34"
    )
    assert page.url == f"{town}/"
    expect(page.locator(".card")).to_have_count(24)


def test_what_was_typed_is_not_sought_elsewhere_and_back_is_as_it_was(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    search = page.get_by_role("searchbox")
    search.fill("lamp")
    page.wait_for_url("**q=lamp")
    search.fill("guitar")
    page.wait_for_url("**q=guitar")
    page.go_back()
    expect(search).to_have_value("lamp")
    is_at_rest(page)
    search.fill("bicycle")
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator(".events.log li[data-position]")).to_have_count(50)
    assert page.url == f"{town}/?view=log"


def test_back_is_where_one_was(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={middle(town_api)}")
    is_at_rest(page)
    page.evaluate("() => { scrollTo(0, 900); document.querySelectorAll('.card h2 a')[8].click(); }")
    expect(page.locator("[data-field=name]")).to_be_visible()
    page.go_back()
    page.wait_for_function("() => Math.abs(scrollY - 900) < 200")


def test_show_more_to_the_end_leaves_the_focus_on_an_item(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={SPRING}&category=toys&status=any")
    is_at_rest(page)
    more = page.get_by_role("button", name="Show more")
    while more.is_visible():
        count = page.locator(".card").count()
        more.press("Enter")
        expect(page.locator(".card").nth(count)).to_be_visible()
        is_at_rest(page)
    expect(page.locator(".card").last.get_by_role("link").first).to_be_focused()
