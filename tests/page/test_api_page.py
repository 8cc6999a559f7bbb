"""The interactive API page in Chromium: it works under its content security policy, and asks the public address."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.page.conftest import OpenPage
from tests.support.databases import database_like
from tests.support.service_process import free_port, running_service


def try_out(page: Page, path: str) -> Locator:
    """Ask `path` by its "Try it out"; where the page shows what came of it."""
    operation = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]')).first
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".responses-wrapper")


@pytest.mark.parametrize("address", ["/schema", "/schema/"])
def test_an_operation_can_be_tried_out(open_page: OpenPage, town: str, address: str) -> None:
    answer = try_out(open_page(f"{town}{address}"), "/api/v2/stats")
    expect(answer).to_contain_text("total_items")
    expect(answer.locator(".request-url")).to_contain_text(f"{town}/api/v2/stats")


@pytest.fixture
def behind_a_prefix(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of a service that is told that the public finds it below /catalog."""
    public = f"http://127.0.0.1:{free_port()}/catalog"
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, "CATALOG_PUBLIC_URL": public}) as (url, _),
    ):
        yield url


def test_what_is_tried_out_goes_to_the_public_address(open_page: OpenPage, behind_a_prefix: str) -> None:
    """Also from a page that was opened beside it, which its policy lets do so. Nobody answers there in this test."""
    public = httpx.get(f"{behind_a_prefix}/schema/openapi.json").json()["servers"][0]["url"]
    page = open_page(f"{behind_a_prefix}/schema", may_fail=True, public=public)
    with page.expect_request(f"{public}/api/v2/stats"):
        answer = try_out(page, "/api/v2/stats")
    expect(answer.locator(".request-url")).to_contain_text(f"{public}/api/v2/stats")
