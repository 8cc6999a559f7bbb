"""The page in the system's Chromium, against real services: one that has lived through the demo's year, and others.

Whatever a test does with a page, in the end nothing was refused by its policy, nothing asked of the outside, and no
error written to the console.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.demo.seed_year import fill
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.patience import PATIENCE_SECONDS
from tests.support.service_process import running_service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MILLISECONDS = PATIENCE_SECONDS * 1000
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(event.violatedDirective + " " + event.blockedURI);
});
"""

HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """As people have it. Ends before other tests begin: while it lives, its event loop counts as running."""
    if CHROMIUM is None:
        pytest.skip("the page is tested in Chromium: `apt-get install chromium`, as `make test` does for root")
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=arguments, ignore_default_args=["--disable-ipc-flooding-protection"]
        )
        yield started
        started.close()


@pytest.fixture(scope="package")
def town_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        assert fill(conninfo) > 2_000
        yield conninfo


@pytest.fixture(scope="package")
def town(town_conninfo: str) -> Iterator[str]:
    """The address of a service over the demo's year, which the tests share."""
    with running_service({"DATABASE_URL": town_conninfo}) as (url, _):
        yield url


@pytest.fixture
def town_api(town: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{town}/api/v2") as client:
        yield client


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a tab of its own, in UTC; `may_fail` for a test that takes the service away, `public` for
    another address that the page may ask, `prepare` for what is to be done with the tab before."""
    with closing_all() as opened:

        def opening(
            address: str,
            *,
            may_fail: bool = False,
            public: str = "data:",
            prepare: Callable[[Page], None] = lambda _: None,
            **options: Any,
        ) -> Page:
            given = {"timezone_id": "UTC", "locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options}
            context = browser.new_context(**given)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            opened.append(Watched(page, address, may_fail, public))
            prepare(page)
            page.goto(address)
            return page

        yield opening
        for watched in opened:
            watched.check()


def hide(page: Page, hidden: bool) -> None:
    """As a browser does with a tab that nobody looks at, and with one to which somebody comes back."""
    page.evaluate(HIDE, hidden)


class Watched:
    """A page, and what it should not have done."""

    def __init__(self, page: Page, address: str, may_fail: bool, public: str) -> None:
        self.page = page
        self.may_fail = may_fail
        self.ours = ("/".join(address.split("/")[:3]), public, "blob:", "data:")
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.add_init_script(WATCH)
        page.on("request", lambda request: self._asked(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._said(message.type, message.text))

    def _asked(self, url: str) -> None:
        if not url.startswith(self.ours):
            self.outside.append(url)

    def _said(self, kind: str, text: str) -> None:
        """That an answer was an error, Chromium itself writes down."""
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.errors.append(text)

    def check(self) -> None:
        assert self.outside == []
        assert self.may_fail or self.errors == []
        assert self.page.evaluate("window.violations") == []


@contextmanager
def closing_all() -> Iterator[list[Watched]]:
    opened: list[Watched] = []
    try:
        yield opened
    finally:
        for watched in opened:
            watched.page.context.close()
