"""How soon can the page be used? The floors: the service's shortest answer, opened alone; the requests alone.

python -m bench.page        100,000 items with 1,000,000 events; SCALE=small: a fiftieth of it

Each visit is a first visit: a new tab of the system's Chromium with an empty cache. The tab itself measures the time,
from the start of the navigation to the frame that shows everything.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

import httpx
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from app.http.event_counter import COUNT_CACHE_SECONDS
from bench.data import ITEMS
from bench.http import API, serving
from bench.lag import fill, wait_for_the_background
from bench.measure import a_database, console, sampled, scaled
from bench.rows import Report, reporting

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ROUNDS = scaled(tiny=1, small=3, full=9)
PAUSE_SECONDS = scaled(tiny=0.0, small=0.0, full=COUNT_CACHE_SECONDS)
"""The wait before each visit, after which cached counts of the log have expired."""
PATIENCE_MILLISECONDS = 60_000
BUSIEST = 7
"""The item with the most events."""
MIDDLE = "select recorded_at from catalog.events order by position offset %s limit 1"

FIRST = "A first visit, until all of it is there"
MOVED = "Another instant, chosen by a key"
NOW = "catalogue, now"

LOADED = "document.readyState === 'complete'"
AT_REST = "document.querySelector('.numbers dd') && !document.querySelector('[aria-busy]')"
CARDS = f"document.querySelector('.card') && {AT_REST}"
NOTHING = f"document.querySelector('.empty') && {AT_REST}"
DENSITY = "document.querySelector('.density canvas')"
ROWS = "document.querySelector('.events.log li')"
PROJECTIONS = "document.querySelector('.projection')"
DOCUMENT = "document.querySelector('[data-field=name]') && !document.querySelector('.skeleton')"

OF_ANOTHER_INSTANT = f"""(() => {{
    const at = new URLSearchParams(location.search).get("at");
    const link = document.querySelector(".card a[data-route]");
    return at !== before && link && new URLSearchParams(link.search).get("at") === at && {AT_REST};
}})()"""
"""Cards lead to their items as of the instant that they are shown of."""

TELL = """
const tellWhenThere = (began) => {
    if (%s) console.debug("there", performance.now() - began);
    else requestAnimationFrame(() => tellWhenThere(began));
};
"""
"""The page itself measures it, so that no script disturbs it while it works."""
TELL_FROM_THE_START = f"(() => {{ {TELL} tellWhenThere(0); }})()"
TELL_FROM_A_KEY = f"""(before) => {{
    {TELL}
    addEventListener("keydown", () => tellWhenThere(performance.now()), {{ capture: true, once: true }});
}}"""
BYTES = """() => performance.getEntries()
    .filter((entry) => entry.transferSize && /^[/](page[/].*)?$/.test(new URL(entry.name).pathname))
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""
"""What the page's own files took, with their headers."""


@contextmanager
def a_tab(browser: Browser) -> Iterator[Page]:
    """One that has nothing in its cache."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        yield page


def seconds_told(page: Page, act: Callable[[], object]) -> float:
    """What the page tells after something was done."""
    with page.expect_console_message(lambda message: message.text.startswith("there ")) as told:
        act()
    return float(told.value.text.split()[1]) / 1000


def seconds_of_a_visit(page: Page, address: str, there: str) -> float:
    page.add_init_script(TELL_FROM_THE_START % there)
    return seconds_told(page, lambda: page.goto(address, wait_until="commit"))


def visiting(browser: Browser, address: str, there: str, pause_seconds: float = PAUSE_SECONDS) -> Callable[[], float]:
    def visit() -> float:
        time.sleep(pause_seconds)
        with a_tab(browser) as page:
            return seconds_of_a_visit(page, address, there)

    return visit


def visits(browser: Browser, url: str, middle: datetime) -> Mapping[str, Callable[[], float]]:
    def of(query: str, there: str) -> Callable[[], float]:
        return visiting(browser, f"{url}/{query}", there)

    return {
        "an answer of some bytes (floor)": of("health/live", LOADED),
        "catalogue, nothing found": of("?q=xylophone", NOTHING),
        NOW: of("", CARDS),
        "catalogue, the middle of the log": of(f"?at={said(middle)}", CARDS),
        "the log's density": of("", DENSITY),
        "the log's density, counted a moment ago": visiting(browser, f"{url}/", DENSITY, pause_seconds=0),
        "the log": of("?view=log", ROWS),
        "the projections": of("?view=projections", PROJECTIONS),
        "an item of few events": of("?item=1", DOCUMENT),
        "the item of most events": of(f"?item={BUSIEST}", DOCUMENT),
    }


def moves(browser: Browser, url: str, middle: datetime) -> Mapping[str, Callable[[], float]]:
    """Visits to instants that were not read before: the page and the requests alone use different days."""
    days = count()

    def another() -> str:
        return said(middle - timedelta(days=2 * next(days)))

    def ask() -> float:
        at = another()
        began = time.perf_counter()
        asked = [pool.submit(client.get, path.format(at)) for path in ASKED_OF_AN_INSTANT]
        for each in asked:
            each.result().raise_for_status()
        return time.perf_counter() - began

    def press() -> float:
        at = another()
        with a_tab(browser) as page:
            seconds_of_a_visit(page, f"{url}/?at={at}", f"{DENSITY} && {CARDS}")
            page.get_by_role("slider", name="Instant shown").focus()
            page.evaluate(TELL_FROM_A_KEY % OF_ANOTHER_INSTANT, at)
            return seconds_told(page, lambda: page.keyboard.press("ArrowLeft"))

    client, pool = httpx.Client(base_url=url + API), ThreadPoolExecutor(len(ASKED_OF_AN_INSTANT))
    return {"its requests alone (floor)": ask, "the cards and numbers": press}


ASKED_OF_AN_INSTANT = ("/items?status=active&limit=24&as_of={}", "/stats?as_of={}")
"""By the page, at once."""


def said(instant: datetime) -> str:
    """As the page has it in its address."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def bytes_of_a_first_visit(browser: Browser, url: str) -> int:
    with a_tab(browser) as page:
        seconds_of_a_visit(page, url, f"{DENSITY} && {CARDS}")
        found: int = page.evaluate(BYTES)
    return found


def measure(report: Report, browser: Browser, url: str, events: int, middle: datetime) -> None:
    sizes = {"items": ITEMS, "events": events, "page_bytes": bytes_of_a_first_visit(browser, url)}
    report.times(FIRST, sampled(visits(browser, url, middle), ROUNDS), sizes=sizes)
    report.times(MOVED, sampled(moves(browser, url, middle), ROUNDS), sizes=sizes)
    console.print(
        f"Chromium {browser.version}. The page's files took {sizes['page_bytes']:,} bytes. {ITEMS:,} items, {events:,}"
        f" events; medians of {ROUNDS} rounds in turns, and the longest."
    )


def main() -> None:
    if CHROMIUM is None:
        console.print("The page is measured in Chromium, and there is none: `make chromium` installs it for root.")
        return
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        events = fill(conninfo, connection, ITEMS)
        (middle,) = connection.execute(MIDDLE, (events // 2,)).fetchone() or (None,)
        with (
            reporting("page", connection) as report,
            serving("app.cli", "serve", "--port", "0", DATABASE_URL=conninfo) as port,
            sync_playwright() as playwright,
        ):
            wait_for_the_background(connection)
            arguments = ["--no-sandbox"] if os.getuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            measure(report, browser, f"http://127.0.0.1:{port}", events, middle)


if __name__ == "__main__":
    main()
