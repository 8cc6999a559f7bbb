"""What goes wrong between the page and the service: it is said, nothing that is shown is lost, and one can go on."""

from collections.abc import Callable

import httpx
import psycopg
from playwright.sync_api import Page, Route, expect

from tests.items import created
from tests.page.conftest import OpenPage


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


def test_the_machinery_is_looked_at_again_when_it_was_away(town: str, town_conninfo: str, open_page: OpenPage) -> None:
    """Somebody locks the table for longer than a statement may take: the service answers 503, and then as ever."""
    page = open_page(f"{town}/?view=machinery", may_fail=True)
    expect(page.locator(".projection")).to_have_count(3)
    with psycopg.connect(town_conninfo) as blocker:
        blocker.execute("lock table catalog.projections in access exclusive mode")
        expect(page.locator("main .problem").first).to_be_visible(timeout=20_000)
        expect(page.locator(".projection")).to_have_count(3)
    expect(page.locator("main .problem")).to_have_count(0, timeout=20_000)
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
