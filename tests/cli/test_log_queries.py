"""What operators look at: the lag, the log, one item; as JSON for programs and as tables for people."""

import json
import signal
from pathlib import Path

import httpx
import psycopg
import pytest

from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.cli_process import DONE_WITHIN_SECONDS, catalog
from tests.support.operator_commands import (
    RENAMED,
    SPADE,
    SWAPPED,
    Ownerless,
    is_caught_up,
    json_answer,
    printed_text,
    running_command,
    settle_now,
)
from tests.support.patience import until, until_equal
from tests.support.service_process import running_service


def test_lag_is_that_of_the_log_and_of_each_projection(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    assert json_answer(conninfo, "lag")["settled_instant"] is None
    append(connection, None, [SPADE])
    settle_now(connection)
    append(connection, None, [SPADE, RENAMED])
    lag = json_answer(conninfo, "lag")
    assert (lag["settled_position"], lag["head"]) == (1, 3)
    behind = {each["name"]: (each["position"], each["lag_events"]) for each in lag["projections"]}
    assert [*behind.items()] == [(each.name, (1, 2) if each.is_async() else (3, 0)) for each in PROJECTIONS]
    assert all(each["lag_seconds"] > 0 for each in lag["projections"] if each["lifecycle"] == "async")
    assert lag["has_leader"] is False
    told = printed_text(conninfo, "lag")
    assert "Settled up to position 1 of 3" in told
    assert "No projector leads" in told


def test_what_the_lag_says_is_what_the_service_says(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])
    with running_service({"DATABASE_URL": conninfo}) as (url, _):
        until(lambda: is_caught_up(connection), "it did not catch up")
        assert httpx.get(f"{url}/api/v2/projections").json() == json_answer(conninfo, "lag")


def test_a_projection_that_is_late_makes_the_lag_fail(connection: psycopg.Connection) -> None:
    """Late by the clock: the event is eleven seconds old, which only who is above the log can make so."""
    append(connection, None, [SPADE])
    assert "Settled up to position 0 of 1" in printed_text(connection.info.dsn, "lag")
    connection.execute("set session_replication_role = replica; alter table catalog.log disable trigger all")
    connection.execute("update catalog.log set recorded_at = recorded_at - interval '11 seconds'")
    assert "Settled up to position 0 of 1" in printed_text(connection.info.dsn, "lag", status=1)
    assert "The background is behind: an event has waited for 1" in printed_text(connection.info.dsn, "lag", status=1)


