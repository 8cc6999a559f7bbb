"""One item: its versions, what differs, what happened, the way back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OpenPage
from tests.support.sample_items import an_item, created, present

WORDS = "Sharp, hardly used. The handle was oiled last winter."
OTHER_WORDS = "Sharp, often used. The handle was oiled this autumn."


@pytest.fixture
def item(town_api: httpx.Client) -> dict[str, Any]:
    """An item that was renamed, described anew, swapped, withdrawn and brought back: six versions."""
    item = created(town_api, name="Garden spade", description=WORDS, owner_id="alice")
    path = f"/items/{item['id']}"
    town_api.put(path, params={"user_id": "bob"}, json={"name": "Old spade"})
    town_api.put(path, params={"user_id": "bob"}, json={"description": OTHER_WORDS})
    town_api.patch(f"{path}/status", params={"new_status": "swapped", "reason": "for a rake", "user_id": "alice"})
    town_api.delete(path, params={"reason": "rusty"})
    town_api.post(f"{path}/restore", params={"version": 4})
    return present(town_api, item["id"])


def field(page: Page, name: str) -> list[str]:
    return page.locator(f"[data-field={name}] [role=cell]").all_inner_texts()


def shows(page: Page, version: int) -> None:
    expect(page.locator("[aria-current=step]")).to_contain_text(f"v{version}")


def test_one_steps_through_the_versions(
    town: str, town_api: httpx.Client, open_page: OpenPage, item: dict[str, Any]
) -> None:
    page = open_page(f"{town}/?item={item['id']}")
    shows(page, 6)
    kinds = page.locator(".versions .visually-hidden").all_inner_texts()
    assert [kind.strip() for kind in kinds] == [
        *("Created", "Updated", "Updated", "Status changed", "Deleted", "Restored")
    ]
    shapes = page.locator(".versions .event-icon path").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('d'))"
    )
    assert len(set(shapes)) == 5, "each kind has a shape of its own"
    for version in (5, 4, 3, 2, 1):
        page.get_by_role("button", name="Previous version").click()
        shows(page, version)
        then = town_api.get(f"/items/{item['id']}/versions/{version}").json()
        expect(page.get_by_role("heading", level=1)).to_have_text(then["name"])
        expect(page.locator("[data-field=description] .left")).to_have_text(then["description"])
    assert page.url.endswith(f"?item={item['id']}&v=1")
    page.get_by_role("button", name="Next version").evaluate("(button) => [1, 2, 3].forEach(() => button.click())")
    shows(page, 4)
    page.get_by_role("button", name="Previous version").evaluate("(button) => [1, 2, 3].forEach(() => button.click())")
    shows(page, 1)
    expect(page.get_by_role("button", name="Previous version")).to_be_disabled()


def test_texts_differ_by_words_and_fields_say_how(town: str, open_page: OpenPage, item: dict[str, Any]) -> None:
    page = open_page(f"{town}/?item={item['id']}&v=2&with=3")
    expect(page.locator("[data-field=description] .sign")).to_have_text("± changed")
    assert page.locator("[data-field=description] del").all_inner_texts() == ["hardly", "last winter"]
    assert page.locator("[data-field=description] ins").all_inner_texts() == ["often", "this autumn"]
    expect(page.locator("[data-differing]")).to_have_attribute("data-differing", "3")
    beside = page.get_by_label("Compare with")
    beside.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_url("**with=4")
    expect(beside).to_be_focused()
    page.keyboard.press("Home")
    page.wait_for_url("**with=6")
    expect(page.locator("[data-field=status] ins")).to_have_text("swapped")
    page.goto(f"{town}/?item={item['id']}&v=5&with=4")
    expect(page.locator("[data-field=deleted_at] .sign")).to_have_text("+ added")
    page.goto(f"{town}/?item={item['id']}&v=5&with=6")
    expect(page.locator("[data-field=deleted_at] .sign")).to_have_text("− removed")


def test_long_texts_differ_by_words_too(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    """Of the longest there are, in the most words, nothing of which stays in its place."""
    before = "".join(f"{n % 10} " for n in range(2500))
    item = created(town_api, description=before)
    town_api.put(f"/items/{item['id']}", json={"description": f"x {before[2:-2]}y "}).raise_for_status()
    page = open_page(f"{town}/?item={item['id']}")
    expect(page.locator("[data-field=description] .sign")).to_have_text("± changed")
    assert page.locator("[data-field=description] del").all_inner_texts() == ["0", "9"]
    assert page.locator("[data-field=description] ins").all_inner_texts() == ["x", "y"]


def test_its_document_at_an_instant_is_beside_now(
    town: str, town_api: httpx.Client, open_page: OpenPage, item: dict[str, Any]
) -> None:
    history = town_api.get(f"/items/{item['id']}/history").json()["history"]
    page = open_page(f"{town}/?item={item['id']}&at={history[1]['timestamp']}")
    shows(page, 2)
    expect(page.get_by_role("heading", level=2).first).to_contain_text("As of")
    assert field(page, "name") == ["Old spade", "Old spade"]
    assert field(page, "description") == [WORDS, OTHER_WORDS]
    page.get_by_role("link", name="Catalogue at this instant").click()
    page.wait_for_url("**/?at=*")
    page.goto(f"{town}/?item={item['id']}&at=2026-01-01T00:00:00Z")
    expect(page.get_by_text("The item did not exist at this instant.")).to_be_visible()


def test_its_events_open_to_data_metadata_and_links(
    town: str, town_api: httpx.Client, open_page: OpenPage, item: dict[str, Any]
) -> None:
    history = town_api.get(f"/items/{item['id']}/history").json()["history"]
    page = open_page(f"{town}/?item={item['id']}")
    event = page.locator(".panel .events li").filter(has_text="active → swapped, for a rake")
    expect(event).to_contain_text("alice")
    event.locator("summary").click()
    assert json.loads(event.locator("pre").inner_text()) == history[3]["changes"]
    expect(event.locator("dl")).to_contain_text(history[3]["event_id"])
    event.get_by_role("link", name=history[3]["correlation_id"]).click()
    expect(page.locator(".events.log li")).to_have_count(1)
    expect(page.locator(".events.log li")).to_contain_text("for a rake")


def test_a_cause_leads_to_the_event_that_it_was(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    """Two things change hands: the second swap says that the first was its cause."""
    events = town_api.get("/events", params={"type": "item_status_changed", "limit": 1000}).json()
    effect = next(event for event in events if "causationid" in event)
    cause = next(event for event in events if event["id"] == effect["causationid"])
    page = open_page(f"{town}/?item={effect['subject']}")
    event = page.locator(".panel .events li").filter(has_text=effect["data"]["reason"])
    event.locator("summary").click()
    event.get_by_role("link", name=cause["id"]).click()
    expect(page.locator(f".events.log [data-position='{cause['position']}']")).to_contain_text(
        f"item {cause['subject']}"
    )


def test_the_audit_trail_is_had_as_csv_and_json(
    town: str, town_api: httpx.Client, open_page: OpenPage, tmp_path: Path
) -> None:
    item = created(town_api)
    town_api.patch(
        f"/items/{item['id']}/status", params={"new_status": "swapped", "reason": '=1+1, "quoted"\nand more'}
    )
    town_api.delete(f"/items/{item['id']}")
    town_api.post(f"/items/{item['id']}/restore", params={"version": 2})
    page = open_page(f"{town}/?item={item['id']}")
    saved = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"audit trail as {kind}").click()
        download.value.save_as(tmp_path / kind)
        saved[kind] = (tmp_path / kind).read_bytes().decode()
        assert download.value.suggested_filename == f"item-{item['id']}-audit-trail.{kind.lower()}"
    trail = town_api.get(f"/items/{item['id']}/audit-trail").json()
    assert json.loads(saved["JSON"]) == trail
    rows = list(csv.DictReader(io.StringIO(saved["CSV"], newline="")))
    assert [(row["event_type"], row["timestamp"], row["user_id"]) for row in rows] == [
        (entry["event_type"], entry["timestamp"], entry["user_id"]) for entry in trail["audit_trail"]
    ]
    assert [row["status"] for row in rows] == ["", "", "", "swapped"]
    assert rows[1]["reason"] == '\'=1+1, "quoted"\nand more', "no spreadsheet takes it for a formula"


def test_a_version_is_restored_after_one_has_seen_what_changes(
    town: str, town_api: httpx.Client, open_page: OpenPage, item: dict[str, Any]
) -> None:
    page = open_page(f"{town}/?item={item['id']}&v=1")
    page.get_by_role("button", name="Restore version 1").click()
    dialog = page.get_by_role("dialog")
    assert [line.split()[0] for line in dialog.get_by_role("listitem").all_inner_texts()] == [
        "name",
        "description",
        "status",
    ]
    dialog.get_by_label("Acting as").fill("carol")
    with page.expect_request("**/restore*") as asked:
        dialog.get_by_role("button", name="Restore").click()
    assert asked.value.headers["if-match"] == '"6"'
    shows(page, 8)
    expect(page.locator("main h1")).to_be_focused()
    now = present(town_api, item["id"])
    first = town_api.get(f"/items/{item['id']}/versions/1").json()
    kept = ("name", "description", "status")
    assert [now[name] for name in kept] == [first[name] for name in kept]
    assert town_api.get(f"/items/{item['id']}/audit-trail").json()["audit_trail"][-1]["user_id"] == "carol"


def test_a_restore_that_comes_too_late_is_refused_and_changes_nothing(
    town: str, town_api: httpx.Client, open_page: OpenPage, item: dict[str, Any]
) -> None:
    page = open_page(f"{town}/?item={item['id']}&v=2")
    page.get_by_role("button", name="Restore version 2").click()
    town_api.put(f"/items/{item['id']}", json={"name": "Somebody was faster"})
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog.get_by_role("alert")).to_contain_text("it is at version 7 now")
    assert present(town_api, item["id"])["version"] == 7
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_what_others_change_is_seen_at_once(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    item = created(town_api, name="Before")
    page = open_page(f"{town}/?item={item['id']}")
    shows(page, 1)
    town_api.put(f"/items/{item['id']}", json={"name": "Afterwards"})
    expect(page.get_by_role("heading", level=1)).to_have_text("Afterwards")
    shows(page, 2)


def test_what_somebody_wrote_is_text_and_never_markup(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    evil = '<img src=x onerror="document.title=1"><b>bold</b>'
    item = town_api.post("/items", json=an_item(name=evil, description=evil, category=evil, owner_id=evil)).json()
    page = open_page(f"{town}/?item={item['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(evil)
    page.goto(f"{town}/?q=bold")
    expect(page.locator(".card h2")).to_have_text([evil])
    page.goto(f"{town}/?view=log&subject={item['id']}")
    expect(page.locator(".events.log li")).to_contain_text(evil)


def test_an_item_that_never_was_says_so(town: str, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?item=2147483647")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
