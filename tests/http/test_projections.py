"""Projections over HTTP: status, rebuilds in the background, verifications, and resuming stopped ones."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.engine.background.rebuild import rebuild
from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.main import PROJECTIONS
from projections.items import Items
from tests.support.patience import until, until_equal
from tests.support.response_shapes import INSTANT, assert_fields_refused, assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import ENDS_WITHIN_SECONDS, running_service
from tests.support.workload import poison as append_an_item_without_owner

NAMES = [each.name for each in PROJECTIONS]


WAITS_LONG_TO_STOP = (
    "import app.http.server.server as server; server.STOPS_WITHIN_SECONDS = 600; "
    "from app.cli.catalog import main; main()"
)


@pytest.fixture
def own(conninfo: str) -> Iterator[httpx.Client]:
    """A client of a service with a database of its own."""
    with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        yield client


def state(api: httpx.Client, name: str) -> dict[str, Any]:
    response = api.get(f"/projections/{name}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def caught_up(api: httpx.Client) -> bool:
    """Whether the log is settled, and every projection at its head."""
    states = api.get("/projections").json()
    at_head = [states["settled_position"], *(each["position"] for each in states["projections"])]
    return set(at_head) == {states["head"]}


def rebuilt(api: httpx.Client, name: str) -> dict[str, Any]:
    """How a rebuild that was begun has ended."""
    ended: dict[str, Any] = until(lambda: state(api, name)["last_rebuild"], "the rebuild did not end")
    return ended


@contextmanager
def somebody_rebuilds(connection: psycopg.Connection, name: str) -> Iterator[None]:
    """Hold what a rebuild holds, and say what it says."""
    connection.execute("select pg_advisory_lock(%s)", (rebuild_lock_key(name),))
    said = Jsonb({"events": 10, "done": 4, "seconds": 1.5})
    connection.execute("update catalog.projections set rebuild = %s where name = %s", (said, name))
    yield
    connection.execute("select pg_advisory_unlock(%s)", (rebuild_lock_key(name),))


def poison(connection: psycopg.Connection, name: str) -> int:
    """Append an event that a rollup raises on, by a constraint on its table; its position."""
    connection.execute(f"alter table catalog.{name} add constraint fine check (key <> 'poison')")
    event = Jsonb([{"type": "item_created", **an_item(owner_id="poison", category="poison")}])
    query = "select position from catalog.append_to_stream(null, null, %s, %s)"
    (position,) = connection.execute(query, (event, Jsonb({"user_id": "tester"}))).fetchone() or (0,)
    return int(position)


def test_every_projection_says_how_it_is(own: httpx.Client) -> None:
    empty = own.get("/projections").json()
    assert (empty["head"], [each["name"] for each in empty["projections"]]) == (0, NAMES)
    for _ in range(3):
        created(own)
    until(lambda: caught_up(own), "the projections were not caught up")
    states = own.get("/projections").json()
    assert (states["head"], states["settled_position"]) == (3, 3)
    assert INSTANT.fullmatch(states["settled_instant"])
    for each in states["projections"]:
        assert each == state(own, each["name"])
        assert each["lifecycle"] == ("inline" if each["name"] == "items" else "async")
        assert (each["version"], each["position"], each["state"]) == (1, 3, "running")
        assert (each["lag_events"], each["lag_seconds"]) == (0, 0)
        assert (each["error"], each["error_position"], each["skipped"]) == (None, None, [])
        assert (each["rebuild"], each["last_rebuild"]) == (None, None)


def test_without_a_projector_the_lag_grows_by_the_clock(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        for _ in range(2):
            created(client)
        first = state(client, "owners")
        assert (first["lag_events"], first["position"]) == (2, 0)
        assert state(client, "items")["lag_events"] == 0
        until(lambda: state(client, "owners")["lag_seconds"] > first["lag_seconds"] + 0.1, "the lag did not grow")


def test_how_far_behind_it_was_of_late_is_kept_for_those_who_come_later(conninfo: str) -> None:
    event = Jsonb([{"type": "item_created", **an_item()}])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        query = "select catalog.append_to_stream(null, null, %s, %s), clock_timestamp()"
        _, recorded = connection.execute(query, (event, Jsonb({"user_id": "tester"}))).fetchone() or (None, None)
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2/projections") as client:
        first, *_ = until(lambda: client.get("/owners/lag").json()["lag"], "the lag was not seen")
        assert INSTANT.fullmatch(first["at"])
        since = datetime.fromisoformat(first["at"]) - recorded
        assert first["lag_seconds"] == pytest.approx(since.total_seconds(), abs=30)
        assert first["lag_events"] == 1
        of_items = client.get("/items/lag").json()
        assert of_items == {"projection": "items", "every_seconds": 2.0, "lag": []}, "it is never behind"


@pytest.mark.parametrize("name", NAMES)
def test_a_rebuild_goes_on_in_the_background_and_is_watched_where_location_says(own: httpx.Client, name: str) -> None:
    items = [created(own) for _ in range(5)]
    until(lambda: caught_up(own), "the projections were not caught up")
    response = own.post(f"/projections/{name}/rebuild")
    assert response.status_code == 202
    begun = response.json()
    assert begun["projection"] == name
    assert response.headers["Location"] == begun["watch"] == str(own.base_url.join(f"projections/{name}"))
    ended = until(lambda: httpx.get(begun["watch"]).json()["last_rebuild"], "the rebuild did not end")
    assert (ended["events"], ended["error"]) == (5, None)
    assert INSTANT.fullmatch(ended["ended_at"])
    assert state(own, name)["rebuild"] is None
    for item in items:
        assert own.get(f"/items/{item['id']}").json() == item
    assert own.get("/owners/alice").json()["total_items"] == 5


def test_a_second_rebuild_is_refused_and_the_first_ones_progress_is_shown(own: httpx.Client, conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection, somebody_rebuilds(connection, "owners"):
        assert state(own, "owners")["rebuild"] == {"events": 10, "done": 4, "seconds": 1.5}
        problem = assert_problem(own.post("/projections/owners/rebuild"), 409)
        assert problem["detail"] == "The projection owners is being rebuilt already."
        assert problem["type"] == "urn:swappo:catalog:rebuild-under-way"
        assert own.post("/projections/categories/rebuild").status_code == 202
    assert state(own, "owners")["rebuild"] is None, "whoever said so is gone"
    assert own.post("/projections/owners/rebuild").status_code == 202
    assert rebuilt(own, "owners")["error"] is None


def test_a_rebuild_that_fails_says_so_and_changes_nothing(own: httpx.Client, conninfo: str) -> None:
    """An event that cannot be folded, as only SQL past the service can write one, and as it can be skipped."""
    created(own)
    until(lambda: caught_up(own), "the projections were not caught up")
    before = own.get("/owners/alice").json()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        append_an_item_without_owner(connection)
        until_equal(lambda: state(own, "owners")["state"], "stopped", "the event stopped nothing")
        assert own.post("/projections/owners/rebuild").status_code == 202
        assert "skip it first: `catalog resume owners --skip`" in rebuilt(own, "owners")["error"]
        assert state(own, "owners")["rebuild"] is None
        assert own.get("/owners/alice").json() == before
        assert connection.execute("select to_regclass('catalog.owners_next')").fetchone() == (None,)
    own.post("/projections/owners/resume?skip=true")
    own.post("/projections/owners/rebuild")
    until(lambda: state(own, "owners")["last_rebuild"]["error"] is None, "the rebuild did not end")


def test_a_rebuild_shows_whoever_began_it_and_also_after_a_restart(own: httpx.Client, conninfo: str) -> None:
    created(own)
    until(lambda: caught_up(own), "the projections were not caught up")
    done = asyncio.run(rebuild(conninfo, Items))
    last = state(own, "items")["last_rebuild"]
    assert (last["events"], last["error"]) == (done.events, None) == (1, None)
    assert 0 < last["swap_milliseconds"] <= done.swap_milliseconds
    assert state(own, "owners")["last_rebuild"] is None
    with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as other:
        assert state(other, "items")["last_rebuild"] == last


def test_a_rebuild_that_was_killed_is_told_once_somebody_cleans_up_behind_it(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with somebody_rebuilds(connection, "owners"):
            pass
        with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
            assert rebuilt(client, "owners")["error"] == "It was ended before it was done."


def test_it_is_told_whether_anybody_leads(conninfo: str) -> None:
    environment = {"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        assert client.get("/projections").json()["has_leader"] is False
        with running_service({"DATABASE_URL": conninfo}):
            until(lambda: client.get("/projections").json()["has_leader"], "nobody led")


def test_a_service_that_is_told_to_stop_ends_its_rebuilds_and_exits_with_0(conninfo: str) -> None:
    """The rebuild waits for an append that never ends; it is not waited for."""
    with (
        running_service({"DATABASE_URL": conninfo}, WAITS_LONG_TO_STOP) as (url, process),
        psycopg.connect(conninfo) as appending,
    ):
        event = Jsonb([{"type": "item_created", **an_item()}])
        appending.execute("select catalog.append_to_stream(null, null, %s, %s)", (event, Jsonb({"user_id": "slow"})))
        assert httpx.post(f"{url}/api/v2/projections/items/rebuild").status_code == 202
        assert_problem(httpx.post(f"{url}/api/v2/projections/items/rebuild"), 409)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0


@pytest.mark.parametrize(
    ("accept", "as_lines"),
    [
        *((accept, True) for accept in ("application/x-ndjson", "application/json, Application/X-NDJSON", "*/*;q=0.1")),
        *((accept, False) for accept in ("application/x-ndjson;q=0", "application/x-ndjson;q=0.1, application/json")),
        *((accept, False) for accept in ("*/*", "application/*", "", "application/x-ndjson-2")),
    ],
)
def test_lines_of_progress_are_for_whom_likes_them_as_much(own: httpx.Client, accept: str, as_lines: bool) -> None:
    headers = (
        [("Accept", accept)] if accept != "*/*;q=0.1" else [("Accept", accept), ("Accept", "application/x-ndjson")]
    )
    response = own.post("/projections/items/verify", headers=headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == ("application/x-ndjson" if as_lines else "application/json")


@pytest.mark.parametrize("name", ["items", "owners", "categories"])
def test_verifying_finds_nothing_and_then_what_was_corrupted(own: httpx.Client, conninfo: str, name: str) -> None:
    created(own, owner_id="alice", category="tools")
    created(own, owner_id="bob", category="toys")
    until(lambda: caught_up(own), "the projections were not caught up")
    path = f"/projections/{name}"
    good = {"projection": name, "checked": 2, "differing_count": 0, "differing": []}
    assert own.post(f"{path}/verify").json() == good
    field, value = ("name", "'\"forged\"'") if name == "items" else ("total_items", "'7'")
    key = {"items": "id = 1", "owners": "key = 'alice'", "categories": "key = 'tools'"}[name]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            f"update catalog.{name} set document = jsonb_set(document, '{{{field}}}', {value}) where {key}"
        )
    found = own.post(f"{path}/verify").json()
    assert (found["checked"], found["differing_count"]) == (2, 1)
    (difference,) = found["differing"]
    assert difference["id"] == {"items": 1, "owners": "alice", "categories": "tools"}[name]
    assert difference["of"] == "document"
    assert difference["stored"].pop(field) in ("forged", 7)
    assert difference["folded"].pop(field) in ("Garden spade", 1)
    assert difference["stored"] == difference["folded"]
    own.post(f"{path}/rebuild")
    rebuilt(own, name)
    assert own.post(f"{path}/verify").json() == good


def test_at_most_a_hundred_differences_are_listed_and_all_are_counted(own: httpx.Client, conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        event = Jsonb([{"type": "item_created", **an_item()}])
        connection.execute(
            "select catalog.append_to_stream(null, null, %s, %s) from generate_series(1, 150)",
            (event, Jsonb({"user_id": "tester"})),
        )
        connection.execute("update catalog.items set document = document || '{\"version\": 9}'")
    found = own.post("/projections/items/verify").json()
    assert (found["checked"], found["differing_count"], len(found["differing"])) == (150, 150, 100)


def test_a_poisoned_event_stops_one_projection_and_a_skip_is_kept_with_its_author(
    own: httpx.Client, conninfo: str
) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        created(own)
        position = poison(connection, "owners")
        until_equal(lambda: state(own, "owners")["state"], "stopped", "it did not stop")
        stopped = state(own, "owners")
        assert (stopped["position"], stopped["error_position"]) == (position - 1, position)
        assert stopped["error"].endswith('violates check constraint "fine"'), "the first line, without the SQL"
        assert until(lambda: state(own, "categories")["position"] == position, "the other one stopped too")
        created(own, owner_id="carol")
        assert own.post("/projections/owners/resume").json()["state"] == "running"
        until_equal(lambda: state(own, "owners")["state"], "stopped", "it did not stop again")
        resumed = own.post("/projections/owners/resume?skip=true&user_id=dora").json()
        assert (resumed["state"], resumed["error"]) == ("running", None)
        (skipped,) = resumed["skipped"]
        assert (skipped["position"], skipped["by"]) == (position, "dora")
        assert skipped["error"] == stopped["error"]
        assert INSTANT.fullmatch(skipped["at"])
        until(lambda: caught_up(own), "it did not go on")
        assert own.get("/owners/carol").json()["total_items"] == 1


def test_after_a_fix_a_stopped_projection_goes_on_with_every_event(own: httpx.Client, conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        poison(connection, "owners")
        until_equal(lambda: state(own, "owners")["state"], "stopped", "it did not stop")
        connection.execute("alter table catalog.owners drop constraint fine")
    assert own.post("/projections/owners/resume").status_code == 200
    until(lambda: caught_up(own), "it did not go on")
    assert own.get("/owners/poison").json()["total_items"] == 1
    assert state(own, "owners")["skipped"] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_stopped_cannot_be_resumed(api: httpx.Client, name: str) -> None:
    problem = assert_problem(api.post(f"/projections/{name}/resume?skip=true"), 409)
    assert problem["detail"] == f"The projection {name} is not stopped."


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/lag"), ("POST", "/rebuild"), ("POST", "/verify"), ("POST", "/resume")]
)
@pytest.mark.parametrize("name", ["nope", "ITEMS", "items_next", "%27"])
def test_an_unknown_projection_is_not_found(api: httpx.Client, method: str, path: str, name: str) -> None:
    assert_problem(api.request(method, f"/projections/{name}{path}"), 404)


def test_what_cannot_be_asked_is_refused(api: httpx.Client) -> None:
    assert_fields_refused(api.post("/projections/owners/resume?skip=perhaps"), "/skip")
    assert_fields_refused(api.post("/projections/owners/resume?user_id="), "/user_id")
    assert_fields_refused(api.get("/projections?x=1"), "/x")
