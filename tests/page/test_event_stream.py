"""The page's connection to the log: given up when it is silent, kept while it lives, begun afresh over another log."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage, hide
from tests.support.databases import database_like
from tests.support.patience import until
from tests.support.sample_items import an_item, created, some_name
from tests.support.service_process import running_service

SILENT_MILLISECONDS = 41_000
HALF_OF_IT_MILLISECONDS = 30_000
POLL_MILLISECONDS = 5_000
SECRET, ADMIN_TOKEN = "s" * 32, "an-admin-token-of-thirty-two-bytes-or-more"


def is_live(page: Page) -> None:
    expect(page.get_by_role("status").first).to_have_text("Live")
    expect(page.locator(".events.log li[data-position], .empty").first).to_be_visible()


def positions(page: Page) -> list[int]:
    shown = page.locator(".events.log li").evaluate_all("(rows) => rows.map((row) => row.dataset.position)")
    return [int(position) for position in shown]


class Streams:
    """The connections to the log that a page has asked for; the value of each is its Last-Event-ID."""

    def __init__(self) -> None:
        self.resumed_after: list[str | None] = []

    def watch(self, page: Page) -> None:
        page.clock.install()
        page.on("request", lambda request: self._asked(request.url, request.headers))

    def _asked(self, url: str, headers: dict[str, str]) -> None:
        if "/events/stream" in url:
            self.resumed_after.append(headers.get("last-event-id"))


def test_a_silent_connection_is_given_up_and_resumed(service: str, api: httpx.Client, open_page: OpenPage) -> None:
    """The clock of the page goes ahead by more than the service is ever silent."""
    streams = Streams()
    page = open_page(f"{service}/?view=log", prepare=streams.watch)
    is_live(page)
    created(api, name="Before the silence")
    expect(page.locator(".events.log li").first).to_contain_text("Before the silence")
    last = str(positions(page)[0])
    assert streams.resumed_after == [None]
    page.clock.fast_forward(SILENT_MILLISECONDS)
    expect(page.get_by_role("status").first).to_have_text("Connection lost. Reconnecting …")
    page.clock.fast_forward(SILENT_MILLISECONDS)
    is_live(page)
    assert streams.resumed_after[:2] == [None, last]
    created(api, name="After the silence")
    expect(page.locator(".events.log li").first).to_contain_text("After the silence")
    assert positions(page) == sorted(set(positions(page)), reverse=True)


def test_a_connection_that_brings_something_is_kept(service: str, api: httpx.Client, open_page: OpenPage) -> None:
    streams = Streams()
    page = open_page(f"{service}/?view=log", prepare=streams.watch)
    is_live(page)
    for n in range(4):
        page.clock.fast_forward(HALF_OF_IT_MILLISECONDS)
        created(api, name=f"Sign of life {n}")
        expect(page.locator(".events.log li").first).to_contain_text(f"Sign of life {n}")
    assert streams.resumed_after == [None]


def test_a_log_that_was_replaced_is_followed_from_its_own_end(
    service: str, api: httpx.Client, open_page: OpenPage
) -> None:
    """After a restored backup the service refuses the position of the page, which the log has not assigned."""
    asked: list[str | None] = []

    def answer(route: Route) -> None:
        after = route.request.headers.get("last-event-id")
        asked.append(after)
        if after is None:
            route.continue_()
        else:
            problem = {"status": 409, "detail": f"No event has the position {after}."}
            route.fulfill(status=409, json=problem, content_type="application/problem+json")

    page = open_page(f"{service}/?view=log", prepare=lambda page: page.route("**/events/stream*", answer))
    is_live(page)
    hide(page, True)
    expect(page.get_by_role("status").first).to_have_text("Connection lost. Reconnecting …")
    hide(page, False)
    until(lambda: page.evaluate("() => 1") and len(asked) > 2, "it does not ask again")
    is_live(page)
    assert [after is None for after in asked[:3]] == [True, False, True]
    created(api, name="Of the other log")
    expect(page.locator(".events.log li").first).to_contain_text("Of the other log")


CUT_INTO_SMALL_PIECES = """
const answered = fetch;
window.fetch = async (address, options) => {
    const response = await answered(address, options);
    if (!String(address).includes("events/stream")) return response;
    const cut = new TransformStream({
        transform(chunk, out) {
            for (let at = 0; at < chunk.length; at += 7) out.enqueue(chunk.slice(at, at + 7));
        },
    });
    return new Response(response.body.pipeThrough(cut), response);
};
"""


def test_an_event_is_whole_in_however_many_pieces_it_arrives(
    service: str, api: httpx.Client, open_page: OpenPage
) -> None:
    """Some pieces end within a character, and some within the blank line between two events."""
    page = open_page(f"{service}/?view=log", prepare=lambda page: page.add_init_script(CUT_INTO_SMALL_PIECES))
    is_live(page)
    before = len(positions(page))
    for n in range(5):
        created(api, name=f"Größe 椅子 {n}")
    expect(page.locator(".events.log li").first).to_contain_text("Größe 椅子 4")
    assert len(positions(page)) == before + 5


def test_the_log_of_one_request_has_its_events_alone(service: str, api: httpx.Client, open_page: OpenPage) -> None:
    mine, other = ({"X-Request-ID": some_name("request")} for _ in range(2))
    for headers in (mine, other, mine):
        assert api.post("/items", json=an_item(name="Earlier"), headers=headers).status_code == 201
    request = mine["X-Request-ID"]

    def in_the_log() -> list[int]:
        events = api.get("/events", params={"correlation_id": request}).json()
        return [int(event["position"]) for event in reversed(events)]

    until(lambda: len(in_the_log()) == 2, "it was not settled")
    page = open_page(f"{service}/?view=log&request={request}")
    is_live(page)
    expect(page.get_by_text(f"Only events of request {request}.")).to_be_visible()
    assert positions(page) == in_the_log()
    for headers, name in ((other, "Of another"), (mine, "Of the same")):
        assert api.post("/items", json=an_item(name=name), headers=headers).status_code == 201
    expect(page.locator(".events.log li").first).to_contain_text("Of the same")
    assert positions(page) == in_the_log()


def test_older_ones_follow_without_a_gap_after_rows_were_dropped(
    service: str, api: httpx.Client, open_page: OpenPage
) -> None:
    imported = api.post("/items/import", json=[an_item(name=f"Of many {n}") for n in range(660)])
    assert imported.status_code == 200
    until(
        lambda: api.get("/events", params={"after": imported.json()["last_position"] - 1}).json(), "it is not settled"
    )
    page = open_page(f"{service}/?view=log&shown=600")
    rows = page.locator(".events.log li[data-position]")
    expect(rows).to_have_count(600)
    for n in range(3):
        created(api, name=f"Pushes one out {n}")
    expect(page.locator(".events.log li").first).to_contain_text("Pushes one out 2")
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(650)
    events = api.get("/events", params={"before": str(positions(page)[0] + 1), "limit": 650}).json()
    assert positions(page) == [int(event["position"]) for event in events]


@pytest.fixture(scope="module")
def guarded(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A service that asks for tokens."""
    environment = {"CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": SECRET, "CATALOG_ADMIN_TOKEN": ADMIN_TOKEN}
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, **environment}) as (url, _),
    ):
        yield url


@pytest.mark.parametrize("path", ["", "?item=1"])
def test_who_may_not_read_the_log_sees_what_is_new_all_the_same(guarded: str, open_page: OpenPage, path: str) -> None:
    """The page asks again at intervals; the clock of the page goes ahead by one of them."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with httpx.Client(base_url=f"{guarded}/api/v2", headers=headers, timeout=30) as admin:
        created(admin, name="Spade")
        page = open_page(f"{guarded}/{path}", prepare=lambda page: page.clock.install())
        expect(page.get_by_text("Spade").first).to_be_visible()
        name = some_name("Renamed")
        assert admin.put("/items/1", json={"name": name}).status_code == 200
        page.clock.fast_forward(POLL_MILLISECONDS + 1_000)
        expect(page.get_by_text(name).first).to_be_visible()
