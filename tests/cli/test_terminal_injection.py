"""Whatever others wrote, no command lets it steer the terminal that it prints to, or forge a line of a log."""

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.cli.catalog import main
from app.visible_text import ascii_safe, quoted_text, visible
from tests.support.appending import append
from tests.support.cli_process import catalog
from tests.support.http_server import Answer, Request, http_server
from tests.support.operator_commands import SPADE, settle_now

HOSTILE = "[red]\x1b]0;gone\x07\x9b2J\r\x7f\u202e\u2066\u2028\u200b\ufeff\ncatalog: all is well"
"""Markup, controls below a space and above DEL, one that turns text round, lines that end, and a forged one."""
SHOWN = r"[red]\x1b]0;gone\x07\x9b2J\r\x7f\u202e\u2066\u2028\u200b\ufeff\ncatalog: all is well"
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
EVENT = """
insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
values (catalog.uuid_v7(now()), %s, %s, %s, %s, %s, clock_timestamp())
"""


def test_hidden_characters_are_seen_and_all_others_stay() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("Größe 5\u00a0€ 椅子\u3000🪑 \\x1b") == "Größe 5\u00a0€ 椅子\u3000🪑 \\x1b"
    assert visible("\udcff \U000e0001") == r"\udcff \U000e0001"
    assert visible("a" * 5_000, at_most=3) == "aaa… (4,997 more characters)"
    assert quoted_text("a" * 5_000) == f"'{'a' * 80}… (4,920 more characters)'"


def test_json_with_hidden_characters_escaped_means_the_same() -> None:
    text = json.dumps({HOSTILE: f"{HOSTILE} \U000e0001 Größe"}, ensure_ascii=False)
    assert json.loads(ascii_safe(text)) == json.loads(text)
    assert not RAW.search(ascii_safe(text))
    assert "Größe" in ascii_safe(text)


@pytest.fixture
def hostile(connection: psycopg.Connection) -> str:
    """A database with such a text wherever one can be; past the API, which refuses some of it, as old logs were."""
    append(connection, None, [SPADE])
    item = {**json.loads(json.dumps(dict.fromkeys(("name", "description", "category", "owner_id"), HOSTILE)))}
    item |= {"image_urls": [HOSTILE], "location_lat": 1.5, "location_lon": 2.5, "status": "active"}
    who = json.dumps({"user_id": HOSTILE, "correlation_id": HOSTILE, "causation_id": HOSTILE})
    change = {"changes": {"name": HOSTILE * 2}, "previous_values": {"name": HOSTILE}}
    swap = {"old_status": HOSTILE, "new_status": "swapped", "reason": HOSTILE}
    append(connection, None, [SPADE])
    for version, (kind, data) in enumerate(
        [("item_updated", change), ("item_status_changed", swap), (HOSTILE, item)], 2
    ):
        connection.execute(EVENT, (2, version, kind, json.dumps(data), who))
    settle_now(connection)
    connection.execute("update catalog.items set document = document || %s where id = 2", (json.dumps(item),))
    connection.execute(
        "update catalog.owners set key = %s, document = document || %s", (HOSTILE, json.dumps({"owner_id": HOSTILE}))
    )
    connection.execute("update catalog.owners_members set key = %s where id = 2", (HOSTILE,))
    ended = {"ended_at": "2026-01-01T00:00:00Z", "error": HOSTILE, "events": None, "seconds": None}
    connection.execute(
        "update catalog.projections set state = 'stopped', error = %s, error_position = 3, last_rebuild = %s,"
        " skipped = %s where name = 'owners'",
        (HOSTILE, json.dumps(ended), json.dumps([{"position": 2, "by": HOSTILE, "at": HOSTILE, "error": HOSTILE}])),
    )
    return connection.info.dsn


def hostile_answer(request: Request) -> Answer:
    """What no catalog answers."""
    body = json.dumps({"id": HOSTILE, "name": HOSTILE, "status": HOSTILE, "version": 1, "created_at": HOSTILE})
    status = 200 if request.path == "/health" else 201
    return Answer(status=status, reason="\x1b[31mOK", headers={"ETag": "\x9b2J"}, body=body.encode())


def assert_nothing_hostile(ran: subprocess.CompletedProcess[str]) -> None:
    for written in (ran.stdout, ran.stderr):
        assert not RAW.search(written), written
        assert not [line for line in written.splitlines() if line.startswith("catalog: all is well")], written


QUESTIONS = [
    *(["lag"], ["events"], ["events", "--item", "2"], ["inspect", "2"], ["verify"], ["verify", "owners"]),
    *(["resume", "owners"], ["resume", "owners", "--skip", "--yes"], ["rebuild", "owners"]),
    *(["forget", HOSTILE, "--yes"], ["forget", "alice", "--by", "operator", "--yes"]),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=[" ".join(map(visible, each)) for each in QUESTIONS])
