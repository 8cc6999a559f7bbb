"""The log as the page shows it: every event once and in order, whatever the connection does."""

import signal

import httpx
from playwright.sync_api import Page, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage
from tests.support.databases import database_like
from tests.support.patience import until
from tests.support.sample_items import an_item, created, some_name
from tests.support.service_process import Restartable, running_service


def positions(page: Page) -> list[int]:
    shown = page.locator(".events.log li").evaluate_all("(rows) => rows.map((row) => row.dataset.position)")
    return [int(position) for position in shown]


def in_the_log(api: httpx.Client, **query: str) -> list[int]:
    """The positions of the last 50 events that are so, newest first."""
    events = api.get("/events", params={"before": str(2**63 - 1), "limit": "50", **query}).json()
    return [int(event["position"]) for event in events]


def until_settled(api: httpx.Client, name: str) -> None:
    """Until the newest event of the log is of the thing with this name."""

    def is_newest() -> bool:
        (newest,) = api.get("/events", params={"before": str(2**63 - 1), "limit": 1}).json()
        return bool(newest["data"].get("name") == name)

    until(is_newest, f"{name} was not settled")


def is_live(page: Page) -> None:
    expect(page.get_by_role("status").first).to_have_text("Live")
    expect(page.locator(".events.log li[data-position], .empty").first).to_be_visible()