def test_events_are_the_settled_ones_in_order_as_asked_for(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    for _ in range(2):
        append(connection, None, [SPADE, RENAMED, SWAPPED])
    settle_now(connection)
    append(connection, 2, [SWAPPED])

    def positions(*asked: str) -> list[int]:
        ran = catalog("events", "--json", *asked, DATABASE_URL=conninfo)
        assert ran.returncode == 0
        assert "The log is settled up to 6 of 7" in ran.stderr
        return [json.loads(line)["position"] for line in ran.stdout.splitlines()]

    assert positions() == [1, 2, 3, 4, 5, 6]
    assert positions("--after", "2", "--limit", "3") == [3, 4, 5]
    assert positions("--item", "2") == [4, 5, 6]
    assert positions("--type", "item_updated") == [2, 5]
    assert positions("--type", "item_updated", "--item", "2", "--after", "5") == []
    assert positions("--last", "2") == [5, 6]
    assert positions("--last", "2", "--type", "item_updated") == [2, 5]
    assert positions("--last", "9", "--after", "4") == [5, 6]
    assert positions("--last", "3", "--limit", "1") == [4]
    assert positions("--after", "7") == []
    assert "No event has the position 8: the newest one handed out is 7." in printed_text(
        conninfo, "events", "--after", "8", status=1
    )
    assert "'item_created', 'item_updated'" in printed_text(conninfo, "events", "--type", "nonsense", status=2)
    assert "'abc' is not the id of an item" in printed_text(conninfo, "inspect", "abc", status=2)
    lines = printed_text(conninfo, "events", "--item", "1").splitlines()
    assert [line.split()[:1] + line.split()[3:5] for line in lines] == [
        ["1", "1", "item_created"],
        ["2", "1", "item_updated"],
        ["3", "1", "item_status_changed"],
    ]
    assert lines[1].endswith('tester: name "Garden [red]spade" → "Spade"')


@pytest.mark.parametrize("unsettled", [0, 1])
def test_a_note_tells_of_events_that_are_not_settled_and_only_then(
    connection: psycopg.Connection, unsettled: int
) -> None:
    append(connection, None, [SPADE])
    settle_now(connection)
    for _ in range(unsettled):
        append(connection, None, [SPADE])
    ran = catalog("events", DATABASE_URL=connection.info.dsn)
    assert (ran.returncode, len(ran.stdout.splitlines())) == (0, 1)
    assert ("The log is settled up to 1 of 2" in ran.stderr, "settled" in ran.stderr) == (bool(unsettled),) * 2


def test_an_event_as_json_is_its_whole_envelope(connection: psycopg.Connection) -> None:
    append(connection, None, [SWAPPED])
    settle_now(connection)
    event = json_answer(connection.info.dsn, "events")
    (stored,) = connection.execute(
        "select position, event_id::text, stream_id, version, type, catalog.rfc3339(recorded_at), metadata, data"
        " from catalog.events"
    )
    assert tuple(event.values()) == stored
    assert [*event] == ["position", "event_id", "stream_id", "version", "type", "recorded_at", "metadata", "data"]


RAW = """
insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
values (catalog.uuid_v7(now()), 1, %s, %s, %s, %s, clock_timestamp())
"""
HUGE = '{"reason": 1' + 400 * "0" + ".5}"
ODD = [
    ("item_updated", '{"changes": 5}', "{}", "changes 5"),
    ("item_updated", '{"changes": {"name": 1}, "previous_values": [2]}', "{}", "name null → 1, previous_values [2]"),
    ("item_updated", '{"previous_values": {"name": 1}}', '{"user_id": "u"}', 'u: previous_values {"name":1}'),
    ("item_deleted", "{}", '{"user_id": "u"}', "u"),
    ("item_deleted", HUGE, '{"user_id": [7]}', f"(all) {HUGE}"),
    ("who\nknows", '{"a\\u001b": "\\u009b"}', '{"user_id": 1e400}', 'a\\x1b "\\u009b"'),
    ("item_deleted", "{}", "{}", ""),
]


def test_every_event_is_shown_however_odd_it_is(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])
    for version, (type_, data, metadata, _) in enumerate(ODD, 2):
        connection.execute(RAW, (version, type_, data, metadata))
    connection.execute("select catalog.publish_mark(position, instant) from catalog.begin_mark()")
    lines = printed_text(conninfo, "events", "--after", "1").splitlines()
    assert [line[59:] for line in lines] == [what for *_, what in ODD]
    assert len(catalog("events", "--json", DATABASE_URL=conninfo).stdout.splitlines()) == 1 + len(ODD)
    shown = printed_text(conninfo, "inspect", "1", status=1)
    assert "Its events cannot be folded" in shown
    assert "who\\nknows, position" in shown
    assert len(json_answer(conninfo, "inspect", "1", status=1)["events"]) == 1 + len(ODD)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_following_sees_each_event_once_in_order_and_ends_with_0(
    connection: psycopg.Connection, told: signal.Signals, tmp_path: Path
) -> None:
    append(connection, None, [SPADE, SWAPPED])
    log = tmp_path / "followed"
    with (
        log.open("w") as followed,
        running_command("project", conninfo=connection.info.dsn),
        running_command("events", "--follow", "--json", conninfo=connection.info.dsn, stdout=followed) as follower,
    ):
        until_equal(lambda: len(log.read_text().splitlines()), 2, "the first two were not seen")
        for number in range(200):
            with connection.transaction(force_rollback=number % 10 == 0):
                append(connection, None, [SPADE, RENAMED])
        in_the_log = [position for (position,) in connection.execute("select position from catalog.events order by 1")]
        until(lambda: len(log.read_text().splitlines()) >= len(in_the_log), "not all were seen")
        follower.send_signal(told)
        assert follower.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert [json.loads(line)["position"] for line in log.read_text().splitlines()] == in_the_log
    assert len(in_the_log) == 2 + 2 * 180


