"""What operators do: real processes, on databases that people write to, corrupt, and kill things on."""

import json
import os
import pty
import pwd
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from msgspec import structs

from app.engine.postgres.advisory_locks import rebuild_lock_key
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.main import PROJECTIONS
from projections.items import Item
from projections.owners import Owners
from tests.support.appending import append
from tests.support.cli_process import DONE_WITHIN_SECONDS, catalog
from tests.support.databases import database_like
from tests.support.leadership import terminate_leader
from tests.support.operator_commands import (
    RENAMED,
    SPADE,
    SWAPPED,
    Ownerless,
    fetch_value,
    is_caught_up,
    json_answer,
    printed_text,
    running_command,
    settle_now,
)
from tests.support.patience import until


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_projector_alone_catches_up_survives_a_lost_connection_and_ends_with_0(
    connection: psycopg.Connection, told: signal.Signals
) -> None:
    append(connection, None, [SPADE, RENAMED])
    with running_command("project", conninfo=connection.info.dsn) as process:
        until(lambda: is_caught_up(connection), "it did not catch up")
        terminate_leader(connection)
        append(connection, None, [SPADE])
        until(lambda: is_caught_up(connection), "it did not catch up again")
        process.send_signal(told)
        assert process.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert fetch_value(connection, "select (document -> 'total_items')::integer from catalog.owners") == 2


def test_a_rebuild_says_what_it_did(connection: psycopg.Connection) -> None:
    append(connection, None, [SPADE, RENAMED, SWAPPED])
    ran = catalog("rebuild", "--all", DATABASE_URL=connection.info.dsn)
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [each.name for each in PROJECTIONS]
    waiting = ["its catch-up" if each.is_async() else "writers" for each in PROJECTIONS]
    for line, who in zip(lines, waiting, strict=True):
        assert "rebuilt from 3 events in " in line
        assert " events/s); " in line
        assert f"{who} waited " in line
    told = [line for line in ran.stderr.splitlines() if line.startswith("items: ")]
    assert [line.split()[1] for line in told] == ["folding,", "indexing,", "swapping,"]
    assert told[-1] == "items: swapping, 3 of 3 events (100 %)", "no time to go is told that nobody knows"


def test_a_rebuild_answers_in_json_and_the_lag_tells_when_it_was(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])
    settle_now(connection)  # else the background is behind after ten seconds, which `catalog lag` answers with 1
    (done,) = json_answer(conninfo, "rebuild", "items")
    assert (done["projection"], done["events"]) == ("items", 1)
    last = {each["name"]: each["last_rebuild"] for each in json_answer(conninfo, "lag")["projections"]}
    assert last["owners"] is None
    assert (last["items"]["events"], last["items"]["error"]) == (1, None)
    assert "items: last rebuilt at " in printed_text(conninfo, "lag")
    assert "from 1 event in" in printed_text(conninfo, "lag")


def test_an_event_that_cannot_be_folded_refuses_the_rebuild_in_a_sentence_that_says_what_to_do(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [Ownerless()])
    refused = catalog("rebuild", "owners", DATABASE_URL=conninfo)
    assert refused.returncode == 1
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("catalog: ")]
    assert line.startswith("catalog: The projection owners cannot be rebuilt: null value in column")
    assert line.endswith("skip it first: `catalog resume owners --skip`.")
    assert "CONTEXT" not in refused.stderr
    assert json_answer(conninfo, "rebuild", "owners", status=1) == []
    lag = json.loads(catalog("lag", "--json", DATABASE_URL=conninfo).stdout)
    (owners,) = (each for each in lag["projections"] if each["name"] == "owners")
    assert line == f"catalog: {owners['last_rebuild']['error']}"


def test_a_rebuild_in_a_terminal_has_a_bar(connection: psycopg.Connection) -> None:
    append(connection, None, [SPADE])
    terminal, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "DATABASE_URL": connection.info.dsn}
    command = [sys.executable, "-m", "app.cli", "rebuild", "items"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):
            while piece := os.read(terminal, 4096):
                shown += piece
        os.close(terminal)
        assert process.wait(timeout=DONE_WITHIN_SECONDS) == 0
    assert "━━━" in shown.decode()
    assert "items: swapping, 1 of 1 event (100 %)" in shown.decode()


