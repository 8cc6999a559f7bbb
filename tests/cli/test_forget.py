"""`catalog forget`: asked first, audited, in steps that go on where they were stopped, and thorough."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.cli.console import os_user
from app.domain.erasure import OwnerEraser
from app.engine.events.event import Metadata
from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.engine.postgres.connections import as_service_role
from app.engine.postgres.pool import PoolSettings, single_connection_database
from app.errors import Conflict
from app.main import item_decider
from tests.support.appending import append
from tests.support.cli_process import DONE_WITHIN_SECONDS, catalog
from tests.support.erasure_checks import rows_of, tables_with
from tests.support.operator_commands import (
    fetch_value,
    json_answer,
    printed_text,
    running_command,
    settle_now,
)
from tests.support.patience import until

SECRET, BOBS = "geheimnis", "nachbarin"


def some_items(connection: psycopg.Connection, owner: str, mark: str, number: int = 3) -> list[int]:
    """Items of an owner, each created, renamed and swapped for a reason; the first is deleted already."""
    found = []
    for n in range(number):
        texts = {"name": f"{mark} {n}", "description": f"{mark} {mark}s", "image_urls": [f"https://{mark}/{n}.jpg"]}
        place = {"location_lat": 52.5219, "location_lon": 13.4132}
        created = {"type": "item_created", **texts, **place, "category": "tools", "owner_id": owner, "status": "active"}
        names = {"changes": {"name": f"new {mark}"}, "previous_values": {"name": f"{mark} {n}"}}
        swapped = {"old_status": "active", "new_status": "swapped", "reason": f"for a {mark}"}
        events = [created, {"type": "item_updated", **names}, {"type": "item_status_changed", **swapped}]
        stream, *_ = append(connection, None, events)
        found.append(stream)
    append(connection, found[0], [{"type": "item_deleted", "reason": f"{mark} moved"}])
    return found


def a_key(connection: psycopg.Connection, owner: str) -> None:
    once = Jsonb({"user_id": owner, "key": "k", "request": "r"})
    connection.execute("select catalog.store_idempotent_outcome(%s, '{}')", (once,))


SAMPLES = "select count(*) from pg_stats where pg_stats::text like %s"
"""What the planner keeps of the tables: it has values of them."""
AUDIT = "select owner_id, forgotten_by, forgotten_at > begun_at, items, events from catalog.forgotten order by id"


def test_what_is_personal_of_an_owner_is_nowhere_afterwards_and_everything_agrees(
    connection: psycopg.Connection, conninfo: str
) -> None:
    alices, bobs = some_items(connection, "alice", SECRET), some_items(connection, "bob", BOBS)
    a_key(connection, "alice")
    a_key(connection, "bob")
    log, of_bob = rows_of(connection, "log"), rows_of(connection, "items", f"id = any (array{bobs})")
    connection.execute("analyze")
    assert fetch_value(connection, SAMPLES, f"%{SECRET}%") > 0
    answered = json_answer(conninfo, "forget", "alice", "--by", "operator", "--yes")
    assert answered == {"owner_id": "alice", "forgotten_by": "operator", "items": 3, "events": 10}
    assert tables_with(connection, SECRET) == set()
    assert fetch_value(connection, SAMPLES, f"%{SECRET}%") == 0
    assert set(log) < set(rows_of(connection, "log"))
    assert rows_of(connection, "items", f"id = any (array{bobs})") == of_bob
    assert fetch_value(connection, "select array_agg(user_id) from catalog.idempotency_keys") == ["bob"]
    documents = connection.execute(
        "select distinct document ->> 'name', document ->> 'status', document -> 'location_lat',"
        " document -> 'image_urls' from catalog.items where id = any (%s)",
        (alices,),
    ).fetchall()
    assert documents == [("(forgotten)", "archived", 53, [])]
    assert connection.execute(AUDIT).fetchall() == [("alice", "operator", True, 3, 10)]
    settle_now(connection)
    assert catalog("verify", DATABASE_URL=conninfo).returncode == 0
    assert fetch_value(connection, "select by_status from owners where owner_id = 'alice'") == {"archived": 3}


def test_the_log_says_why_the_items_are_gone_and_who_did_it(connection: psycopg.Connection, conninfo: str) -> None:
    _, item, _ = some_items(connection, "alice", SECRET)
    printed_text(conninfo, "forget", "alice", "--yes")
    trail = "select event_type, user_id, reason, changes from audit_trail where item_id = %s order by version"
    assert connection.execute(trail, (item,)).fetchall() == [
        ("item_created", "tester", None, None),
        ("item_updated", "tester", None, {"name": "(forgotten)"}),
        ("item_status_changed", "tester", "(forgotten)", None),
        ("item_deleted", os_user(), "Its owner was forgotten.", None),
    ]


def test_it_says_what_it_will_do_and_asks_first(connection: psycopg.Connection, conninfo: str) -> None:
    some_items(connection, "alice", SECRET)
    before = rows_of(connection, "log")
    asked = subprocess.run(
        [sys.executable, "-m", "app.cli", "forget", "alice"],
        env={**os.environ, "DATABASE_URL": conninfo},
        input="n\n",
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_SECONDS,
        check=False,
    )
    assert asked.returncode == 1
    assert (
        "alice has put 3 items into the catalog; 3 of them are there or hold something personal, in 10" in asked.stderr
    )
    assert rows_of(connection, "log") == before
    assert "personal" in tables_with(connection, SECRET)
    assert rows_of(connection, "forgotten") == []


def test_the_service_may_not_forget_and_is_told_so_before_it_is_asked(
    connection: psycopg.Connection, conninfo: str
) -> None:
    some_items(connection, "alice", SECRET)
    refused = catalog("forget", "alice", DATABASE_URL=as_service_role(conninfo))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "only the owner of the schema may forget an owner" in refused.stderr
    assert tables_with(connection, SECRET) != set()


def test_of_an_owner_nobody_knows_nothing_is_done_and_nothing_recorded(
    connection: psycopg.Connection, conninfo: str
) -> None:
    refused = printed_text(conninfo, "forget", "nobody", "--yes", status=1)
    assert refused.startswith("catalog: The catalog holds nothing of nobody: nothing was erased")
    assert rows_of(connection, "forgotten") == []
    assert catalog("forget", "alice", "--by", "a\x01", DATABASE_URL=conninfo).returncode == 2


def test_who_is_forgotten_already_stays_so_and_is_not_recorded_twice(
    connection: psycopg.Connection, conninfo: str
) -> None:
    some_items(connection, "alice", SECRET)
    first = printed_text(conninfo, "forget", "alice", "--yes")
    head = fetch_value(connection, "select max(position) from catalog.log")
    assert printed_text(conninfo, "forget", "alice") == first
    assert len(rows_of(connection, "forgotten")) == 1
    assert fetch_value(connection, "select max(position) from catalog.log") == head


def test_what_comes_into_the_catalog_later_can_be_forgotten_again(
    connection: psycopg.Connection, conninfo: str
) -> None:
    some_items(connection, "alice", SECRET, 1)
    printed_text(conninfo, "forget", "alice", "--yes")
    some_items(connection, "alice", SECRET, 2)
    assert json_answer(conninfo, "forget", "alice", "--yes")["items"] == 2
    assert tables_with(connection, SECRET) == set()
    assert [row[3:] for row in connection.execute(AUDIT)] == [(1, 4), (2, 7)]


@contextmanager
def held(conninfo: str, item: int) -> Any:
    """While somebody holds on to an item, so that whoever comes to it waits."""
    with psycopg.connect(conninfo) as holding:
        holding.execute("select catalog.lock_stream(%s)", (item,))
        yield
        holding.rollback()


HELD = """
select count(*)
from pg_locks
where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())
"""
WAITS = """
select exists (
    select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_it_goes_on_when_run_again(
    connection: psycopg.Connection, conninfo: str, how: signal.Signals
) -> None:
    _, second, third = some_items(connection, "alice", SECRET)
    with (
        held(conninfo, second),
        running_command("forget", "alice", "--yes", conninfo=conninfo, stderr=subprocess.PIPE) as process,
    ):
        until(lambda: bool(fetch_value(connection, WAITS)), "it does not wait for the second item")
        process.send_signal(how)
        assert process.wait(DONE_WITHIN_SECONDS) == (130 if how == signal.SIGINT else -how)
    until(lambda: not fetch_value(connection, WAITS), "what it waited for is not called off")
    left = connection.execute("select distinct stream_id from catalog.personal order by 1").fetchall()
    assert left == [(second,), (third,)]
    assert connection.execute(AUDIT).fetchall() == [("alice", os_user(), None, 1, 4)]
    until(lambda: not fetch_value(connection, HELD), "it is still there")
    printed_text(conninfo, "forget", "alice", "--yes")
    assert tables_with(connection, SECRET) == set()
    assert connection.execute(AUDIT).fetchall() == [("alice", os_user(), True, 3, 10)]


def test_another_operator_who_finishes_it_is_recorded_as_well(connection: psycopg.Connection, conninfo: str) -> None:
    some_items(connection, "alice", SECRET)
    connection.execute("insert into catalog.forgotten (owner_id, forgotten_by, items) values ('alice', 'first', 1)")
    printed_text(conninfo, "forget", "alice", "--by", "second", "--yes")
    audit = [("alice", "first", None, 1, 0), ("alice", "second", True, 3, 10)]
    assert connection.execute(AUDIT).fetchall() == audit


def test_while_a_rebuild_is_under_way_nobody_is_forgotten(connection: psycopg.Connection, conninfo: str) -> None:
    """It has read the text by then, and would bring it back; and what a killed one has left holds it, too."""
    some_items(connection, "alice", SECRET)
    connection.execute("create table catalog.items_history_next as select * from catalog.items_history")
    with psycopg.connect(conninfo, autocommit=True) as rebuilding:
        rebuilding.execute("select pg_advisory_lock(%s)", (rebuild_lock_key("items"),))
        refused = printed_text(conninfo, "forget", "alice", "--yes", status=1)
        assert "catalog: The projection items is being rebuilt, or an owner is being forgotten" in refused
        assert "personal" in tables_with(connection, SECRET)
    printed_text(conninfo, "forget", "alice", "--yes")
    assert tables_with(connection, SECRET) == set()
    printed_text(conninfo, "rebuild", "items")
    assert tables_with(connection, SECRET) == set()


def test_an_item_that_comes_during_the_erasure_is_not_passed_over(
    connection: psycopg.Connection, conninfo: str
) -> None:
    """It comes after the last of those that were found, which is the latest moment at which it can be seen."""
    some_items(connection, "alice", SECRET, 2)

    def one_more(done: int, of: int) -> None:
        if done == of:
            some_items(connection, "alice", SECRET, 1)

    async def erase() -> None:
        async with single_connection_database(conninfo, PoolSettings()) as database:
            await OwnerEraser(conninfo, database, item_decider).erase("alice", Metadata(user_id="ann"), one_more)

    with pytest.raises(Conflict, match="Items of alice were changed meanwhile: run it again"):
        asyncio.run(erase())
    assert connection.execute(AUDIT).fetchall() == [("alice", "ann", None, 2, 7)]
    printed_text(conninfo, "forget", "alice", "--by", "ann", "--yes")
    assert tables_with(connection, SECRET) == set()
    assert connection.execute(AUDIT).fetchall() == [("alice", "ann", True, 3, 11)]


def test_imported_items_are_forgotten_like_any_others(
    connection: psycopg.Connection, conninfo: str, tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    fields = "owner_id,name,description,category,image_urls,location_lat,location_lon\n"
    row = f"alice,{SECRET},my {SECRET},tools,https://{SECRET}/1.jpg,52.52,13.4\n"
    file.write_text(fields + row * 3 + row.replace("alice", "bob").replace(SECRET, BOBS))
    printed_text(conninfo, "import", str(file))
    assert "log" not in tables_with(connection, SECRET)
    assert json_answer(conninfo, "forget", "alice", "--yes")["events"] == 3
    assert tables_with(connection, SECRET) == set()
    assert {"personal", "items", "items_words"} <= tables_with(connection, BOBS)
    assert catalog("verify", "items", DATABASE_URL=conninfo).returncode == 0
