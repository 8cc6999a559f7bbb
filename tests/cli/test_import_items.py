"""`catalog import`: from NDJSON and CSV, a file or a pipe; all items or none, and which line is why."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.cli.console import os_user
from tests.support.cli_process import DONE_WITHIN_SECONDS, catalog
from tests.support.operator_commands import fetch_value, json_answer, printed_text, running_command
from tests.support.sample_items import an_item

HEADER = "owner_id,name,description,category,image_urls,location_lat,location_lon,status\n"
DOCUMENTS = "select document from catalog.items order by id"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "items"


def stored(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """The items in the catalog, with what a client may write of them."""
    return [{name: row[0][name] for name in an_item()} for row in connection.execute(DOCUMENTS).fetchall()]


def test_ndjson_is_imported_under_the_name_of_who_runs_it(
    connection: psycopg.Connection, conninfo: str, file: Path
) -> None:
    items = [an_item(name=f"Spade {n}") for n in range(1, 1501)]
    file.write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8-sig")
    assert printed_text(conninfo, "import", str(file)) == "Imported 1,500 items, at positions 1 to 1500.\n"
    assert stored(connection) == items
    assert fetch_value(connection, "select distinct metadata ->> 'user_id' from catalog.events") == os_user()


def test_another_user_may_be_named_and_the_answer_be_json(
    connection: psycopg.Connection, conninfo: str, file: Path
) -> None:
    file.write_text(json.dumps(an_item()))
    given = json_answer(conninfo, "import", str(file), "--user", "alice")
    assert given == {"created": 1, "first_position": 1, "last_position": 1}
    assert fetch_value(connection, "select metadata ->> 'user_id' from catalog.events") == "alice"
    assert catalog("import", str(file), "--user", "a\nb\x01", DATABASE_URL=conninfo).returncode == 2


@pytest.mark.parametrize("beginning", ["", "\ufeff"])
def test_csv_is_imported_by_the_names_in_its_first_line(
    connection: psycopg.Connection, conninfo: str, file: Path, beginning: str
) -> None:
    file.write_text(
        f'{beginning}{HEADER}alice,"Spade, ""sharp""","Two\nlines",tools,https://a.b/1  https://a.b/2,52.5,-13,swapped\n'
        "\nbob,Rake,.,tools,https://a.b/3,0,1e1,\n"
    )
    printed_text(conninfo, "import", str(file))
    images = ["https://a.b/1", "https://a.b/2"]
    assert stored(connection) == [
        an_item(
            name='Spade, "sharp"',
            description="Two\nlines",
            image_urls=images,
            location_lat=52.5,
            location_lon=-13,
            status="swapped",
        ),
        an_item(
            owner_id="bob",
            name="Rake",
            description=".",
            image_urls=["https://a.b/3"],
            location_lat=0,
            location_lon=10,
        ),
    ]


ROW = "alice,Spade,plain,tools,https://a.b/1,51,7,active\n"
BAD = [
    (json.dumps(an_item()) + "\n\n{}\n", "Line 3: name: This field is required. (6 more)"),
    (
        json.dumps(an_item()) + "\nnonsense",
        "Line 2: The item is not JSON: ",
    ),
    (HEADER + ROW + ROW.replace("51,7", "51,east"), "Line 3: location_lon: 'east' is no number"),
    (
        HEADER + ROW.replace("plain", '"a\nb"') + ROW.replace("51,7", "91,7"),
        "Line 4: location_lat: Expected `float` <= 90.0.",
    ),
    (HEADER + ROW.replace("51,7", "5_1,7"), "Line 2: location_lat: '5_1' is no number"),
    (HEADER + ROW.replace("51,7", "٥,7"), "Line 2: location_lat: '٥' is no number"),
    (HEADER + "a," * 40_000, "Line 2: It is not CSV: a line is longer than 65536 characters."),
    ("\n\n" + HEADER + ROW + "x", "Line 5: It has 1 value, and"),
    (HEADER + ROW.replace(",active", ""), "Line 2: It has 7 values, and the first line 8 names."),
    (HEADER + ROW + 'alice,"Spade', "Line 3: It is not CSV: unexpected end of data."),
    (HEADER.replace("name", "nme") + ROW, "Line 1: There is no field 'nme';"),
    (HEADER.replace(",status", ",name") + ROW, "Line 1: The field name is named twice."),
    (HEADER.replace("name,", ""), "Line 1: It does not name name."),
    (json.dumps([an_item()]), "It is a JSON array: write each item on a line of its own"),
    (HEADER, "The import holds no rows; nothing was stored."),
    ("", "The import holds no rows; nothing was stored."),
    (HEADER + ROW.replace("Spade", "Sp\udcffade"), "Line 2: It is not UTF-8."),
    (HEADER + ROW.replace("Spade", "Sp\x00ade"), "Line 2: name: Control characters"),
]