def test_inspecting_an_item_shows_its_document_its_events_and_what_it_counts_as(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    item, *_ = append(connection, None, [SPADE, RENAMED])
    settle_now(connection)
    found = json_answer(conninfo, "inspect", str(item))
    (items,) = found["documents"]
    assert (items["equal"], items["error"], items["stored"]["name"]) == (True, None, "Spade")
    assert items["stored"] == items["folded_in_python"] == items["folded_in_postgres"]
    assert [(event["version"], event["type"]) for event in found["events"]] == [
        (1, "item_created"),
        (2, "item_updated"),
    ]
    assert [each["rollup"] for each in found["rollups"]] == [each.name for each in PROJECTIONS if each.is_async()]
    assert [(each["rollup"], each["key"], each["document"]["total_items"]) for each in found["rollups"][:2]] == [
        ("owners", "alice", 1),
        ("categories", "tools", 1),
    ]
    table = printed_text(conninfo, "inspect", str(item))
    assert "equals the fold of its events, in Python and in Postgres" in table
    assert 'name "Garden [red]spade" → "Spade"' in table
    assert max(map(len, table.splitlines())) <= 80
    assert f"There is no item {item + 1}." in printed_text(conninfo, "inspect", str(item + 1), status=1)


FORGED_FOLD = """
alter function catalog.fold_items rename to true_fold_of_items;
create function catalog.fold_items(p_stream_id integer, p_until timestamptz, p_version integer)
returns table (version integer, valid_from timestamptz, document jsonb) language sql as $$
select version, valid_from, document || '{"name": "forged"}'
from catalog.true_fold_of_items(p_stream_id, p_until, p_version)
$$;
"""
FORGED_DOCUMENT = """update catalog.items set document = document || '{"name": "forged"}';"""


@pytest.mark.parametrize(
    "forgeries",
    [FORGED_DOCUMENT, FORGED_FOLD, FORGED_FOLD + FORGED_DOCUMENT],
    ids=["the document", "the fold in Postgres", "both, so that only Python is right"],
)
def test_inspecting_compares_the_document_and_both_folds(connection: psycopg.Connection, forgeries: str) -> None:
    item, *_ = append(connection, None, [SPADE])
    assert json_answer(connection.info.dsn, "inspect", str(item))["documents"][0]["equal"] is True
    connection.execute(forgeries.encode())
    assert json_answer(connection.info.dsn, "inspect", str(item), status=1)["documents"][0]["equal"] is False


def test_inspecting_shows_what_is_wrong_with_an_item(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    item, *_ = append(connection, None, [SPADE])
    connection.execute('update catalog.items set document = document || \'{"name": "forged"}\'')
    assert json_answer(conninfo, "inspect", str(item), status=1)["documents"][0]["equal"] is False
    table = printed_text(conninfo, "inspect", str(item), status=1)
    assert "The stored document and the folds of its events differ." in table
    assert ["name", '"forged"', '"Garden', '[red]spade"'] in [line.split()[:4] for line in table.splitlines()]
    connection.execute("delete from catalog.items")
    assert f"Item {item} has no stored document." in printed_text(conninfo, "inspect", str(item), status=1)
    poisoned, *_ = append(connection, None, [Ownerless()])
    assert "Its events cannot be folded" in printed_text(conninfo, "inspect", str(poisoned), status=1)