def test_events_arrive_while_another_client_writes(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log")
    is_live(page)
    category = some_name("live")
    for n in range(40):
        created(town_api, category=category, name=f"Thing {n}")
    expect(page.locator(".events.log li").first).to_contain_text("Thing 39")
    shown = positions(page)
    assert shown[:50] == in_the_log(town_api)
    assert len(shown) == len(set(shown)) >= 90, "the 50 that were there, and those that came"


def test_paused_it_stands_still_and_goes_on_without_a_gap(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(f"{town}/?view=log")
    is_live(page)
    switch = page.get_by_role("switch", name="Live")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    before = positions(page)
    for n in range(3):
        created(town_api, name=f"Paused {n}")
    until_settled(town_api, "Paused 2")
    page.get_by_role("button", name="Newer").click()
    expect(page.locator(".events.log li").first).to_contain_text("Paused 2")
    created(town_api, name="While it stood still")
    assert positions(page)[3:] == before
    switch.click()
    expect(page.locator(".events.log li").first).to_contain_text("While it stood still")
    expect(page.get_by_role("status").first).to_have_text("Live")
    assert positions(page)[:50] == in_the_log(town_api)


HOLD_THE_FIRST_PAGE = """
const answered = fetch;
let heard;
const early = new Promise((resolve) => { heard = resolve; });
window.fetch = async (address, options) => {
    if (String(address).includes("before=")) {
        const response = await answered(address, options);
        window.holds = true;
        await early;
        return response;
    }
    const response = await answered(address, options);
    if (!String(address).includes("events/stream")) return response;
    const [seen, given] = response.body.tee();
    const told = new Response(seen.pipeThrough(new TransformStream({
        transform(chunk, out) {
            out.enqueue(chunk);
            if (new TextDecoder().decode(chunk).includes("Early bird")) setTimeout(heard);
        },
    })));
    told.text().catch(() => {});
    return new Response(given, response);
};
"""


def test_what_arrives_before_the_first_page_is_shown_after_it(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    """The page has asked for what was, and has its answer only after the stream has brought what came then."""
    page = open_page(f"{town}/?view=log", prepare=lambda page: page.add_init_script(HOLD_THE_FIRST_PAGE))
    page.wait_for_function("() => window.holds")
    created(town_api, name="Early bird")
    expect(page.locator(".events.log li").first).to_contain_text("Early bird")
    created(town_api, name="Later bird")
    expect(page.locator(".events.log li").first).to_contain_text("Later bird")
    assert positions(page)[:50] == in_the_log(town_api)
    assert len(positions(page)) == 52


def test_where_one_paused_and_how_far_one_went_is_in_the_address(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(f"{town}/?view=log")
    is_live(page)
    page.get_by_role("switch", name="Live").click()
    older = page.get_by_role("button", name="Older")
    older.dblclick()
    expect(page.locator(".events.log li")).not_to_have_count(50)
    expect(older).to_be_enabled()
    page.wait_for_url("**shown=100*")
    created(town_api, name="After the pause")
    until_settled(town_api, "After the pause")
    again = open_page(page.url)
    expect(again.get_by_role("status").first).to_have_text("Paused")
    expect(again.locator(".events.log li")).to_have_count(len(positions(page)))
    shown = positions(again)
    assert shown == positions(page) == sorted(set(shown), reverse=True)
    again.get_by_role("button", name="Newer").click()
    expect(again.locator(".events.log li").first).to_contain_text("After the pause")
    again.get_by_role("switch", name="Live").click()
    is_live(again)
    assert again.url == f"{town}/?view=log"


def test_what_no_stream_can_be_of_is_refused_in_the_services_words(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    refused = town_api.get("/events/stream", params={"item_id": "abc"}).json()["detail"]
    page = open_page(f"{town}/?view=log&subject=abc")
    expect(page.get_by_role("alert").filter(has_text="The request failed")).to_contain_text(refused)
    expect(page.locator(".skeleton")).to_have_count(0)


def test_what_is_no_position_is_refused_in_words(town: str, open_page: OpenPage) -> None:
    for name, said in (("event", "abc"), ("upto", "1.5")):
        page = open_page(f"{town}/?view=log&{name}={said}")
        expect(page.get_by_role("alert").filter(has_text="The request failed")).to_contain_text(
            f"“{said}” is not a position in the log. Use a whole number, such as 42."
        )


def test_who_asked_for_many_keeps_them_when_more_arrive(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log&shown=600")
    expect(page.locator(".events.log li[data-position]")).to_have_count(600)
    created(town_api, name="One more")
    expect(page.locator(".events.log li").first).to_contain_text("One more")
    expect(page.locator(".events.log li")).to_have_count(600)


def test_a_span_is_of_the_same_instants_wherever_one_is(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    """As everywhere in the API, an instant without an offset is UTC, and a space before an offset was a plus."""
    query = "from=2026-03-01&to=2026-03-08T02:00:00+02:00"
    page = open_page(f"{town}/?view=log&{query}", timezone_id="Asia/Kathmandu")
    expect(page.get_by_role("status").first).to_have_text("Past events")
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z"}
    assert positions(page) == in_the_log(town_api, **span)
    expect(page.get_by_label("From")).to_have_value("2026-03-01T05:45")
    expect(page.get_by_label("Before")).to_have_value("2026-03-08T05:45")


def test_older_ones_follow_to_the_beginning(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log&user=Olga")
    is_live(page)
    older = page.get_by_role("button", name="Older")
    while older.is_visible():
        count = page.locator(".events.log li").count()
        older.click()
        expect(page.locator(".events.log li").nth(count)).to_be_visible()
    all_of_olga = town_api.get("/events", params={"user_id": "Olga", "limit": 1000}).json()
    assert positions(page) == [int(event["position"]) for event in reversed(all_of_olga)]


def test_it_is_filtered_by_kind_item_actor_and_time(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log")
    is_live(page)
    page.get_by_label("Type").select_option("Deleted")
    page.wait_for_url("**type=item_deleted*")
    is_live(page)
    assert positions(page) == in_the_log(town_api, type="item_deleted")
    page.get_by_label("From").fill("2026-03-01T00:00:00")
    page.get_by_label("Before").fill("2026-06-01T00:00:00")
    page.wait_for_url("**to=2026-06-01*")
    expect(page.get_by_role("status").first).to_have_text("Past events")
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-06-01T00:00:00Z"}
    expected = in_the_log(town_api, type="item_deleted", **span)
    expect(page.locator(".events.log li[data-position]")).to_have_count(len(expected))
    assert positions(page) == expected
    page.get_by_role("link", name="Clear").click()
    item = created(town_api)
    created(town_api)
    page.get_by_label("Item").fill(str(item["id"]))
    page.get_by_label("Item").press("Enter")
    page.wait_for_url(f"**subject={item['id']}*")
    is_live(page)
    town_api.put(f"/items/{item['id']}", params={"user_id": "zoe"}, json={"name": "Seen live"})
    created(town_api)
    expect(page.locator(".events.log li")).to_have_count(2)
    page.get_by_label("Actor").fill("zoe")
    page.get_by_label("Actor").press("Enter")
    expect(page.locator(".events.log li")).to_have_count(1)


def test_an_event_has_a_permalink_among_its_neighbours(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    (event,) = town_api.get("/events", params={"after": 999, "limit": 1}).json()
    page = open_page(f"{town}/?view=log&event={event['position']}")
    selected = page.locator(".selected")
    expect(selected.locator("dl")).to_contain_text(event["id"])
    around = positions(page)
    assert event["position"] in map(str, around)
    assert around == sorted(around, reverse=True)
    page.get_by_role("link", name="Permalink").first.click()
    expect(selected).to_be_visible()
    newer = page.get_by_role("button", name="Newer")
    newer.click()
    expect(page.locator(".events.log li")).to_have_count(len(around) + 50)
    shown = positions(page)
    assert shown == sorted(set(shown), reverse=True)


def test_after_a_reconnect_nothing_is_missing_and_nothing_twice(
    server: EmbeddedPostgres, template: str, open_page: OpenPage
) -> None:
    """The service that the page knows is killed, another one takes commands meanwhile, and the first comes back."""
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo}) as (other, _),
        httpx.Client(base_url=f"{other}/api/v2") as api,
        Restartable({"DATABASE_URL": conninfo}) as service,
    ):
        page = open_page(f"{service.url}/?view=log", may_fail=True)
        is_live(page)
        for n in range(10):
            created(api, name=f"Before {n}")
        expect(page.locator(".events.log li")).to_have_count(10)
        service.end(signal.SIGKILL)
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        for n in range(120):
            created(api, name=f"Meanwhile {n}")
        service.ensure_running()
        expect(page.get_by_role("status").first).to_have_text("Live")
        created(api, name="Afterwards")
        expect(page.locator(".events.log li")).to_have_count(131)
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_have_count(0)
        events = api.get("/events", params={"limit": 1000}).json()
        assert positions(page) == [int(event["position"]) for event in reversed(events)]


def test_while_the_service_is_away_the_page_says_so_and_goes_on_by_itself(
    server: EmbeddedPostgres, template: str, open_page: OpenPage
) -> None:
    with database_like(server, template) as conninfo, Restartable({"DATABASE_URL": conninfo}) as service:
        service.client.post("/items", json=an_item(name="Still to be seen"))
        views = ("", "?view=projections", "?item=1")
        pages = [open_page(f"{service.url}/{view}", may_fail=True) for view in views]
        for page in pages:
            expect(page.locator(".card, .projection, [data-field=name]").first).to_be_visible()
        service.end(signal.SIGKILL)
        for page in pages:
            expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
            expect(page.locator(".card, .projection, [data-field=name]").first).to_be_visible()
        service.ensure_running()
        for page in pages:
            banner = page.get_by_role("alert").filter(has_text="cannot be reached")
            expect(banner).to_have_count(0)
