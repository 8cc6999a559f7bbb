"""`GET /events`: settled events in order, page by page, as CloudEvents that the official SDK reads."""

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import httpx
import psycopg
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from psycopg.types.json import Jsonb

from app.domain.events import ItemCreated
from tests.support.appending import append
from tests.support.patience import until, until_equal
from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service
from tests.support.sse_client import following


def settled(api: httpx.Client, position: int) -> None:
    """Wait until everything up to a position is settled."""
    until(lambda: api.get("/projections").json()["settled_position"] >= position, "the log was not settled")


def events_of(api: httpx.Client, item_id: int, **query: Any) -> list[dict[str, Any]]:
    """All events of an item, once they are settled."""
    history = api.get(f"/items/{item_id}/history").json()["history"]
    settled(api, history[-1]["sequence"])
    response = api.get("/events", params={"item_id": item_id, **query})
    assert response.status_code == 200, response.text
    answer: list[dict[str, Any]] = response.json()
    return answer


@pytest.fixture
def item(api: httpx.Client) -> dict[str, Any]:
    """An item with four events."""
    item = created(api)
    path = f"/items/{item['id']}"
    api.put(f"{path}?user_id=bob", json={"name": "Border spade", "status": "swapped"}, headers={"X-Request-ID": "r-1"})
    api.delete(f"{path}?reason=rusty")
    return item


def test_an_event_is_a_cloud_event_of_what_was_stored(api: httpx.Client, item: dict[str, Any]) -> None:
    history = api.get(f"/items/{item['id']}/history").json()["history"]
    events = events_of(api, item["id"])
    assert [event["type"] for event in events] == [
        *("item_created", "item_updated", "item_status_changed", "item_deleted")
    ]
    for version, (event, entry) in enumerate(zip(events, history, strict=True), 1):
        assert event["specversion"] == "1.0"
        assert (event["source"], event["subject"]) == ("/catalog", str(item["id"]))
        assert (event["datacontenttype"], event["data"]) == ("application/json", entry["changes"])
        assert (event["time"], event["user"]) == (entry["timestamp"], entry["user"])
        assert (event["position"], event["version"]) == (str(entry["sequence"]), version)
    assert events[1]["correlationid"] == events[2]["correlationid"] == "r-1"
    assert len({event["id"] for event in events}) == 4


def test_the_official_sdk_reads_every_event_and_finds_nothing_wrong(api: httpx.Client, item: dict[str, Any]) -> None:
    for event in events_of(api, item["id"]):
        headers = {"content-type": "application/cloudevents+json"}
        read = from_structured_event(HTTPMessage(headers, json.dumps(event).encode()), JSONFormat())
        assert (read.get_id(), read.get_source(), read.get_type()) == (event["id"], "/catalog", event["type"])
        assert (read.get_subject(), read.get_data()) == (str(item["id"]), event["data"])
        time = read.get_time()
        assert time is not None
        assert time.astimezone(UTC) == datetime.fromisoformat(event["time"])
        assert read.get_extension("position") == event["position"]
        assert read.get_extension("user") == event["user"]


def test_every_attribute_has_a_type_that_cloud_events_know(api: httpx.Client, item: dict[str, Any]) -> None:
    """A name of small letters and digits; a string, or an integer of 32 bits."""
    for event in events_of(api, item["id"]):
        for name, value in event.items():
            assert name.isascii()
            assert name.isalnum()
            assert name == name.lower()
            assert name == "data" or isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**31)


def test_a_batch_says_what_it_is(api: httpx.Client) -> None:
    assert api.get("/events?limit=1").headers["Content-Type"] == "application/cloudevents-batch+json"


REQUEST_IDS = {
    "x" * 128: True,
    "~ !": True,
    "x" * 129: False,
    "": False,
    "a\tb": False,
}
"""Ids of requests, and whether they are kept; otherwise the service makes one of its own."""