@pytest.mark.parametrize(("text", "reason"), BAD, ids=[reason[:40] for _, reason in BAD])
def test_a_bad_line_is_named_and_nothing_stored(
    connection: psycopg.Connection, conninfo: str, file: Path, text: str, reason: str
) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert printed_text(conninfo, "import", str(file), status=1).startswith(f"catalog: {reason}")
    assert stored(connection) == []


def test_a_file_that_cannot_be_read_is_a_sentence(conninfo: str) -> None:
    """This one fails at its first byte, which nothing is mapped at."""
    assert printed_text(conninfo, "import", "/proc/self/mem", status=1).startswith("catalog: The file cannot be read: ")


def test_without_room_for_what_arrives_nothing_is_stored(
    connection: psycopg.Connection, conninfo: str, file: Path
) -> None:
    file.write_text((json.dumps(an_item()) + "\n") * 8_000)
    import_ = [sys.executable, "-m", "app.cli", "import", str(file)]
    environment = {**os.environ, "DATABASE_URL": conninfo}
    limited = ["sh", "-c", 'ulimit -f 64 && exec "$@"', "sh", *import_]
    refused = subprocess.run(limited, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("catalog: There is no room for the import: ")
    assert stored(connection) == []


def test_texts_are_utf_8_whatever_the_session_says(connection: psycopg.Connection, conninfo: str, file: Path) -> None:
    file.write_text(json.dumps(an_item(name="Größe €"), ensure_ascii=False), encoding="utf-8")
    assert catalog("import", str(file), DATABASE_URL=conninfo, PGCLIENTENCODING="LATIN1").returncode == 0
    assert [item["name"] for item in stored(connection)] == ["Größe €"]


def test_tables_that_have_the_names_of_its_own_are_not_mistaken_for_them(
    connection: psycopg.Connection, conninfo: str, file: Path
) -> None:
    """Temporary tables come last in a session's search_path, as is often advised."""
    connection.execute("create table public.arriving (event jsonb not null)")
    connection.execute("create table public.new_streams (stream_id integer, type text, data jsonb)")
    file.write_text(json.dumps(an_item()))
    for _ in range(2):
        imported = catalog("import", str(file), DATABASE_URL=conninfo, PGOPTIONS="-c search_path=public,pg_temp")
        assert imported.returncode == 0
    assert len(stored(connection)) == 2


def test_standard_input_is_a_file_too_and_progress_is_told_in_lines(conninfo: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running_command("import", "-", conninfo=conninfo, **pipes) as process:
        out, err = process.communicate((json.dumps(an_item()) + "\n") * 3, timeout=DONE_WITHIN_SECONDS)
    assert (process.returncode, out) == (0, "Imported 3 items, at positions 1 to 3.\n"), err
    assert "storing 3 items" in err


def test_an_import_that_waits_for_its_input_can_be_interrupted(connection: psycopg.Connection, conninfo: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running_command("import", "-", conninfo=conninfo, **pipes) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write((json.dumps(an_item()) + "\n") * 1000)
        process.stdin.flush()
        assert process.stderr.readline().startswith("Database: ")
        assert "1,000 items read" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(DONE_WITHIN_SECONDS) == 130
    assert stored(connection) == []
