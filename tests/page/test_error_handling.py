"""What goes wrong between the page and the service: it is said, nothing that is shown is lost, and one can go on."""

from collections.abc import Callable

import httpx
import psycopg
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import OpenPage, hide
from tests.support.sample_items import created
from tests.support.service_process import running_service


def failing_once(pattern: str) -> Callable[[Page], None]:
    """A connection that breaks at the first request that is so."""
    failed: list[str] = []

    def fail(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    def prepare(page: Page) -> None:
        page.route(pattern, fail)

    return prepare


def test_a_first_page_of_the_log_that_fails_comes_by_itself(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log", may_fail=True, prepare=failing_once("**/events?*before=*"))
    expect(page.locator(".events.log li[data-position]")).to_have_count(50)
    expect(page.get_by_role("status").first).to_have_text("Live")


def test_older_ones_that_fail_take_nothing_away_and_are_asked_for_again(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log&to=2026-06-01", may_fail=True)
    expect(page.locator(".events.log li[data-position]")).to_have_count(50)
    failing_once("**/events?*before=*")(page)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("main .problem")).to_contain_text("cannot be reached")
    expect(page.locator(".events.log li[data-position]")).to_have_count(50)
    page.get_by_role("button", name="Older").click()
    expect(page.locator(".events.log li[data-position]")).to_have_count(100)
    expect(page.locator("main .problem")).to_have_count(0)


def test_a_download_that_fails_says_so(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?item=3", may_fail=True, prepare=failing_once("**/audit-trail"))
    page.get_by_role("button", name="audit trail as CSV").click()
    expect(page.locator(".downloads").get_by_role("alert")).to_contain_text("cannot be reached")
    with page.expect_download():
        page.get_by_role("button", name="audit trail as CSV").click()
    expect(page.locator(".downloads").get_by_role("alert")).to_be_hidden()


def test_a_service_that_is_asked_too_early_is_asked_again_what_it_is(town: str, open_page: OpenPage) -> None:
    asked: list[int] = []

    def note(page: Page) -> None:
        failing_once("**/health")(page)
        page.on("response", lambda response: asked.append(response.status) if "/health" in response.url else None)

    page = open_page(f"{town}/", may_fail=True, prepare=note)
    expect(page.locator(".card")).to_have_count(24)
    with page.expect_response("**/health"):
        pass
    assert 200 in asked


def test_the_projections_are_asked_for_again_after_a_failure(town_conninfo: str, open_page: OpenPage) -> None:
    """Somebody locks the table for longer than a statement may take: the service answers 503, and then as ever."""
    with running_service({"DATABASE_URL": town_conninfo, "CATALOG_STATEMENT_TIMEOUT_SECONDS": "0.5"}) as (url, _):
        page = open_page(f"{url}/?view=projections", may_fail=True)
        expect(page.locator(".projection")).to_have_count(3)
        with psycopg.connect(town_conninfo) as blocker:
            blocker.execute("lock table catalog.projections in access exclusive mode")
            expect(page.locator("main .problem").first).to_be_visible()
            expect(page.locator(".projection")).to_have_count(3)
        expect(page.locator("main .problem")).to_have_count(0)
        expect(page.locator(".projection")).to_have_count(3)


def test_a_question_gives_the_focus_back_and_stays_while_it_is_answered(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    item = created(town_api)
    town_api.put(f"/items/{item['id']}", json={"name": "Renamed"})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = open_page(f"{town}/?item={item['id']}&v=1", prepare=lambda page: page.route("**/restore?*", hold))
    button = page.get_by_role("button", name="Restore version 1")
    dialog = page.get_by_role("dialog")
    button.click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    button.click()
    with page.expect_request("**/restore?*"):
        dialog.get_by_role("button", name="Restore").click()
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    held[0].continue_()
    expect(dialog).to_have_count(0)
    expect(page.locator("[aria-current=step]")).to_contain_text("v3")


def test_one_can_leave_a_question_and_what_comes_of_it_changes_nothing_here(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    item = created(town_api)
    town_api.put(f"/items/{item['id']}", json={"name": "Renamed"})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = open_page(f"{town}/?at=2026-03-01T12:00:00Z", prepare=lambda page: page.route("**/restore?*", hold))
    expect(page.locator(".card")).to_have_count(24)
    page.evaluate("(address) => { document.querySelector('.brand').href = address; }", f"?item={item['id']}&v=1")
    page.locator(".brand").click()
    page.get_by_role("button", name="Restore version 1").click()
    with page.expect_request("**/restore?*"):
        page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".card")).to_have_count(24)
    with page.expect_response("**/restore?*"):
        held[0].continue_()
    assert page.url == f"{town}/?at=2026-03-01T12:00:00Z"


def test_nothing_stands_under_an_instant_that_it_is_not_of(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at=2026-10-01T12:00:00Z", may_fail=True)
    expect(page.locator(".card")).to_have_count(24)
    page.route("**/items?*", lambda route: route.abort())
    page.get_by_role("slider").press("PageDown")
    expect(page.get_by_role("alert").filter(has_text="The request failed")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)
    page.unroute("**/items?*")
    expect(page.locator(".card")).to_have_count(24)


def test_a_time_lapse_ends_where_the_service_does(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?at=2026-03-01T12:00:00Z", may_fail=True)
    expect(page.locator(".card")).to_have_count(24)
    page.route("**/items?*", lambda route: route.abort())
    page.get_by_role("button", name="Play a time lapse").click()
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    expect(page.get_by_role("button", name="Play a time lapse")).to_be_visible()
    expect(page.locator(".shown-instant")).to_contain_text("1 March 2026")
    expect(page.locator(".card")).to_have_count(24)


def test_without_the_density_one_goes_to_an_instant_all_the_same(town: str, open_page: OpenPage) -> None:
    def prepare(page: Page) -> None:
        page.route("**/events/density*", lambda route: route.abort())

    page = open_page(f"{town}/", may_fail=True, prepare=prepare)
    expect(page.get_by_text("The event density could not be loaded")).to_be_visible()
    expect(page.get_by_role("slider")).to_be_disabled()
    expect(page.get_by_role("button", name="Play a time lapse")).to_be_disabled()
    page.get_by_label("Go to an instant").fill("2026-03-01T12:00:00")
    page.wait_for_url("**at=2026-03-01T12*")
    expect(page.locator(".shown-instant")).to_contain_text("1 March 2026")


def test_a_verification_ends_with_its_view(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=projections", prepare=lambda page: page.route("**/verify", lambda _: None))
    page.get_by_role("button", name="Verify").first.click()
    expect(page.get_by_text("Comparing with the log …")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/verify")):
        page.get_by_role("link", name="Log", exact=True).click()


def test_hidden_tabs_leave_the_connections_to_the_others(
    town: str, town_api: httpx.Client, open_page: OpenPage
) -> None:
    """A browser has six for one service, and a tab that follows the log holds one of them."""
    page = open_page(f"{town}/?view=log")
    tabs = [page]
    for _ in range(6):
        expect(tabs[-1].locator(".events.log li[data-position]")).not_to_have_count(0)
        hide(tabs[-1], True)
        tabs.append(page.context.new_page())
        tabs[-1].goto(f"{town}/?view=log")
    expect(tabs[-1].locator(".events.log li[data-position]")).not_to_have_count(0)
    for n in range(3):
        created(town_api, name=f"While hidden {n}")
    hide(page, False)
    rows = page.locator(".events.log li")
    expect(rows.first).to_contain_text("While hidden 2")
    expect(rows.nth(2)).to_contain_text("While hidden 0")


def test_what_comes_by_itself_waits_for_what_is_under_way(town: str, open_page: OpenPage) -> None:
    """The page's own part: work that takes longer than a visitor would wait, and wishes that do not end."""
    page = open_page(f"{town}/")
    told = """async (how) => {
        const { latestOnly } = await import("./page/view-state.js");
        const ended = [];
        const work = (signal) => new Promise((resolve) => {
            const end = (word) => { ended.push(word); resolve(); };
            const timer = setTimeout(() => end("done"), 1500);
            signal.addEventListener("abort", () => { clearTimeout(timer); end("called off"); });
        });
        const wish = latestOnly(work);
        const all = wish();
        const again = setInterval(how === "withoutAbort" ? wish.withoutAbort : wish, 200);
        while (!ended.length) await new Promise(requestAnimationFrame);
        clearInterval(again);
        return ended[0];
    }"""
    assert page.evaluate(told, "withoutAbort") == "done"
    assert page.evaluate(told, "by a visitor") == "called off"
