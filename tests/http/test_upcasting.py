"""What an older release stored, a newer one serves in its own shape: seen at the real service, made a release newer.

The log of today has no older shapes. So the events of this item are appended as a release would have that knew no
images, called the name a title and had a colour; and the service is today's but for the lines that say so.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

import httpx
import psycopg
import pytest
from msgspec import Struct

from tests.support.appending import append
from tests.support.patience import until, until_equal
from tests.support.response_shapes import assert_item, events_of
from tests.support.sample_items import an_item, created, present
from tests.support.service_process import running_service
from tests.support.sse_client import following

NEWER = """
from app.domain.events import ItemChanges, ItemCreated
from app.engine.events.upcasting import default, dropped, renamed

ItemCreated.upcasts = (renamed("title", to="name"), default("image_urls", ()), dropped("colour"))
ItemChanges.upcasts = (renamed("title", to="name"), dropped("colour"))

from app.cli.catalog import main

main()
"""

TODAY = {**an_item(), "image_urls": []}
BEFORE = {name: value for name, value in TODAY.items() if name not in {"name", "image_urls"}}
STORED = [
    {"type": "item_created", **BEFORE, "title": "Garden spade", "colour": "green"},
    {
        "type": "item_updated",
        "changes": {"title": "Spade", "colour": "red"},
        "previous_values": {"title": "Garden spade", "colour": "green"},
    },
]
UPDATE = {"changes": {"name": "Spade"}, "previous_values": {"name": "Garden spade"}}


class Newer(Struct, frozen=True):
    """The newer release as it serves, and the item that the older one left it."""

    url: str
    environment: dict[str, str]
    api: httpx.Client
    item_id: int


def run(environment: dict[str, str], *arguments: str) -> str:
    """A command of the newer release; it must succeed."""
    return subprocess.run(
        [sys.executable, "-c", NEWER, *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def newer(module_conninfo: str) -> Iterator[Newer]:
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        item_id, *_ = append(connection, None, STORED)
    environment = {"DATABASE_URL": module_conninfo}
    run(environment, "migrate")
    with (
        running_service(environment, NEWER) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api,
    ):
        until_equal(lambda: present(api, item_id).get("image_urls"), [], "its changed rules had it rebuild the items")
        yield Newer(url, environment, api, item_id)


def test_an_item_of_older_events_is_one_like_any_other(newer: Newer) -> None:
    """… now and at each version, and it takes commands."""
    item = present(newer.api, newer.item_id)
    assert_item(item)
    assert {name: item[name] for name in TODAY} == {**TODAY, "name": "Spade"}
    first = newer.api.get(f"/items/{newer.item_id}/versions/1").json()
    assert {name: first[name] for name in TODAY} == TODAY
    assert newer.api.post(f"/items/{newer.item_id}/rebuild").json()["changed"] is False
    assert newer.api.put(f"/items/{newer.item_id}", json={"image_urls": ["https://images.example/x.jpg"]}).is_success
    assert events_of(newer.api, newer.item_id)[-1]["previous_values"] == {"image_urls": []}


def test_clients_see_older_events_in_the_present_shape(newer: Newer) -> None:
    history = newer.api.get(f"/items/{newer.item_id}/history").json()["history"]
    assert [entry["changes"] for entry in history[:2]] == [TODAY, UPDATE]
    assert {name: events_of(newer.api, newer.item_id)[1][name] for name in UPDATE} == UPDATE
    until(lambda: newer.api.get("/events").json(), "the log was settled")
    assert [event["data"] for event in newer.api.get("/events").json()[:2]] == [TODAY, UPDATE]
    with following(newer.url, after=0) as follower:
        assert [seen.data["data"] for seen in islice(follower.seen(), 2)] == [TODAY, UPDATE]


def test_the_log_keeps_what_was_stored(newer: Newer, module_conninfo: str) -> None:
    query = "select data || jsonb_build_object('type', type) from catalog.events where stream_id = %s order by version"
    with psycopg.connect(module_conninfo) as connection:
        stored = [data for (data,) in connection.execute(query, (newer.item_id,))]
    assert stored[:2] == STORED


def test_the_fold_in_python_agrees(newer: Newer) -> None:
    """Beside an item of the present shape."""
    created(newer.api)
    assert "items: 2 documents checked, 0 differ" in run(newer.environment, "verify")
