"""Read items from CSV as spreadsheets write it, row by row; whatever is ambiguous is refused.

The separator is a comma, semicolon, tab or bar: what the line `sep=;` says, or else the one with which the header names
most fields. A decimal comma is accepted only if commas do not separate values. Rows are numbered by their first line.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, BinaryIO

import msgspec

from app.constraints import LARGEST_ITEM_BYTES
from app.domain.item import CreateItem
from app.errors import CatalogError, InvalidInput
from app.parsing.rows import Row
from app.visible_text import quoted_text
from app.wording import count

SEPARATORS = (",", ";", "\t", "|")
"""If several fit equally, the first is taken."""
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
ITEM_FIELDS = {field.name: field.required for field in msgspec.structs.fields(CreateItem)}
FIELDS_AS_ONE_WORD = {name.replace("_", ""): name for name in ITEM_FIELDS}
NUMBERS = ("location_lat", "location_lon")

CSV_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
"""A number as in JSON."""
PLUS = re.compile(r"^\+(?=[0-9])")
DECIMAL_COMMA = re.compile(r"-?(0|[1-9][0-9]*),[0-9]+([eE][-+]?[0-9]+)?")
GROUPED_NUMBER = re.compile(r"[-+]?[0-9]{1,3}(?P<by>[.,' \u00a0\u2009\u202f])[0-9]{3}(?P=by)?.*[0-9]", re.ASCII)
BETWEEN_URLS = re.compile(r"[,;|]?\s+|[,;|](?=https?://)")
NOT_UTF_8 = (
    "It is not UTF-8. Save the file as “CSV UTF-8”, or convert it; from Windows-1252 by"
    " `iconv -f WINDOWS-1252 -t UTF-8`."
)


def csv_rows(file: BinaryIO) -> Iterator[Row]:
    """Each row as an equivalent line of NDJSON. `file` is in UTF-8, without a byte order mark.

    Raises InvalidInput with the line's number in an editor.
    """
    lines = _Lines(io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline=""))
    separator, header = _separator(lines)
    names: list[str] | None = None
    for number, values in _values(lines, header, separator):
        if not any(value.strip() for value in values):
            continue
        if names is None:
            names = _parse_header(values, number)
        else:
            yield Row("line", number, _row_as_json(names, values, separator, number))


class _Lines:
    """The lines of a text with their line ends. They are counted, and their length is limited to save memory."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LARGEST_ITEM_BYTES + 1):
            if len(line) > LARGEST_ITEM_BYTES:
                raise csv.Error(f"a line is longer than {LARGEST_ITEM_BYTES} characters")
            self.read += 1
            yield line


def _separator(lines: _Lines) -> tuple[str, str]:
    """The separator, and the header: the first line that is neither blank nor `sep=`; empty if there is none."""
    said = None
    try:
        for line in lines:
            if says := SEPARATOR_LINE.fullmatch(line.strip("\r\n")):
                said = says[1]
            elif line.strip():
                return said or max(SEPARATORS, key=lambda each: _known_fields(line, each)), line
    except csv.Error as error:
        raise _invalid_line(lines.read + 1, f"It is not CSV: {error}.") from None
    return ",", ""


def _known_fields(header: str, separator: str) -> int:
    """How many fields of an item the header names with this separator."""
    return len(ITEM_FIELDS.keys() & {_field_name(each) for each in next(csv.reader([header], delimiter=separator), [])})


def _values(lines: _Lines, header: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The values of each row, and the number of its first line."""
    before = max(0, lines.read - 1)

    def whole() -> Iterator[str]:
        yield header
        yield from lines

    reader = csv.reader(whole() if header else lines, delimiter=separator, strict=True)
    while True:
        number = before + reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = " Is a quote not closed?" if "field limit" in str(error) else ""
            raise _invalid_line(number, f"It is not CSV: {error}.{hint}") from None


def _field_name(text: str) -> str:
    """The field that a heading means: in any case, with blanks, hyphens or nothing instead of underscores."""
    word = re.sub(r"[\s_-]+", "", text).lower()
    return FIELDS_AS_ONE_WORD.get(word, word)


def _parse_header(values: Sequence[str], number: int) -> list[str]:
    _check_utf_8(values, number)
    given = [value.strip() for value in values]
    while not given[-1]:
        given.pop()
    names = [_field_name(value) for value in given]
    for place, name in enumerate(names):
        if not name:
            raise _invalid_line(number, f"Column {place + 1} has no name: give it one, or delete the column.")
        if name not in ITEM_FIELDS:
            known = ", ".join(ITEM_FIELDS)
            raise _invalid_line(number, f"There is no field {quoted_text(given[place])}; the first line names {known}.")
        if names.count(name) > 1:
            raise _invalid_line(number, f"The field {name} is named twice.")
    if missing := [name for name, required in ITEM_FIELDS.items() if required and name not in names]:
        raise _invalid_line(number, f"It does not name {', '.join(missing)}.")
    return names


def _row_as_json(names: list[str], values: list[str], separator: str, number: int) -> bytes:
    _check_utf_8(values, number)
    while len(values) > len(names) and not values[-1].strip():
        values.pop()
    if len(values) != len(names):
        detail = f"It has {count(len(values), 'value')}, and the first line {count(len(names), 'name')}."
        raise _invalid_line(number, detail)
    item: dict[str, Any] = dict(zip(names, map(_with_plain_line_ends, values), strict=True))
    item["image_urls"] = _parse_urls(item["image_urls"])
    for name in NUMBERS:
        item[name] = _parse_number(name, item[name].strip(), separator, number)
    if not item.get("status", "active").strip():
        del item["status"]
    return msgspec.json.encode(item)


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _parse_urls(text: str) -> list[str]:
    """The URLs in one cell: separated by white space or by commas and the like, or as a JSON array."""
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.MsgspecError:
            pass
    return [url for url in BETWEEN_URLS.split(text) if url]


def _parse_number(name: str, written: str, separator: str, number: int) -> float:
    text = PLUS.sub("", written.replace("\N{MINUS SIGN}", "-"))
    if DECIMAL_COMMA.fullmatch(text):
        if separator == ",":
            detail = "has a decimal comma where commas separate values: write a point, or separate by semicolons."
            raise _invalid_line(number, f"{name}: {quoted_text(written)} {detail}")
        text = text.replace(",", ".")
    if CSV_NUMBER.fullmatch(text) and isfinite(value := float(text)):
        return value
    if GROUPED_NUMBER.fullmatch(text):
        raise _invalid_line(
            number, f"{name}: {quoted_text(written)} has thousands separators: write the number without them."
        )
    if text:
        raise _invalid_line(number, f"{name}: {quoted_text(written)} is no number: write it as in -13.405.")
    raise _invalid_line(number, f"{name}: It is empty: write a number.")


def _check_utf_8(values: Sequence[str], number: int) -> None:
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        raise _invalid_line(number, NOT_UTF_8) from None


def _invalid_line(number: int, detail: str) -> CatalogError:
    return Row("line", number, b"").refused(InvalidInput(detail))
