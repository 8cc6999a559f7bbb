"""Files as people have them: from spreadsheets, from other systems, and those that are none."""

import gzip
import io
import json
import os
import pty
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import psycopg
import pytest

from app.cli.csv_items import ITEM_FIELDS
from app.cli.item_files import items_of
from app.domain.item import CreateItem
from app.errors import CatalogError
from tests.support.cli_process import DONE_WITHIN_SECONDS, catalog
from tests.support.operator_commands import printed_text
from tests.support.sample_items import an_item

HEADER = "owner_id;name;description;category;image_urls;location_lat;location_lon;status"
ROW = "alice;Größe €;A plain one.;tools;https://a.b/1;52,5;-13,405;active"
ITEM = CreateItem(
    owner_id="alice",
    name="Größe €",
    description="A plain one.",
    category="tools",
    image_urls=("https://a.b/1",),
    location_lat=52.5,
    location_lon=-13.405,
    status="active",
)
POINTS = ROW.replace("52,5", "52.5").replace("-13,405", "-13.405")


def read(content: bytes) -> list[CreateItem]:
    return list(items_of(cast(BinaryIO, io.BytesIO(content))))


def refused(content: bytes) -> str:
    with pytest.raises(CatalogError) as refusal:
        read(content)
    return refusal.value.detail


def table(*lines: str, end: str = "\r\n") -> str:
    return "".join(line + end for line in lines)


