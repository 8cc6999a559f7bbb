"""`catalog import FILE`: many items from NDJSON or CSV, all or none."""

import csv
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, BinaryIO, cast
from uuid import uuid4

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn

from app import operator_tables as tables
from app.console import complain, console, exit_when_told, run_until_told
from app.database import one_at_a_time
from app.errors import CatalogError, InvalidInput
from app.events import Event, Metadata
from app.http.rows import LONGEST_ROW_BYTES, Lines, Row
from app.importing import Arrivals, Imported, Importer
from app.item import Command, CreateItem, Item, UserId
from app.main import item_decider
from app.operator_cli import INTERRUPTED, LINE_EVERY_SECONDS, as_json, current_database, os_user
from app.settings import read_settings

CHUNK_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
"""As JSON has it."""

STORING = -1

Tell = Callable[[str, int], None]
"""Hears how it stands, and how many bytes of the file have been read, 0 if nobody knows; at the end STORING."""


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--user", help="Who acts, as the log will have it. [you]")
@as_json
def import_command(file: BinaryIO, user: str | None, as_json: bool) -> None:
    """Put the items in FILE, or of standard input if that is -, into the catalog: all of them, or none and exit 1.

    NDJSON has an item a line, as POST /items takes it. CSV has the names of the fields in its first line; image_urls
    are separated by spaces, and an empty status is active.
    """
    exit_when_told(INTERRUPTED)
    metadata = Metadata(user_id=_user(user or os_user()), correlation_id=str(uuid4()))
    with current_database() as conninfo:
        try:
            imported = _import(conninfo, file, metadata)
        except SystemExit:
            complain("interrupted: unless it says how many items were imported, look before you try again")
            raise
    if as_json:
        click.echo(tables.as_json(imported))
    else:
        tables.say(
            f"Imported {imported.created:,} items, at the positions"
            f" {imported.first_position} to {imported.last_position}."
        )


def _user(name: str) -> str:
    try:
        return msgspec.convert(name, UserId)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--user") from None


def _import(conninfo: str, file: BinaryIO, metadata: Metadata) -> Imported:
    """The file is read before anything is asynchronous: a read that waits for a pipe can be interrupted so."""
    database = one_at_a_time(conninfo, read_settings())
    importer: Importer[Command, Item, Event] = Importer(database, item_decider)

    async def store(arrivals: Arrivals[Command, Item, Event]) -> Imported:
        async with database:
            imported, _ = await importer.store(arrivals, metadata)
            return imported

    with importer.arrivals() as arrivals, telling_progress(_size(file)) as tell:
        began, read = monotonic(), 0
        for read, item in enumerate(_readable(items_of(file)), 1):
            arrivals.add(item)
            if read % 1000 == 0:
                tell(f"{read:,} items read, {read / (monotonic() - began):,.0f}/s", _place(file))
        if read:
            tell(f"storing {read:,} items", STORING)
        return run_until_told(store(arrivals), INTERRUPTED)


def _readable(items: Iterator[CreateItem]) -> Iterator[CreateItem]:
    """Raises InvalidInput where the file cannot be read any further."""
    try:
        yield from items
    except OSError as error:
        raise InvalidInput(f"The file cannot be read: {error.strerror}.") from error


def items_of(file: BinaryIO) -> Iterator[CreateItem]:
    """The items of a file, which is taken for NDJSON if it begins with a brace. Raises CatalogError naming a line."""
    buffered = cast(io.BufferedReader, file if hasattr(file, "peek") else io.BufferedReader(cast(io.RawIOBase, file)))
    if buffered.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
        buffered.read(len(BYTE_ORDER_MARK))
    beginning = buffered.peek(1).lstrip()
    if beginning.startswith(b"["):
        raise InvalidInput("It is a JSON array: write each item on a line of its own, or send it to /items/import.")
    rows = _lines(buffered) if beginning.startswith(b"{") or not beginning else _csv_rows(buffered)
    yield from (row.decode(CreateItem) for row in rows)


def _lines(file: io.BufferedReader) -> Iterator[Row]:
    lines = Lines()
    while chunk := file.read1(CHUNK_BYTES):
        yield from lines.feed(chunk)
    yield from lines.end()


def _csv_rows(file: io.BufferedReader) -> Iterator[Row]:
    """Each as the line of NDJSON that says the same; numbered by the line it begins in."""
    text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
    reader = csv.reader(_short_lines(text), strict=True)
    names: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _refused(number, f"It is not CSV: {error}.") from None
        if not values:
            continue
        if names is None:
            names = _header(values, number)
        else:
            yield Row("line", number, _as_json(names, values, number))


def _short_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Raises csv.Error at one that nobody means, before it fills the memory."""
    while line := text.readline(LONGEST_ROW_BYTES + 1):
        if len(line) > LONGEST_ROW_BYTES:
            raise csv.Error(f"a line is longer than {LONGEST_ROW_BYTES} characters")
        yield line


def _header(names: list[str], number: int) -> list[str]:
    known = {field.name: field.required for field in msgspec.structs.fields(CreateItem)}
    for name in names:
        if name not in known:
            raise _refused(
                number, f"There is no field {tables.plain(name)!r}; the first line names {', '.join(known)}."
            )
        if names.count(name) > 1:
            raise _refused(number, f"The field {name} is named twice.")
    if missing := [name for name, required in known.items() if required and name not in names]:
        raise _refused(number, f"It does not name {', '.join(missing)}.")
    return names


def _as_json(names: list[str], values: list[str], number: int) -> bytes:
    if len(values) != len(names):
        raise _refused(number, f"It has {len(values)} values, and the first line {len(names)} names.")
    item: dict[str, Any] = dict(zip(names, values, strict=True))
    item["image_urls"] = item["image_urls"].split()
    for name in ("location_lat", "location_lon"):
        item[name] = _number(item[name])
    if item.get("status") == "":
        del item["status"]
    try:
        return msgspec.json.encode(item)
    except UnicodeEncodeError:
        raise _refused(number, "It is not UTF-8.") from None


def _number(text: str) -> float | str:
    """What is no number stays a text, and is refused as one."""
    return float(text) if NUMBER.fullmatch(text.strip()) else text


def _refused(number: int, detail: str) -> CatalogError:
    return Row("line", number, b"").refused(InvalidInput(detail))


def _size(file: BinaryIO) -> int | None:
    """How many bytes there will be; None for a pipe."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, io.UnsupportedOperation):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _place(file: BinaryIO) -> int:
    """How many bytes have been read; CSV's decoder reads ahead, and a pipe cannot tell."""
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_CUR)
    except (OSError, io.UnsupportedOperation):
        return 0


@contextmanager
def telling_progress(size: int | None) -> Iterator[Tell]:
    """A bar in a terminal, elsewhere a line now and then; on stderr."""
    if not console.is_terminal:
        yield _telling_lines()
        return
    with Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("", total=size)

        def tell(what: str, place: int) -> None:
            if place == STORING:
                bar.reset(task, total=None, description=what)
            else:
                bar.update(task, completed=place, description=what)

        yield tell


def _telling_lines() -> Tell:
    said_at = monotonic() - LINE_EVERY_SECONDS

    def tell(what: str, place: int) -> None:
        nonlocal said_at
        if place == STORING or monotonic() >= said_at + LINE_EVERY_SECONDS:
            said_at = monotonic()
            console.print(what, markup=False, soft_wrap=True)

    return tell