def test_what_cannot_be_rebuilt_is_said_in_a_sentence(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    names = f"there are {', '.join(each.name for each in PROJECTIONS)}."
    for command in ("rebuild", "verify", "resume"):
        assert names in printed_text(conninfo, command, "nonsense", status=1)
    assert "Give a NAME or --all." in printed_text(conninfo, "rebuild", status=2)
    assert "not both" in printed_text(conninfo, "rebuild", "items", "--all", status=2)
    connection.execute("select pg_advisory_lock(%s)", (rebuild_lock_key("owners"),))
    refused = catalog("rebuild", "--all", DATABASE_URL=conninfo)
    assert refused.returncode == 1
    assert "owners is being rebuilt already" in refused.stderr
    assert [line.partition(":")[0] for line in refused.stdout.splitlines()] == [
        each.name for each in PROJECTIONS if each is not Owners
    ]


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_rebuild_ended_half_way_has_changed_nothing_and_the_next_one_succeeds(
    connection: psycopg.Connection, how: signal.Signals, status: int
) -> None:
    """Half-way is where it waits to swap, as long as somebody reads the old documents in a transaction."""
    conninfo = connection.info.dsn
    for _ in range(20):
        append(connection, None, [SPADE, RENAMED])
    connection.execute('update catalog.items set document = document || \'{"name": "forged"}\' where id = 7')
    documents = connection.execute("select * from catalog.items order by id").fetchall()
    with psycopg.connect(conninfo) as reader:
        reader.execute("select count(*) from catalog.items")
        with running_command("rebuild", "items", conninfo=conninfo, stderr=subprocess.PIPE) as process:
            until(lambda: _is_built(connection, 20), "the next generation was not built")
            process.send_signal(how)
            _, told = process.communicate(timeout=DONE_WITHIN_SECONDS)
        assert process.returncode == status
        assert (status < 0) or "has changed nothing that is served" in told
        assert "Traceback" not in told
        assert connection.execute("select * from catalog.items order by id").fetchall() == documents
    until(lambda: fetch_value(connection, IS_FREE, rebuild_lock_key("items")), "the ended rebuild's lock is held")
    assert "rebuilt from 40 events" in printed_text(conninfo, "rebuild", "items")
    assert not _is_built(connection, 20)
    assert "0 differ" in printed_text(conninfo, "verify", "items")


IS_FREE = (
    "select case when pg_try_advisory_lock(key) then pg_advisory_unlock(key) else false end from (select %s) as k(key)"
)


def _is_built(connection: psycopg.Connection, documents: int) -> bool:
    """Its rows are seen once they are committed; the table may not be there yet, or be gone."""
    try:
        return bool(fetch_value(connection, "select count(*) from catalog.items_next") == documents)
    except psycopg.errors.UndefinedTable:
        return False


def test_verify_names_a_corrupted_document_and_a_rebuild_heals_it(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    for _ in range(3):
        append(connection, None, [SPADE])
    settle_now(connection)
    assert "items: 3 documents checked, 0 differ" in printed_text(conninfo, "verify")
    connection.execute('update catalog.items set document = document || \'{"name": "forged"}\' where id = 2')
    connection.execute("update catalog.items set document = document - 'category' where id = 3")
    table = printed_text(conninfo, "verify", "--all", status=1).splitlines()
    assert "items: 3 documents checked, 2 differ from the log." in table
    rows = [line.split() for line in table if line.startswith(("2 ", "3 "))]
    assert rows == [["2", "name", '"forged"', '"Garden', '[red]spade"'], ["3", "category", "—", '"tools"']]
    (items,) = json_answer(conninfo, "verify", "items", status=1)
    assert (items["checked"], [each["id"] for each in items["differing"]]) == (3, [2, 3])
    assert items["differing"][0]["stored"] == {**items["differing"][0]["folded"], "name": "forged"}
    assert printed_text(conninfo, "rebuild", "items")
    assert json_answer(conninfo, "verify", "items") == [{"projection": "items", "checked": 3, "differing": []}]


def test_what_is_missing_or_too_much_is_one_line(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])
    connection.execute("update catalog.items set id = 7, version = 9")
    lines = printed_text(conninfo, "verify", "items", status=1).splitlines()
    assert lines[0] == "items: 2 documents checked, 2 differ from the log."
    assert [line.split() for line in lines[2:]] == [
        ["1", "(all)", "missing", "there", "is", "one"],
        ["7", "(all)", "there", "is", "one", "none"],
    ]
    connection.execute("update catalog.items set id = 1")
    lines = printed_text(conninfo, "verify", "items", status=1).splitlines()
    assert lines[0] == "items: 1 document checked, 1 differs from the log."
    assert [line.split() for line in lines[2:]] == [["1", "row:", "version", "9", "1"]]


def test_a_poisoned_event_stops_one_rollup_alone_until_it_is_skipped_by_name(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])
    _, _, poison, _, _ = append(connection, None, [Ownerless()])
    append(connection, None, [structs.replace(SPADE, owner_id="bob")])
    assert "owners is not stopped." in printed_text(conninfo, "resume", "owners", status=1)
    with running_command("project", conninfo=conninfo):
        until(lambda: is_stopped(connection), "the event did not stop it")
        assert _stopped_at(conninfo) == poison
        table = printed_text(conninfo, "lag", status=1)
        assert f"owners was stopped by the event at position {poison}: null value" in table
        assert "No projector leads" not in table
        assert re.search(r"^The background is behind: .*owners is stopped\b", table, re.MULTILINE)
        _, rows = table.split("skipped\n")
        assert [line.split()[:4] for line in rows.splitlines()[:3]] == [
            ["items", "inline", "running", str(poison + 1)],
            ["owners", "async", "stopped", str(poison - 1)],
            ["categories", "async", "running", str(poison + 1)],
        ]
        stopped_at = fetch_value(connection, CHANGED_AT)
        assert f"owners continues with the event at position {poison}." in printed_text(conninfo, "resume", "owners")
        until(lambda: bool(fetch_value(connection, STOPPED_SINCE, stopped_at)), "the same event did not stop it again")
        asked = catalog("resume", "owners", "--skip", DATABASE_URL=conninfo)
        assert asked.returncode == 1, "nobody answers the question"
        assert f"Leave the event at position {poison} out of owners permanently?" in asked.stderr
        assert _stopped_at(conninfo) == poison
        (stopped,) = (
            each for each in json_answer(conninfo, "lag", status=1)["projections"] if each["name"] == "owners"
        )
        assert "\n" not in stopped["error"]
        assert json_answer(conninfo, "resume", "owners", "--skip", "--yes")["skipped"][0]["position"] == poison
        for read_model in PROJECTIONS:
            if read_model is not Owners and getattr(read_model, "by", None) == Item.owner_id:
                json_answer(conninfo, "resume", read_model.name, "--skip", "--yes")
        until(lambda: is_caught_up(connection), "it did not catch up")
    (owners,) = (each for each in json_answer(conninfo, "lag")["projections"] if each["name"] == "owners")
    (skip,) = owners["skipped"]
    assert (skip["position"], skip["by"]) == (poison, pwd.getpwuid(os.getuid()).pw_name)
    assert "null value" in skip["error"]
    assert "\n" not in skip["error"], "where in the compiled SQL it was is in the database"
    assert [key for (key,) in connection.execute("select key from catalog.owners order by key")] == ["alice", "bob"]
    assert "owners: 2 documents checked, 0 differ" in printed_text(conninfo, "verify", "owners")
    unreadable = printed_text(conninfo, "verify", "items", status=1)
    assert "3 documents checked, 1 differ" in unreadable
    assert "missing required field" in unreadable


