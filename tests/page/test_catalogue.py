"""The catalogue at any instant: what the page shows is what the API answers."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage, hide
from tests.support.databases import database_like
from tests.support.sample_items import an_item, some_name
from tests.support.service_process import running_service

SPRING = "2026-03-01T12:00:00Z"


def names(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def numbers(page: Page) -> dict[str, int]:
    pairs = zip(
        page.locator(".numbers dt").all_inner_texts(), page.locator(".numbers dd").all_inner_texts(), strict=True
    )
    return {name: int(count.replace(",", "")) for name, count in pairs}


def said(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def goes_to(page: Page, instant: datetime) -> None:
    """The address follows, though not at once."""
    page.wait_for_url(f"**at={quote(instant.strftime('%Y-%m-%dT%H:%M:%SZ'), safe='')}*")


def is_at_rest(page: Page) -> None:
    expect(page.locator(".card, .empty").first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)


def middle(api: httpx.Client) -> str:
    """An instant in the middle of the log."""
    density = api.get("/events/density", params={"buckets": 2}).json()
    first, last = (datetime.fromisoformat(density[end]) for end in ("from", "to"))
    return (first + (last - first) / 2).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shows_what_the_api_answers(page: Page, api: httpx.Client, **query: str) -> None:
    is_at_rest(page)
    answer = api.get("/items", params={"limit": "24", **query}).json()
    expect(page.locator(".card h2")).to_have_text([item["name"] for item in answer])


def test_slid_to_an_instant_it_shows_the_apis_answer_for_it(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    before = names(page)
    slider = page.get_by_role("slider", name="Instant shown")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60)
    page.mouse.down()
    for share in (0.8, 0.6, 0.4):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 60)
    page.mouse.up()
    value = page.get_by_role("slider", name="Instant shown").input_value()
    goes_to(page, datetime.fromtimestamp(int(value), UTC))
    at = said(page)["at"]
    shows_what_the_api_answers(page, town_api, as_of=at)
    stats = town_api.get("/stats", params={"as_of": at}).json()
    assert numbers(page) == {
        "on offer": stats["active_items"],
        "swapped": stats["swapped_items"],
        "archived": stats["archived_items"],
        "total": stats["total_items"],
    }
    assert names(page) != before
    chip = page.get_by_role("button", name="garden")
    expect(chip).to_have_text("garden")
    page.get_by_label("Status").select_option("Any status")
    expect(chip).to_contain_text(str(stats["by_category"]["garden"]))


def test_the_keys_move_by_days_and_to_the_ends(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    at = middle(town_api)
    page = open_page(f"{town}/?at={at}")
    slider = page.get_by_role("slider", name="Instant shown")
    is_at_rest(page)
    slider.focus()
    page.keyboard.press("ArrowRight")
    goes_to(page, datetime.fromisoformat(at) + timedelta(days=1))
    page.keyboard.press("PageDown")
    goes_to(page, datetime.fromisoformat(at) - timedelta(days=6))
    page.keyboard.press("Home")
    first = datetime.fromisoformat(town_api.get("/events/density").json()["from"])
    goes_to(page, first + timedelta(seconds=1))
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("End")
    page.wait_for_url(f"{town}/")
    expect(page.locator(".shown-instant")).to_have_text("Nowlive")


def test_the_time_lapse_runs_and_pauses_at_an_instant(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    page.get_by_label("Speed of the time lapse").select_option("Slow")
    page.get_by_role("button", name="Play a time lapse").click()
    seen: list[str] = []
    for _ in range(3):
        page.wait_for_function(
            "(last) => new URLSearchParams(location.search).get('at') > last", arg=seen[-1] if seen else ""
        )
        seen.append(said(page)["at"])
    page.get_by_role("button", name="Pause the time lapse").click()
    assert seen == sorted(set(seen))
    goes_to(page, datetime.fromtimestamp(int(page.get_by_role("slider", name="Instant shown").input_value()), UTC))
    shows_what_the_api_answers(page, town_api, as_of=said(page)["at"])


def test_now_is_live(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    name = some_name("A brand new thing")
    town_api.post("/items", json=an_item(name=name))
    expect(page.locator(".card h2").first).to_have_text(name)
    past = open_page(f"{town}/?at={SPRING}")
    is_at_rest(past)
    assert name not in names(past)


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


def test_more_follows_as_of_the_same_instant(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={middle(town_api)}")
    is_at_rest(page)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".card")).to_have_count(48)
    answer = town_api.get("/items", params={"limit": 48, "as_of": said(page)["at"]}).json()
    assert names(page) == [item["name"] for item in answer]


def test_an_owners_shelf_is_that_of_the_instant(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    at = middle(town_api)
    page = open_page(f"{town}/?at={at}")
    is_at_rest(page)
    owner = page.locator(".card .owner").first.inner_text()
    page.locator(".card .owner").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Items of {owner}")
    then = town_api.get(f"/owners/{owner}", params={"as_of": at}).json()
    expect(page.locator(".owner-panel strong")).to_have_text(f"{then['total_items']} items")
    shelf = town_api.get(f"/items/owner/{owner}", params={"as_of": at}).json()
    expect(page.locator(".card h2")).to_have_text([item["name"] for item in shelf])


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


def test_instants_are_local_with_utc_on_hover(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={SPRING}", timezone_id="Asia/Kathmandu")
    expect(page.locator(".shown-instant")).to_have_text("Sun, 1 March 202617:45")
    expect(page.locator(".clock")).to_have_attribute("title", "2026-03-01 12:00:00 UTC")
    tag = page.locator(".card time").first
    expect(tag).to_have_attribute("title", (tag.get_attribute("datetime") or "").replace("T", " ").rstrip("Z") + " UTC")


@pytest.mark.parametrize("said", ["2026-03-01T12:00:00", "2026-03-01T14:00:00+02:00", "2026-03-01 12:00:00.000000Z"])
def test_an_instant_is_the_apis_wherever_one_is(
    town: str, town_api: httpx.Client, open_page: OpenPage, said: str
) -> None:
    """Without an offset it is UTC; a plus that nobody encoded is one."""
    page = open_page(f"{town}/?at={said}", timezone_id="America/St_Johns")
    shows_what_the_api_answers(page, town_api, as_of=SPRING)
    expect(page.locator(".clock")).to_have_attribute("title", "2026-03-01 12:00:00 UTC")
    page.locator(".card h2 a").first.click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("As of 1 Mar 2026, 08:30")


def test_what_is_no_instant_is_refused_in_the_services_words(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    refused = town_api.get("/items", params={"as_of": "yesterday"}).json()["detail"]
    for view in ("?at=yesterday", "?view=log&to=yesterday", "?item=3&at=yesterday"):
        page = open_page(f"{town}/{view}")
        expect(page.get_by_role("alert").filter(has_text="The request failed")).to_contain_text(refused)


def test_a_tab_that_was_hidden_shows_what_came_meanwhile(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(f"{town}/")
    is_at_rest(page)
    hide(page, True)
    other = open_page(f"{town}/")
    is_at_rest(other)
    name = some_name("Seen late")
    town_api.post("/items", json=an_item(name=name))
    expect(other.locator(".card h2").first).to_have_text(name)
    assert name not in names(page), "nobody looks"
    hide(page, False)
    expect(page.locator(".card h2").first).to_have_text(name)


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


DRAG = """
() => new Promise((resolve) => {
    const range = document.querySelector("input.time-range");
    const [min, max] = [Number(range.min), Number(range.max)];
    let frame = 0;
    const step = () => {
        frame += 1;
        range.value = Math.round(min + ((max - min) * (frame + 200)) / 600);
        range.dispatchEvent(new Event("input", { bubbles: true }));
        if (frame < 250) setTimeout(step, 5);
        else resolve(range.value);
    };
    step();
})
"""


def test_however_fast_one_drags_the_last_instant_counts(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    """Browsers ignore an address that changes more than some twenty times a second."""
    page = open_page(f"{town}/")
    is_at_rest(page)
    value = page.evaluate(DRAG)
    instant = datetime.fromtimestamp(int(value), UTC)
    goes_to(page, instant)
    expect(page.get_by_role("slider", name="Instant shown")).to_have_value(value)
    shows_what_the_api_answers(page, town_api, as_of=said(page)["at"])


def test_an_instant_can_be_typed(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/", locale="en-US")
    is_at_rest(page)
    page.get_by_label("Go to an instant").focus()
    page.keyboard.type("03012026120000PM", delay=120)
    goes_to(page, datetime(2026, 3, 1, 12, tzinfo=UTC))
    shows_what_the_api_answers(page, town_api, as_of=SPRING)


def test_an_instant_is_a_step_that_can_be_gone_back(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={SPRING}")
    is_at_rest(page)
    field = page.get_by_label("Go to an instant")
    field.fill("2026-05-01T12:00:00")
    goes_to(page, datetime(2026, 5, 1, 12, tzinfo=UTC))
    page.go_back()
    shows_what_the_api_answers(page, town_api, as_of=SPRING)
    field.fill("2020-05-01T12:00:00")
    first = datetime.fromisoformat(town_api.get("/events/density").json()["from"]).replace(microsecond=0)
    goes_to(page, first + timedelta(seconds=1))
    field.blur()
    expect(field).to_have_value(re.compile(f"{first:%Y-%m-%d}T"))


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


def test_after_a_time_lapse_the_catalogue_is_still_that_of_its_instant(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={SPRING}")
    is_at_rest(page)
    page.get_by_role("button", name="Play a time lapse").click()
    page.wait_for_function("(at) => new URLSearchParams(location.search).get('at') > at", arg=SPRING)
    page.get_by_role("button", name="Pause the time lapse").click()
    is_at_rest(page)
    link = page.get_by_role("link", name="Catalogue", exact=True)
    page.wait_for_function("(link) => link.getAttribute('href') === location.search", arg=link.element_handle())


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
