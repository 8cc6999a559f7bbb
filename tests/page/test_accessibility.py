"""The page's manners: for keys and screen readers, dark and narrow, with a strict policy and a small size."""

import re
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage
from tests.support.authorization import ADMIN_TOKEN, NEWEST_SECRET, OTHER, OWNER, token
from tests.support.databases import binaries_under_test
from tests.support.ready_made import NewFolder
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

VIEWS = {
    "catalogue": "",
    "catalogue then": "?at=2026-03-01T12:00:00Z",
    "shelf": "?owner=Olga&near=51.33,12.34",
    "nothing": "?q=xyzzy",
    "item": "?item=3&v=1",
    "log": "?view=log",
    "projections": "?view=projections",
}
THERE = ".card, .empty, [data-field=name], .events.log li[data-position], .projection"
MOST_BYTES = 250_000


def is_there(page: Page) -> None:
    expect(page.locator(THERE).first).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(town: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(f"{town}/", color_scheme=scheme, reduced_motion="reduce")
    for name, address in VIEWS.items():
        page.goto(f"{town}/{address}")
        is_there(page)
        for summary in page.locator("main details > summary").all()[:2]:
            summary.press("Enter")
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def test_axe_finds_nothing_in_dialogs_and_on_a_phone(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?item=3&v=1", viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    is_there(page)
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_page_fits_a_narrow_phone(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/", viewport={"width": 320, "height": 640})
    for name, address in VIEWS.items():
        page.goto(f"{town}/{address}")
        is_there(page)
        wider = page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
                .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.className)"""
        )
        assert wider == [], f"{name} is wider than the phone"


def test_dark_is_dark(town: str, open_page: OpenPage) -> None:
    def lightness(scheme: str) -> int:
        page = open_page(f"{town}/", color_scheme=scheme)
        colour = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert lightness("dark") < 150
    assert lightness("light") > 600


def test_nothing_moves_for_those_who_asked_for_that(town: str, open_page: OpenPage) -> None:
    for motion, moving in (("no-preference", True), ("reduce", False)):
        page = open_page(f"{town}/", reduced_motion=motion)
        is_there(page)
        rules = page.evaluate(
            "() => { const node = document.createElement('div'); node.className = 'skeleton is-new'; "
            "document.body.append(node); return node.getAnimations().length; }"
        )
        assert bool(rules) == moving


def test_everything_is_done_with_the_keys_alone(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?category=garden")
    is_there(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "input[type=range]")
    page.keyboard.press("PageDown")
    page.wait_for_url("**at=*")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    tab_to(page, ".card h2 a")
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_be_focused()
    is_there(page)
    tab_to(page, ".versions button")
    page.keyboard.press("Home")
    page.wait_for_url("**v=1*")
    expect(page.locator("[aria-current=step]")).to_be_focused()
    page.go_back()
    page.goto(f"{town}/?item=3&v=1")
    is_there(page)
    tab_to(page, ".restore button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(f"{town}/?view=log")
    is_there(page)
    tab_to(page, "[role=switch]")
    page.keyboard.press("Space")
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    tab_to(page, ".events.log summary")
    page.keyboard.press("Enter")
    expect(page.locator(".events.log details[open]")).to_have_count(1)


def tab_to(page: Page, selector: str) -> None:
    """By Tab alone; what has the focus can be seen to have it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_script_into_the_page(town: str, open_page: OpenPage) -> None:
    policy = httpx.get(f"{town}/").headers["Content-Security-Policy"]
    assert policy.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    )
    assert "unsafe" not in policy
    page = open_page(f"{town}/", may_fail=True)
    is_there(page)
    refused = page.evaluate(
        """() => {
            const script = document.createElement("div");
            try { script.innerHTML = "<b>markup</b>"; return false; } catch { return true; }
        }"""
    )
    assert refused, "markup from text is refused by the policy (trusted types)"
    expected = page.evaluate("window.violations.splice(0).length")
    assert expected >= 1


def test_all_that_a_visit_of_every_view_transfers_is_small(town: str, open_page: OpenPage) -> None:
    """Files as they come over the wire, pictures of items included; without what the API answers."""
    sizes: dict[str, int] = {}

    def arrived(request: Any) -> None:
        if "/api/v2/" not in request.url:
            sizes[request.url] = sum(request.sizes()[part] for part in ("responseBodySize", "responseHeadersSize"))

    page = open_page(f"{town}/", prepare=lambda page: page.on("requestfinished", arrived))
    for address in VIEWS.values():
        page.goto(f"{town}/{address}")
        is_there(page)
    page.wait_for_load_state("load")
    assert len(sizes) > 25
    assert sum(sizes.values()) < MOST_BYTES


class Gateway(BaseHTTPRequestHandler):
    """Takes /catalog away, as the platform's does, and passes on what comes as it comes."""

    def do_GET(self) -> None:
        address = self.server.upstream + self.path.removeprefix("/catalog")  # type: ignore[attr-defined]
        given = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        said = {"X-Forwarded-Prefix": "/catalog", "X-Forwarded-Path": self.path}
        with suppress(OSError, httpx.TransportError), httpx.stream("GET", address, headers=given | said) as answer:
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in ("transfer-encoding", "date"):
                    self.send_header(name, value)
            self.end_headers()
            for chunk in answer.iter_raw():
                self.wfile.write(chunk)
                self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def gateway(town: str) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.upstream = town  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/catalog"
        server.shutdown()


def test_it_works_below_a_prefix_that_a_gateway_takes_away(gateway: str, open_page: OpenPage) -> None:
    page = open_page(f"{gateway}?item=3")
    is_there(page)
    assert page.url == f"{gateway}/?item=3", "its relative addresses need the slash"
    page.get_by_role("link", name="Catalogue", exact=True).click()
    is_there(page)
    page.get_by_role("link", name="Log", exact=True).click()
    is_there(page)
    assert page.url == f"{gateway}/?view=log"
    page.reload()
    is_there(page)


@pytest.fixture(scope="module")
def guarded(new_server_folder: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in production, over a server that keeps what it acknowledges: it asks for tokens."""
    folder = new_server_folder(tmp_path_factory.mktemp("production") / "data")
    environment = {"CATALOG_ENV": "production", "CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": NEWEST_SECRET}
    environment["CATALOG_ADMIN_TOKEN"] = ADMIN_TOKEN
    with (
        EmbeddedPostgres(folder, binaries=binaries_under_test()) as durable,
        running_service({"DATABASE_URL": durable.conninfo, **environment}) as (url, _),
    ):
        body = an_item(owner_id=OWNER)
        made = httpx.post(f"{url}/api/v2/items", json=body, headers={"Authorization": f"Bearer {token()}"})
        assert made.status_code == 201
        renamed = httpx.put(
            f"{url}/api/v2/items/{made.json()['id']}",
            json={"name": "Border spade"},
            headers={"Authorization": f"Bearer {token()}"},
        )
        assert renamed.status_code == 200
        yield url


def enter_token(page: Page, value: str) -> None:
    page.get_by_label("Bearer token").fill(value)
    page.get_by_role("button", name="Use this token").click()


def test_production_wears_a_badge(town: str, guarded: str, open_page: OpenPage) -> None:
    expect(open_page(f"{guarded}/").get_by_text("Production", exact=True)).to_be_visible()
    page = open_page(f"{town}/")
    is_there(page)
    expect(page.get_by_text("Production", exact=True)).to_be_hidden()


def test_without_a_token_one_sees_what_everybody_may_see(guarded: str, open_page: OpenPage) -> None:
    page = open_page(f"{guarded}/?item=1&v=1")
    expect(page.locator(".versions button")).to_have_text([re.compile("v1"), re.compile("v2")])
    expect(page.locator("[data-field=name] del")).to_have_text("Garden")
    expect(page.get_by_text("Only the owner and admins can read an item’s events.")).to_be_visible()
    for view in ("log", "projections"):
        page.goto(f"{guarded}/?view={view}")
        expect(page.get_by_role("heading", name="A token is required")).to_be_visible()
    page.goto(f"{guarded}/")
    expect(page.locator(".card")).to_have_count(1)


def test_a_token_opens_what_it_is_for_and_is_never_in_the_address(guarded: str, open_page: OpenPage) -> None:
    page = open_page(f"{guarded}/?view=log")
    page.locator("main").get_by_role("button", name="Enter a token").click()
    enter_token(page, ADMIN_TOKEN)
    expect(page.locator(".events.log li")).to_have_count(2)
    page.get_by_role("link", name="Projections").click()
    expect(page.locator(".projection")).to_have_count(3)
    page.get_by_text("Requests of this view").click()
    expect(page.locator(".requests code").first).to_contain_text('-H "Authorization: Bearer $TOKEN"')
    assert ADMIN_TOKEN not in page.content()
    assert ADMIN_TOKEN not in page.url
    assert page.evaluate("() => localStorage.length") == 0


def test_an_owners_token_shows_the_owner_what_happened(guarded: str, open_page: OpenPage) -> None:
    page = open_page(f"{guarded}/?item=1")
    page.get_by_role("button", name="Enter a token").first.click()
    enter_token(page, token(OTHER))
    expect(page.get_by_text("Your token belongs to neither the owner nor an admin.")).to_be_visible()
    page.get_by_role("button", name="Token in use").click()
    expect(page.get_by_role("dialog")).to_contain_text("the token of o@example.org until")
    enter_token(page, token())
    expect(page.locator(".panel .events li")).to_have_count(2)
    page.goto(f"{guarded}/?item=1&v=1")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_label("Acting as")).to_have_count(0)
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Garden spade")
