"""What operators look at: the lag, the log, one item; as JSON for programs and as tables for people."""

import json
import signal
from pathlib import Path

import psycopg
import pytest

from tests.log import append
from tests.operators import RENAMED, SPADE, SWAPPED, Ownerless, answer, eventually, running, said, settle_now
from tests.test_cli import DONE_WITHIN_SECONDS, catalog


def test_lag_is_that_of_the_log_and_of_each_projection(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    assert answer(conninfo, "lag")["settled_instant"] is None
    append(connection, None, [SPADE])
    settle_now(connection)
    append(connection, None, [SPADE, RENAMED])
    lag = answer(conninfo, "lag")
    assert (lag["settled_position"], lag["head"]) == (1, 3)
    behind = {each["name"]: (each["position"], each["lag_events"]) for each in lag["projections"]}
    assert behind == {"items": (None, 0), "owners": (1, 2), "categories": (1, 2)}
    assert all(each["lag_seconds"] > 0 for each in lag["projections"] if each["background"])
    assert "Settled up to position 1 of 3" in said(conninfo, "lag")


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
    lines = said(conninfo, "events", "--item", "1").splitlines()
    assert [line.split()[:1] + line.split()[3:5] for line in lines] == [
        ["1", "1", "item_created"],
        ["2", "1", "item_updated"],
        ["3", "1", "item_status_changed"],
    ]
    assert lines[1].endswith('tester: name "Garden [red]spade" → "Spade"')


def test_an_event_as_json_is_its_whole_envelope(connection: psycopg.Connection) -> None:
    append(connection, None, [SWAPPED])
    settle_now(connection)
    event = answer(connection.info.dsn, "events")
    (stored,) = connection.execute(
        "select position, event_id::text, stream_id, version, type, catalog.rfc3339(recorded_at), metadata, data"
        " from catalog.events"
    )
    assert tuple(event.values()) == stored
    assert [*event] == ["position", "event_id", "stream_id", "version", "type", "recorded_at", "metadata", "data"]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_following_sees_each_event_once_in_order_and_ends_with_0(
    connection: psycopg.Connection, told: signal.Signals, tmp_path: Path
) -> None:
    append(connection, None, [SPADE, SWAPPED])
    log = tmp_path / "followed"
    with (
        log.open("w") as followed,
        running("project", conninfo=connection.info.dsn),
        running("events", "--follow", "--json", conninfo=connection.info.dsn, stdout=followed) as follower,
    ):
        eventually(lambda: len(log.read_text().splitlines()) == 2, "the first two seen")
        for number in range(200):
            with connection.transaction(force_rollback=number % 10 == 0):
                append(connection, None, [SPADE, RENAMED])
        in_the_log = [position for (position,) in connection.execute("select position from catalog.events order by 1")]
        eventually(lambda: len(log.read_text().splitlines()) >= len(in_the_log), "all seen")
        follower.send_signal(told)
        assert follower.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert [json.loads(line)["position"] for line in log.read_text().splitlines()] == in_the_log
    assert len(in_the_log) == 2 + 2 * 180


def test_inspecting_an_item_shows_its_document_its_events_and_what_it_counts_as(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    item, *_ = append(connection, None, [SPADE, RENAMED])
    settle_now(connection)
    found = answer(conninfo, "inspect", str(item))
    (items,) = found["documents"]
    assert (items["equal"], items["error"], items["stored"]["name"]) == (True, None, "Spade")
    assert items["stored"] == items["folded_in_python"] == items["folded_in_postgres"]
    assert [(event["version"], event["type"]) for event in found["events"]] == [
        (1, "item_created"),
        (2, "item_updated"),
    ]
    assert [(each["rollup"], each["key"], each["document"]["total_items"]) for each in found["rollups"]] == [
        ("owners", "alice", 1),
        ("categories", "tools", 1),
    ]
    table = said(conninfo, "inspect", str(item))
    assert "equals the fold of its events, in Python and in Postgres" in table
    assert 'name "Garden [red]spade" → "Spade"' in table
    assert max(map(len, table.splitlines())) <= 80
    assert f"There is no item {item + 1}." in said(conninfo, "inspect", str(item + 1), status=1)


def test_inspecting_shows_what_is_wrong_with_an_item(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    item, *_ = append(connection, None, [SPADE])
    connection.execute('update catalog.items set document = document || \'{"name": "forged"}\'')
    assert answer(conninfo, "inspect", str(item))["documents"][0]["equal"] is False
    table = said(conninfo, "inspect", str(item))
    assert "The stored document and the folds of its events differ." in table
    assert ["name", '"forged"', '"Garden', '[red]spade"'] in [line.split()[:4] for line in table.splitlines()]
    connection.execute("delete from catalog.items")
    assert f"Item {item} has no stored document." in said(conninfo, "inspect", str(item))
    poisoned, *_ = append(connection, None, [Ownerless()])
    assert "Python cannot fold its events" in said(conninfo, "inspect", str(poisoned))