def test_what_the_database_holds_is_printed_visibly(hostile: str, question: list[str]) -> None:
    told = catalog(*question, DATABASE_URL=hostile)
    assert_nothing_hostile(told)
    assert r"\x1b" in told.stdout + told.stderr or question[0] in ("forget", "rebuild"), told.stdout


@pytest.mark.parametrize("question", QUESTIONS, ids=[" ".join(map(visible, each)) for each in QUESTIONS])
def test_as_json_it_is_the_same_data_in_ascii_where_it_is_hidden(hostile: str, question: list[str]) -> None:
    told = catalog(*question, "--json", DATABASE_URL=hostile)
    assert_nothing_hostile(told)
    for line in told.stdout.splitlines():
        json.loads(line)


def test_json_gives_back_what_the_log_holds(hostile: str) -> None:
    lines = catalog("events", "--item", "2", "--json", DATABASE_URL=hostile).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[1]["data"]["changes"]["name"] == HOSTILE * 2
    assert (events[2]["metadata"]["user_id"], events[3]["type"]) == (HOSTILE, HOSTILE)


COMMANDS = sorted(main.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_stands_on_the_command_line_is_repeated_visibly(command: str, conninfo: str, tmp_path: Path) -> None:
    """As an argument, as an option, and as the name of a file that is there or not."""
    if command == "psql":
        pytest.skip("psql prints for itself")
    named = tmp_path / HOSTILE.replace("/", "")
    named.write_text(f"{HOSTILE}\n")
    further = ["further"] if command in ("backup", "serve", "project", "demo", "migrate") else []
    for given in ([HOSTILE, *further], [f"--{HOSTILE}"], [str(named), *further], [f"{named}x", *further]):
        assert_nothing_hostile(catalog(command, *given, DATABASE_URL=conninfo))


def test_a_command_that_is_not_there_is_repeated_visibly() -> None:
    assert_nothing_hostile(catalog(HOSTILE))
    assert_nothing_hostile(catalog(f"--{HOSTILE}"))


FILES = {
    "header": f'"{HOSTILE}",name\n1,2\n',
    "long header": f"{'x' * 60_000},name\n1,2\n",
    "field": json.dumps({HOSTILE: 1}),
    "value": json.dumps({"name": HOSTILE, "status": HOSTILE}),
    "no JSON": "{" + HOSTILE,
}


@pytest.mark.parametrize("content", FILES.values(), ids=[*FILES])
def test_what_stands_in_a_file_is_repeated_visibly_and_not_at_length(
    conninfo: str, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "items"
    file.write_text(content)
    refused = catalog("import", str(file), DATABASE_URL=conninfo)
    assert refused.returncode == 1
    assert_nothing_hostile(refused)
    assert len(refused.stderr) < 2_500


def test_who_acts_is_repeated_visibly(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / "items"
    file.write_text("{}")
    for command in (["import", str(file), "--user", HOSTILE], ["forget", "alice", "--by", HOSTILE]):
        assert_nothing_hostile(catalog(*command, DATABASE_URL=conninfo))


@pytest.mark.parametrize(
    "words",
    [
        ("forget",),
        ("forget", "ann", "--yes", "--by"),
        ("import", "-", "--user"),
        ("serve", "--host"),
        ("demo", "--url"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_a_sentence(words: tuple[str, ...], conninfo: str) -> None:
    ran = catalog(*words, "zo\udceb", DATABASE_URL=conninfo)
    assert ran.returncode == 2
    assert ran.stderr.endswith("It is not in UTF-8.\n")


def test_a_backups_name_is_repeated_visibly(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / HOSTILE.replace("/", "")
    told = catalog("backup", str(file), DATABASE_URL=conninfo)
    assert_nothing_hostile(told)
    assert told.returncode == 0
    assert r"\x1b" in told.stderr


def test_what_a_service_answers_is_told_visibly() -> None:
    with http_server(hostile_answer) as url:
        told = catalog("demo", "--url", url)
    assert told.returncode == 1
    assert_nothing_hostile(told)
    assert r"\x1b" in told.stdout


LOGGING = """
import logging, sys
from app.observability.json_logs import log_as_json, log_as_text
{setup}()
hostile = {text!r}
logger = logging.getLogger("catalog")
try:
    raise ValueError(hostile)
except ValueError:
    logger.exception("%s %s failed", "GET", "/" + hostile)
logger.warning(hostile, extra={{"facts": {{"actor": hostile}}}})
raise RuntimeError(hostile)
"""


@pytest.mark.parametrize("setup", ["log_as_text", "log_as_json"])
def test_no_request_and_no_error_forges_a_line_of_a_log(setup: str) -> None:
    program = LOGGING.format(setup=setup, text=HOSTILE)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert not RAW.search(ran.stderr)
    begun = [line for line in ran.stderr.splitlines() if not line.startswith("    ")]
    assert len(begun) == 3
    assert not [line for line in begun if line.startswith("catalog: all is well")]