CHANGED_AT = "select changed_at from catalog.projections where name = 'owners'"
STOPPED_SINCE = "select state = 'stopped' and changed_at > %s from catalog.projections where name = 'owners'"


def is_stopped(connection: psycopg.Connection) -> bool:
    return bool(fetch_value(connection, "select state = 'stopped' from catalog.projections where name = 'owners'"))


def _stopped_at(conninfo: str) -> int | None:
    states = json.loads(catalog("lag", "--json", DATABASE_URL=conninfo).stdout)["projections"]
    position: int | None = next(each["error_position"] for each in states if each["name"] == "owners")
    return position


COMMANDS = ["project", "rebuild --all", "verify", "lag", "events", "inspect 1", "resume owners"]


def test_a_database_that_is_not_current_is_said_in_a_sentence(server: EmbeddedPostgres) -> None:
    with database_like(server, "template0") as conninfo:
        for command in COMMANDS:
            assert "run `catalog migrate`" in printed_text(conninfo, *command.split(), status=1)


def test_operators_need_no_other_database_than_the_embedded_one(tmp_path: Path) -> None:
    environment = {"CATALOG_DATA_DIR": str(tmp_path / "data")}
    assert catalog("migrate", **environment).returncode == 0
    assert json.loads(catalog("lag", "--json", **environment).stdout)["head"] == 0
    assert not (tmp_path / "data" / "cluster" / "postmaster.pid").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_operators_make_no_catalog_where_there_is_none(tmp_path: Path, command: str) -> None:
    ran = catalog(*command.split(), CATALOG_DATA_DIR=str(tmp_path / "data"))
    assert ran.returncode == 1
    assert (
        f"there is no catalog in {tmp_path}/data yet: run `catalog --data-dir {tmp_path}/data serve`"
        in ran.stderr.replace("\n", " ")
    )
    assert not (tmp_path / "data").exists()
