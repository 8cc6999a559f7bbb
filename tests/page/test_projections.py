"""The projections as the page shows them: position, lag and state of each, rebuild, verify and resume."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from app.demo.seed_year import fill
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import PROJECTIONS
from tests.page.conftest import OpenPage
from tests.support.databases import database_like
from tests.support.patience import until, until_equal
from tests.support.sample_items import created
from tests.support.service_process import running_service


@pytest.fixture(scope="module")
def own_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        fill(conninfo)
        yield conninfo


@pytest.fixture(scope="module")
def own(own_conninfo: str) -> Iterator[str]:
    """The address of a service whose projections a test may disturb."""
    with running_service({"DATABASE_URL": own_conninfo}) as (url, _):
        yield url


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=f"Projection {name}")


@pytest.mark.parametrize("view", ["projections", "machinery"])
def test_the_old_address_of_the_view_leads_to_the_new_one(town: str, open_page: OpenPage, view: str) -> None:
    page = open_page(f"{town}/?view={view}")
    expect(page.locator(".projection")).to_have_count(len(PROJECTIONS))
    expect(page.get_by_role("heading", level=1)).to_have_text("Projections")
    expect(page.get_by_role("link", name="Projections")).to_have_attribute("aria-current", "page")
    assert page.url == f"{town}/?view=projections"


def test_it_shows_positions_lag_and_the_settled_mark(own: str, open_page: OpenPage) -> None:
    page = open_page(f"{own}/?view=projections")
    expect(page.locator(".numbers")).to_contain_text("running")
    with httpx.Client(base_url=f"{own}/api/v2") as api:
        created(api)
        head = api.get("/projections").json()["head"]
    for name in (each.name for each in PROJECTIONS):
        expect(card(page, name)).to_contain_text(f"{head:,} of {head:,}")
        expect(card(page, name)).to_contain_text("running")
    expect(page.locator(".numbers")).to_contain_text("at the newest event")
    expect(card(page, "owners")).to_contain_text("Lag: 0 ms and 0 events; at most")
    expect(card(page, "owners").locator("canvas")).to_be_visible()
    expect(card(page, "items")).to_contain_text("so it has no lag")


def test_it_knows_how_it_was_before_anybody_looked(
    server: EmbeddedPostgres, template: str, open_page: OpenPage
) -> None:
    """The background was away for a while, which the service saw, and has caught up when the page is opened."""
    with database_like(server, template) as conninfo:
        with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
            created(api)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("update catalog.projections set position = 0 where background")
        alone = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
        with running_service(alone) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
            until(lambda: api.get("/projections/owners/lag").json()["lag"], "the lag was not seen")
            with running_service({"DATABASE_URL": conninfo}):
                until_equal(lambda: api.get("/projections/owners").json()["lag_events"], 0, "it did not catch up")
                page = open_page(f"{url}/?view=projections")
                legend = card(page, "owners").get_by_text("Lag: 0 ms and 0 events; at most")
                expect(legend).to_be_visible()
                expect(legend).not_to_contain_text("at most 0 ms")


def test_a_rebuild_shows_its_phase_its_progress_and_its_end(own: str, own_conninfo: str, open_page: OpenPage) -> None:
    """Somebody reads the table in a long transaction, for whose end the swap waits."""
    page = open_page(f"{own}/?view=projections")
    owners = card(page, "owners")
    with psycopg.connect(own_conninfo) as reader:
        reader.execute("lock table catalog.owners in access share mode")
        owners.get_by_role("button", name="Rebuild").click()
        page.get_by_role("dialog").get_by_role("button", name="Rebuild").click()
        expect(owners).to_contain_text("Waiting for other transactions before the swap")
        bar = owners.get_by_role("progressbar", name="Progress of owners")
        done, most = (int(bar.get_attribute(name) or 0) for name in ("value", "max"))
        assert done == most > 3_000
        expect(owners).to_contain_text("events/s")
        expect(owners.get_by_role("button", name="Rebuild")).to_be_disabled()
        expect(owners).to_contain_text("rebuilding")
    expect(bar).to_have_count(0)
    expect(owners).to_contain_text("swapped in")
    state = httpx.get(f"{own}/api/v2/projections/owners").json()
    assert state["last_rebuild"]["events"] == most


def test_a_verification_shows_its_progress_and_what_differs(own: str, own_conninfo: str, open_page: OpenPage) -> None:
    page = open_page(f"{own}/?view=projections")
    items = card(page, "items")
    page.evaluate(
        """() => {
            window.told = [];
            const note = () => document.querySelectorAll("progress").forEach((bar) => window.told.push(bar.value));
            new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )
    items.get_by_role("button", name="Verify").click()
    expect(items.locator(".success")).to_contain_text("documents match the log")
    assert {500, 1000} <= set(page.evaluate("window.told")), "it told how far it was"
    with psycopg.connect(own_conninfo, autocommit=True) as connection:
        changed = 'update catalog.items set document = document || \'{"name": "forged"}\' where id = 7'
        connection.execute(changed)
        items.get_by_role("button", name="Verify").click()
        expect(items.locator(".problem")).to_contain_text("1 of")
        expect(items.get_by_role("listitem")).to_have_text("document of 7")
        httpx.post(f"{own}/api/v2/items/7/rebuild").raise_for_status()


