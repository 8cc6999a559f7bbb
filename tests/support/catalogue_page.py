"""What the catalogue's page shows, and what its address says."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from playwright.sync_api import Page, expect

SPRING = "2026-03-01T12:00:00Z"


def names(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def numbers(page: Page) -> dict[str, int]:
    pairs = zip(
        page.locator(".numbers dt").all_inner_texts(), page.locator(".numbers dd").all_inner_texts(), strict=True
    )
    return {name: int(count.replace(",", "")) for name, count in pairs}


def said(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def goes_to(page: Page, instant: datetime) -> None:
    """The address follows, though not at once."""
    page.wait_for_url(f"**at={quote(instant.strftime('%Y-%m-%dT%H:%M:%SZ'), safe='')}*")


def is_at_rest(page: Page) -> None:
    expect(page.locator(".card, .empty").first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)


def middle(api: httpx.Client) -> str:
    """An instant in the middle of the log."""
    density = api.get("/events/density", params={"buckets": 2}).json()
    first, last = (datetime.fromisoformat(density[end]) for end in ("from", "to"))
    return (first + (last - first) / 2).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shows_what_the_api_answers(page: Page, api: httpx.Client, **query: str) -> None:
    is_at_rest(page)
    answer = api.get("/items", params={"limit": "24", **query}).json()
    expect(page.locator(".card h2")).to_have_text([item["name"] for item in answer])
