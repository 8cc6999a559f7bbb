"""The catalogue at an instant: slid to, typed, played and live, it shows what the API answers as of it."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.conftest import OpenPage, hide
from tests.support.catalogue_page import (
    SPRING,
    goes_to,
    is_at_rest,
    middle,
    names,
    numbers,
    said,
    shows_what_the_api_answers,
)
from tests.support.sample_items import an_item, some_name


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
    expect(slider).to_have_value(str(int(datetime.fromisoformat(at).timestamp())))
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


def test_after_a_time_lapse_the_catalogue_is_still_that_of_its_instant(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at={SPRING}")
    is_at_rest(page)
    page.get_by_role("button", name="Play a time lapse").click()
    page.wait_for_function("(at) => new URLSearchParams(location.search).get('at') > at", arg=SPRING)
    page.get_by_role("button", name="Pause the time lapse").click()
    is_at_rest(page)
    link = page.get_by_role("link", name="Catalogue", exact=True)
    page.wait_for_function("(link) => link.getAttribute('href') === location.search", arg=link.element_handle())