@pytest.mark.parametrize("sent", REQUEST_IDS, ids=lambda sent: f"{len(sent)} characters")
def test_a_request_id_of_printable_ascii_up_to_its_limit_is_answered_stored_and_found(
    api: httpx.Client, sent: str
) -> None:
    response = api.post("/items", json=an_item(), headers={"X-Request-ID": sent})
    answered = response.headers["X-Request-ID"]
    assert (answered == sent) is REQUEST_IDS[sent]
    assert 0 < len(answered) <= 128
    (event,) = events_of(api, response.json()["id"])
    assert event["correlationid"] == answered
    found = api.get("/events", params={"correlation_id": answered, "item_id": response.json()["id"]})
    assert found.json() == [event]


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_text_that_cloud_events_do_not_allow_is_replaced(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        metadata = Jsonb({"user_id": "a\tb\u0085", "causation_id": "c-1", "traceparent": TRACE})
        event = Jsonb([{"type": "item_created", **an_item()}])
        connection.execute("select catalog.append_to_stream(null, null, %s, %s)", (event, metadata))
    with running_service({"DATABASE_URL": conninfo}) as (url, _):
        (event_read,) = until(lambda: httpx.get(f"{url}/api/v2/events").json(), "the log was not settled")
        (entry,) = httpx.get(f"{url}/api/v2/items/{event_read['subject']}/history").json()["history"]
    assert (event_read["user"], event_read["causationid"]) == ("a\ufffdb\ufffd", "c-1")
    assert event_read["traceparent"] == TRACE
    assert "correlationid" not in event_read
    assert (entry["user"], entry["causation_id"], entry["event_id"]) == ("a\tb\u0085", "c-1", event_read["id"])
    assert "correlation_id" not in entry


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 1000])
def test_pages_linked_to_each_other_hold_everything_once(api: httpx.Client, item: dict[str, Any], limit: int) -> None:
    everything = events_of(api, item["id"])
    walked: list[dict[str, Any]] = []
    address: Any = f"/events?item_id={item['id']}&limit={limit}"
    pages = 0
    while address:
        response = api.get(address)
        assert 0 < len(response.json()) <= limit
        walked += response.json()
        pages += 1
        address = response.links.get("next", {}).get("url")
    assert walked == everything
    assert pages == -(-4 // limit)


def test_events_are_read_behind_a_position(api: httpx.Client, item: dict[str, Any]) -> None:
    everything = events_of(api, item["id"])
    for number, event in enumerate(everything, 1):
        assert events_of(api, item["id"], after=event["position"]) == everything[number:]
    newest = int(everything[-1]["position"])
    assert api.get("/events", params={"after": newest}).status_code == 200


@pytest.mark.parametrize("path", ["/events", "/events/stream"])
def test_a_position_that_was_never_handed_out_is_refused(api: httpx.Client, path: str) -> None:
    """As a reader of a database that was lost has it: silence would look as if nothing happened."""
    problem = assert_problem(api.get(path, params={"after": 2**40}), 409)
    assert problem["type"] == "urn:swappo:catalog:ahead-of-log"
    assert str(problem["newest_position"]) in problem["detail"]
    if path == "/events/stream":
        assert_problem(api.get(path, headers={"Last-Event-ID": str(2**40)}), 409)


def test_what_is_handed_out_but_not_settled_is_not_refused(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        created(client)
        assert client.get("/events?after=1").json() == []
        assert_problem(client.get("/events?after=2"), 409)
        with psycopg.connect(conninfo) as appending:
            append(appending, None, [ItemCreated(**an_item())])
            assert client.get("/events?after=2").json() == []
        assert client.get("/events?after=2").json() == [], "it was rolled back, and its position is a gap"


def test_events_without_an_actor_are_read_everywhere(conninfo: str) -> None:
    """Only a raw insert makes them; they show no actor, and nobody stumbles over them."""
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        running_service({"DATABASE_URL": conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        item = created(client)["id"]
        for version, metadata in enumerate([{}, {"user_id": 7, "correlation_id": "r-1"}, {"user_id": None}], 2):
            connection.execute(RAW, (item, version, Jsonb(metadata)))
        connection.execute("update catalog.items set version = 4; update catalog.streams set version = 4")
        last = created(client)
        until_equal(lambda: len(client.get("/events").json()), 5, "the log was not settled")
        events = client.get("/events").json()
        assert ["user" in event for event in events] == [True, False, False, False, True]
        assert [event.get("correlationid") for event in events][2] == "r-1"
        with following(url, after=0) as follower:
            seen = list(islice(follower.seen(), 5))
        assert [event.data for event in seen] == events
        assert (seen[1].event, events[1]["type"]) == ("odd\ufffdone", "odd\ufffdone")
        assert seen[-1].data["subject"] == str(last["id"])
        history = client.get(f"/items/{item}/history").json()["history"]
        assert [entry["user"] for entry in history] == ["demo-user", "unknown", "unknown", "unknown"]
        trail = client.get(f"/items/{item}/audit-trail").json()["audit_trail"]
        assert [entry["user_id"] for entry in trail] == ["demo-user", "unknown", "unknown", "unknown"]
        assert client.post("/projections/items/verify").json()["differing"] == []


RAW = """
insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
values (catalog.uuid_v7(now()), %s, %s, e'odd\\none', '{}', %s, clock_timestamp())
"""


def test_events_are_read_by_type(api: httpx.Client, item: dict[str, Any]) -> None:
    assert [event["type"] for event in events_of(api, item["id"], type="item_updated")] == ["item_updated"]
    for event in api.get("/events?type=item_deleted&limit=1000").json():
        assert event["type"] == "item_deleted"


def test_the_link_is_where_the_public_finds_it_and_keeps_what_was_asked(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_PUBLIC_URL": "https://swappo.example/catalog/"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        for _ in range(2):
            created(client)
        until_equal(lambda: len(client.get("/events").json()), 2, "the log was not settled")
        link = client.get("/events?limit=1&type=item_created").headers["Link"]
    assert link == ('<https://swappo.example/catalog/api/v2/events?after=1&limit=1&type=item_created>; rel="next"')


def test_what_is_not_settled_is_not_there_yet(conninfo: str) -> None:
    """An append that holds the gate holds the mark; what was committed behind it is kept back too."""
    with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        created(client)
        until_equal(lambda: len(client.get("/events").json()), 1, "the log was not settled")
        with psycopg.connect(conninfo) as appending:
            event = Jsonb([{"type": "item_created", **an_item()}])
            append = "select catalog.append_to_stream(null, null, %s, %s)"
            appending.execute(append, (event, Jsonb({"user_id": "slow"})))
            later = created(client)
            until_equal(lambda: client.get("/projections").json()["head"], 3, "the item was not committed")
            assert [each["position"] for each in client.get("/events").json()] == ["1"]
        until_equal(lambda: len(client.get("/events").json()), 3, "the log was not settled")
        events = client.get("/events").json()
    assert [each["position"] for each in events] == ["1", "2", "3"]
    assert events[-1]["subject"] == str(later["id"])


@pytest.mark.parametrize(
    "query",
    ["type=no_such_type", "limit=0", "limit=1001", "after=-1", f"after={2**63}", "item_id=0", "type=%00", "x=1"],
)
@pytest.mark.parametrize("path", ["/events", "/events/stream"])
def test_what_cannot_be_asked_is_refused(api: httpx.Client, path: str, query: str) -> None:
    assert_fields_refused(api.get(f"{path}?{query}"), "/" + query.partition("=")[0])


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "٣", "9" * 30])
def test_an_id_that_no_event_can_have_is_refused(api: httpx.Client, given: str) -> None:
    response = api.get("/events/stream", headers=[(b"Last-Event-ID", given.encode())])
    assert_problem(response, 400)
