"""Open the file of `catalog import`, detect its format from its first bytes, and read its items one by one."""

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from app.cli.csv_items import csv_rows
from app.constraints import MIB
from app.domain.item import CreateItem
from app.errors import InvalidInput
from app.parsing.rows import NdjsonParser, Row
from app.visible_text import quoted_text

READ_CHUNK_BYTES = 64 * 1024
STANDARD_INPUT = "-"

NOT_TEXT = {
    b"\x1f\x8b": "It is compressed with gzip. Unpack it: `gunzip -c FILE | catalog import -`.",
    b"BZh": "It is compressed with bzip2. Unpack it: `bunzip2 -c FILE | catalog import -`.",
    b"\xfd7zXZ": "It is compressed with xz. Unpack it: `xz -dc FILE | catalog import -`.",
    b"\x28\xb5\x2f\xfd": "It is compressed with zstd. Unpack it: `zstd -dc FILE | catalog import -`.",
    b"PK\x03\x04": "It is a ZIP archive, or a workbook such as .xlsx or .ods. Unpack it, or save it as “CSV UTF-8”.",
    b"\xd0\xcf\x11\xe0": "It is a workbook such as .xls. Save it as “CSV UTF-8”.",
    b"%PDF": "It is a PDF. Save its source as “CSV UTF-8”.",
    codecs.BOM_UTF32_LE: "It is UTF-32. Save it as UTF-8.",
    codecs.BOM_UTF32_BE: "It is UTF-32. Save it as UTF-8.",
}
LONGEST_BEGINNING = max(map(len, NOT_TEXT))
BLANK_BYTES_MAX = MIB
"""The limit for blank lines at the beginning."""


@contextmanager
def open_items(name: str) -> Iterator[BinaryIO]:
    """Open the file, or standard input if the name is `-`. Raises InvalidInput if it cannot be read."""
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise InvalidInput("Standard input is closed. Name a file, or redirect one: `catalog import - < FILE`.")
        if sys.stdin.isatty():
            raise InvalidInput("Standard input is a terminal. Name a file, or redirect one: `catalog import - < FILE`.")
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115, closed below
    except FileNotFoundError:
        raise InvalidInput(f"There is no file {quoted_text(name)}.") from None
    except IsADirectoryError:
        raise InvalidInput(f"{quoted_text(name)} is a directory. Name one of its files.") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InvalidInput(f"The file {quoted_text(name)} cannot be read: {reason.lower()}.") from None
    with file:
        yield file


def items_of(file: BinaryIO) -> Iterator[CreateItem]:
    """The items of a file. It is NDJSON if it begins with a brace, otherwise CSV. Raises CatalogError with a line."""
    text = _as_utf_8(file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file)))
    beginning = b""
    while not beginning.strip() and len(beginning) < BLANK_BYTES_MAX and (more := text.read1(READ_CHUNK_BYTES)):
        beginning += more
    text, beginning = _with_beginning(beginning, text), beginning.lstrip()
    if beginning.startswith(b"["):
        raise InvalidInput("It is a JSON array: write each item on a line of its own, or send it to /items/import.")
    rows = _read_lines(text) if beginning.startswith(b"{") or not beginning else csv_rows(text)
    yield from (row.decode(CreateItem) for row in rows)


def _with_beginning(beginning: bytes, file: io.BufferedReader) -> io.BufferedReader:
    """The file from its beginning again, for one that cannot seek, such as a pipe."""
    return io.BufferedReader(_WithBeginning(beginning, file), READ_CHUNK_BYTES)


class _WithBeginning(io.RawIOBase):
    def __init__(self, beginning: bytes, file: io.BufferedReader) -> None:
        self._beginning, self._file = beginning, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        given = self._beginning[: len(buffer)] or self._file.read1(len(buffer))
        self._beginning = self._beginning[len(given) :]
        buffer[: len(given)] = given
        return len(given)


def _as_utf_8(file: io.BufferedReader) -> io.BufferedReader:
    """The file in UTF-8, without a byte order mark. UTF-16 needs such a mark. Raises InvalidInput if it is no text."""
    beginning = file.read(LONGEST_BEGINNING)
    for magic, detail in NOT_TEXT.items():
        if beginning.startswith(magic):
            raise InvalidInput(detail)
    if beginning.startswith(codecs.BOM_UTF8):
        return _with_beginning(beginning.removeprefix(codecs.BOM_UTF8), file)
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.BufferedReader(_Utf16(_with_beginning(beginning, file)), READ_CHUNK_BYTES)
    if b"\x00" in beginning[:2]:
        raise InvalidInput("It is UTF-16 without a byte order mark, or no text. Save it as UTF-8.")
    return _with_beginning(beginning, file)


class _Utf16(io.RawIOBase):
    """Converts UTF-16 with a byte order mark to UTF-8 without one."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = b"more"
        while chunk and not self._rest:
            chunk = self._file.read1(READ_CHUNK_BYTES)
            try:
                self._rest = self._decoder.decode(chunk, final=not chunk).encode()
            except UnicodeError:
                raise InvalidInput("It begins as UTF-16 and does not continue as such. Save it as UTF-8.") from None
        given = self._rest[: len(buffer)]
        buffer[: len(given)] = given
        self._rest = self._rest[len(given) :]
        return len(given)


def _read_lines(file: io.BufferedReader) -> Iterator[Row]:
    lines = NdjsonParser()
    while chunk := file.read1(READ_CHUNK_BYTES):
        yield from lines.feed(chunk)
    yield from lines.end()