SAME = {
    "semicolons and decimal commas": table(HEADER, ROW),
    "semicolons and points": table(HEADER, POINTS),
    "commas": table(HEADER.replace(";", ","), POINTS.replace(";", ",")),
    "tabs": table(HEADER.replace(";", "\t"), ROW.replace(";", "\t")),
    "bars": table(HEADER.replace(";", "|"), ROW.replace(";", "|")),
    "Excel's sep=": table("sep=;", HEADER, ROW),
    "sep= in quotes, and a comma": table('"sep=,"', HEADER.replace(";", ","), POINTS.replace(";", ",")),
    "names as people write them": table(
        "Owner ID;NAME; Description ;Category;Image-URLs;Location  Lat;location_LON;Status", ROW
    ),
    "names in one word": table("OwnerId;Name;Description;Category;ImageUrls;locationLat;locationLon;Status", ROW),
    "a decimal comma and an exponent": table(HEADER, ROW.replace("52,5", "5,25E+01")),
    "columns without a name at the end": table(HEADER + ";;", ROW + ";;"),
    "blank lines": table("", HEADER, "", ROW, "", "   ", ";;;;;;;", ""),
    "ends of lines as on Unix": table(HEADER, ROW, end="\n"),
    "ends of lines as on old Macs": table(HEADER, ROW, end="\r"),
    "no end of the last line": table(HEADER, ROW).rstrip(),
    "quotes": table(*(";".join(f'"{value}"' for value in line.split(";")) for line in (HEADER, ROW))),
    "a quoted decimal comma": table(HEADER, ROW.replace("52,5", '"52,5"')),
    "signs as in some languages": table(HEADER, ROW.replace("52,5", "+52,5").replace("-13", "\u221213")),
    "NDJSON with Windows' ends of lines": table(json.dumps({**an_item(), "name": "x"}), "", ""),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", SAME.values(), ids=[*SAME])
def test_a_file_means_the_same_however_a_program_wrote_it(text: str, encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    found = read((mark + text).encode(encoding))
    assert found == ([ITEM] if not text.startswith("{") else [CreateItem(**{**an_item(), "name": "x",
        "image_urls": tuple(an_item()["image_urls"])})])  # fmt: skip


class Dribbling(io.RawIOBase):
    """A pipe that gives a byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        given, self._content = self._content[:1], self._content[1:]
        buffer[: len(given)] = given
        return len(given)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("before", ["", "\r\n", "\n" * 20_000], ids=["", "a line", "lines"])
def test_a_pipe_is_told_apart_however_small_its_pieces_are(before: str, encoding: str) -> None:
    for piped in (Dribbling, io.BytesIO):
        assert [*items_of(cast(BinaryIO, piped((before + table(HEADER, ROW)).encode(encoding))))] == [ITEM]


@pytest.mark.parametrize(
    "cell",
    ["https://a.b/1 https://a.b/2", '"https://a.b/1\nhttps://a.b/2"', '"https://a.b/1, https://a.b/2"',
     '"https://a.b/1;https://a.b/2"', "https://a.b/1|https://a.b/2", '"[""https://a.b/1"", ""https://a.b/2""]"'],
)  # fmt: skip
def test_a_cell_may_hold_several_images(cell: str) -> None:
    (item,) = read(table(HEADER, ROW.replace("https://a.b/1", cell)).encode())
    assert item.image_urls == ("https://a.b/1", "https://a.b/2")


def test_a_comma_within_an_address_is_part_of_it_and_line_ends_are_plain() -> None:
    row = ROW.replace("a.b/1", "a.b/w_2,h_3,1").replace("A plain one.", '"A\r\nplain\rone."')
    (item,) = read(table(HEADER, row).encode())
    assert (item.image_urls, item.description) == (("https://a.b/w_2,h_3,1",), "A\nplain\none.")


COMMAS = (HEADER.replace(";", ","), POINTS.replace(";", ","))
REFUSED = {
    "Windows-1252": (table(HEADER, ROW).encode("cp1252"), "Line 2: It is not UTF-8. Save the file as “CSV UTF-8”"),
    "Windows-1252 in the header": (
        table(HEADER.replace("name", "Größe"), ROW).encode("cp1252"),
        "Line 1: It is not UTF-8.",
    ),
    "UTF-16 without a mark": (table(HEADER, ROW).encode("utf-16-le"), "It is UTF-16 without a byte order mark"),
    "UTF-16 that is cut off": (
        table(HEADER, ROW).encode("utf-16")[:-1],
        "It begins as UTF-16 and does not continue as such.",
    ),
    "UTF-32": (table(HEADER, ROW).encode("utf-32"), "It is UTF-32."),
    "a decimal comma among commas": (
        table(COMMAS[0], COMMAS[1].replace("52.5", '"52,5"')).encode(),
        "Line 2: location_lat: '52,5' has a decimal comma where commas separate values: write a point",
    ),
    "thousands": (
        table(HEADER, "", ROW.replace("52,5", "1.052,5")).encode(),
        "Line 3: location_lat: '1.052,5' has thousands separators: write the number without them.",
    ),
    "English thousands": (
        table(HEADER, ROW.replace("52,5", "1,052.5")).encode(),
        "Line 2: location_lat: '1,052.5' has thousands separators",
    ),
    "no number": (
        table(HEADER, ROW.replace("52,5", "52,5°")).encode(),
        "Line 2: location_lat: '52,5°' is no number: write it as in -13.405.",
    ),
    "two signs": (table(HEADER, ROW.replace("52,5", "+-52,5")).encode(), "Line 2: location_lat: '+-52,5' is no number"),
    "an endless number": (table(HEADER, ROW.replace("52,5", "1e999")).encode(), "Line 2: location_lat: '1e999' is no"),
    "an endless comma": (table(HEADER, ROW.replace("52,5", "9" * 400 + ",5")).encode(), "Line 2: location_lat: '999"),
    "no number at all": (table(HEADER, ROW.replace("52,5", " ")).encode(), "Line 2: location_lat: It is empty"),
    "a field twice, once spelt otherwise": (
        table(HEADER.replace("status", "Owner ID"), ROW).encode(),
        "Line 1: The field owner_id is named twice.",
    ),
    "a field that is missing": (table(HEADER.replace("category;", ""), ROW).encode(), "Line 1: It does not name"),
    "a column without a name between others": (
        table(HEADER.replace("category", "category;"), ROW).encode(),
        "Line 1: Column 5 has no name",
    ),
    "an unknown field": (table("Preis;" + HEADER, "5;" + ROW).encode(), "Line 1: There is no field 'Preis'; the first"),
    "a value too many": (table(HEADER, ROW + ";;x").encode(), "Line 2: It has 10 values, and the first line 8 names."),
    "a value alone": (table(HEADER, ROW, "x").encode(), "Line 3: It has 1 value, and the first line 8 names."),
    "the line of an editor, behind line breaks in quotes and a BOM": (
        table(
            "sep=;", HEADER, ROW.replace("A plain one.", '"A\nplain\r\none."'), ROW, ROW.replace("52,5", "91")
        ).encode("utf-8-sig"),
        "Line 7: location_lat: Expected `float` <= 90.0.",
    ),
    "a quote that is not closed": (
        table(HEADER, ROW.replace("A plain", '"A plain'), *[ROW] * 3_000).encode(),
        "Line 2: It is not CSV: field larger than field limit (131072). Is a quote not closed?",
    ),
    "gzip": (gzip.compress(table(HEADER, ROW).encode()), "It is compressed with gzip. Unpack it: `gunzip -c FILE"),
    "a workbook": (b"PK\x03\x04" + b"\x00" * 99, "It is a ZIP archive, or a workbook"),
    "an array behind a mark": (b"\xef\xbb\xbf\r\n[" + json.dumps(an_item()).encode() + b"]", "It is a JSON array"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=[*REFUSED])
def test_what_cannot_be_told_safely_is_refused_and_what_to_do_is_said(content: bytes, reason: str) -> None:
    assert refused(content).startswith(reason)


def test_names_of_fields_are_those_of_an_item() -> None:
    assert set(HEADER.split(";")) == set(ITEM_FIELDS)


class Endless(io.RawIOBase):
    """A file of very many rows that is nowhere whole."""

    def __init__(self, rows: int, encoding: str) -> None:
        self._row = table(ROW).encode(encoding) * 1_000
        self._left = rows // 1_000
        self._rest = ("\ufeff" + table(HEADER)).encode(encoding)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and self._left:
            self._left, self._rest = self._left - 1, self._row
        given, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_long_file_is_read_in_little_memory(encoding: str) -> None:
    tracemalloc.start()
    try:
        assert sum(1 for _ in items_of(cast(BinaryIO, Endless(20_000, encoding)))) == 20_000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2_000_000


def test_a_spreadsheets_file_is_imported_and_what_was_is_said_in_the_right_number(
    conninfo: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    file.write_text(table(HEADER, ROW), encoding="utf-16")
    assert printed_text(conninfo, "import", str(file)) == "Imported 1 item, at position 1.\n"
    file.write_text(table(HEADER, ROW, ROW), encoding="utf-8-sig")
    assert printed_text(conninfo, "import", str(file)) == "Imported 2 items, at positions 2 to 3.\n"
    names = connection.execute("select distinct document ->> 'name' from catalog.items").fetchall()
    assert names == [("Größe €",)]


def test_what_is_no_file_is_one_sentence(conninfo: str, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").touch()
    for name, told in (
        (str(tmp_path / "missing"), f"There is no file '{tmp_path / 'missing'}'."),
        (str(tmp_path), f"'{tmp_path}' is a directory. Name one of its files."),
        (str(tmp_path / ("x" * 300)), "cannot be read: file name too long."),
        (str(empty), "The import holds no rows; nothing was stored."),
    ):
        complaint = printed_text(conninfo, "import", name, status=1)
        assert complaint.startswith("catalog: ")
        assert told[-40:] in complaint
        assert len(complaint.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(conninfo: str, tmp_path: Path) -> None:
    (file := tmp_path / "closed").touch(0o000)
    assert (
        printed_text(conninfo, "import", str(file), status=1)
        == f"catalog: The file '{file}' cannot be read: permission denied.\n"
    )


def test_a_terminal_is_not_waited_for(conninfo: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "app.cli", "import", "-"]
    try:
        ran = subprocess.run(
            command,
            stdin=theirs,
            capture_output=True,
            text=True,
            env={**os.environ, "DATABASE_URL": conninfo},
            timeout=DONE_WITHIN_SECONDS,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (ran.returncode, ran.stderr) == (
        1,
        "catalog: Standard input is a terminal. Name a file, or redirect one: `catalog import - < FILE`.\n",
    )


def test_a_file_named_like_an_option_or_with_odd_bytes_is_named_as_it_is(conninfo: str, tmp_path: Path) -> None:
    told = catalog("import", os.fsdecode(bytes(tmp_path / "a") + b"\xff"), DATABASE_URL=conninfo)
    assert told.returncode == 1
    assert told.stderr.endswith("a\\udcff'.\n")