def test_a_stopped_projection_says_by_what_and_goes_on_when_told(
    own: str, own_conninfo: str, open_page: OpenPage
) -> None:
    with psycopg.connect(own_conninfo, autocommit=True) as connection:
        connection.execute(
            "update catalog.projections set state = 'stopped', error = 'it does not fit', error_position = 17"
            " where name = 'categories'"
        )
    page = open_page(f"{own}/?view=projections", may_fail=True)
    categories = card(page, "categories")
    expect(categories.get_by_role("alert")).to_have_text("Stopped by event 17: it does not fitTry againSkip this event")
    with httpx.Client(base_url=f"{own}/api/v2") as api:
        created(api)
    expect(categories).to_contain_text("and 1 event;")
    categories.get_by_role("button", name="Skip this event").click()
    page.get_by_role("dialog").get_by_label("Acting as").fill("carol")
    page.route("**/resume?*", lambda route: route.abort())
    with page.expect_request("**/resume?*") as skipped:
        page.get_by_role("dialog").get_by_role("button", name="Skip").click()
    assert skipped.value.url.endswith("?skip=true&user_id=carol")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The command may have been executed")
    page.keyboard.press("Escape")
    page.unroute("**/resume?*")
    categories.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Try again").click()
    expect(categories.locator(".status")).to_have_text("running")
    expect(categories.get_by_role("alert")).to_have_count(0)
    expect(categories).to_contain_text("and 0 events;")


def test_progress_says_how_fast_it_is_and_how_long_it_will_take(own: str, open_page: OpenPage) -> None:
    """The page's own part, with the numbers of a rebuild that takes longer than one of a small log."""
    page = open_page(f"{own}/?view=projections")
    told = """async (given) => {
        const { Progress } = await import("./page/progress.js");
        const progress = new Progress("Progress");
        progress.show({ what: "Folding the log", total: 2_000_000, unit: "events", ...given });
        return progress.element.textContent;
    }"""
    assert page.evaluate(told, {"done": 500_000, "elapsedSeconds": 30}) == (
        "Folding the log: 500,000 of 2,000,000 events · 30 s · 16,667 events/s · 90 s left"
    )
    assert page.evaluate(told, {"done": 0, "elapsedSeconds": 0}) == "Folding the log: 0 of 2,000,000 events · 0 ms"
    indexing = {"what": "Building the indexes", "done": 2_000_000, "elapsedSeconds": 300, "hasEstimate": False}
    assert (
        page.evaluate(told, indexing) == "Building the indexes: 2,000,000 of 2,000,000 events · 5 min · 6,667 events/s"
    )
