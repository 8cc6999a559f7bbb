"""`catalog import FILE`: many items from NDJSON or CSV, all or none."""

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import BinaryIO
from uuid import uuid4

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.console import (
    INTERRUPTED,
    LINE_EVERY_SECONDS,
    current_database,
    exit_on_stop_signal,
    os_user,
    report_error,
    run_until_stopped,
    utf8_text,
)
from app.cli.item_files import items_of, open_items
from app.cli.operations import json_option
from app.constraints import UserId
from app.domain.events import Event
from app.domain.item import Command, CreateItem, ItemState
from app.engine.events.event import Metadata
from app.engine.postgres.pool import single_connection_database
from app.engine.store.bulk_append import BulkImporter, Imported, StagedImport
from app.errors import InvalidInput
from app.main import item_decider
from app.settings import read_settings
from app.terminal import console, print_json, print_line
from app.terminal import print_note as tell_people
from app.wording import count, span

STORING = -1

OnImportProgress = Callable[[str, int], None]
"""Hears how it stands, and how many bytes of the file have been read, 0 if nobody knows; at the end STORING."""


@click.command("import")
@click.argument("file")
@click.option("--user", callback=utf8_text, help="The user who acts, for the log. [your user name]")
@json_option
def import_command(file: str, user: str | None, as_json: bool) -> None:
    """Create all items in FILE, or none of them. FILE can be - for standard input.

    NDJSON has one item per line, as POST /items takes it. CSV has the field names in its first line, and values
    separated by commas, semicolons, tabs or bars. In CSV, image_urls are separated by spaces, and an empty status
    means active. Both are in UTF-8, or in UTF-16 with a byte order mark. Exit 1 if a line is wrong; the message names
    it.
    """
    exit_on_stop_signal(INTERRUPTED)
    metadata = Metadata(user_id=_user(user or os_user()), correlation_id=str(uuid4()))
    with open_items(file) as readable, current_database() as conninfo:
        try:
            imported = _import(conninfo, readable, metadata)
        except SystemExit:
            report_error("interrupted: unless it says how many items were imported, look before you try again")
            raise
    if as_json:
        print_json(imported)
    else:
        where = span(imported.first_position, imported.last_position, "position")
        print_line(f"Imported {count(imported.created, 'item')}, at {where}.")


def _user(name: str) -> str:
    try:
        return msgspec.convert(name, UserId)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--user") from None


def _import(conninfo: str, file: BinaryIO, metadata: Metadata) -> Imported:
    """The file is read before anything is asynchronous: a read that waits for a pipe can be interrupted so."""
    database = single_connection_database(conninfo, read_settings().pool)
    importer: BulkImporter[Command, ItemState, Event] = BulkImporter(database, item_decider)

    async def store(arrivals: StagedImport[Command, ItemState, Event]) -> Imported:
        async with database:
            imported, _ = await importer.store(arrivals, metadata)
            return imported

    with importer.stage() as arrivals, import_progress_bar(_size(file)) as tell:
        began, read = monotonic(), 0
        for read, item in enumerate(_checked_items(items_of(file)), 1):
            arrivals.add(item)
            if read % 1000 == 0:
                tell(f"{count(read, 'item')} read, {read / (monotonic() - began):,.0f}/s", _bytes_read(file))
        if read:
            tell(f"storing {count(read, 'item')}", STORING)
        return run_until_stopped(store(arrivals), INTERRUPTED)


def _checked_items(items: Iterator[CreateItem]) -> Iterator[CreateItem]:
    """Raises InvalidInput where the file cannot be read any further."""
    try:
        yield from items
    except OSError as error:
        raise InvalidInput(f"The file cannot be read: {error.strerror}.") from error


def _size(file: BinaryIO) -> int | None:
    """How many bytes there will be; None for a pipe."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, io.UnsupportedOperation):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _bytes_read(file: BinaryIO) -> int:
    """How many bytes have been read; CSV's decoder reads ahead, and a pipe cannot tell."""
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_CUR)
    except (OSError, io.UnsupportedOperation):
        return 0


@contextmanager
def import_progress_bar(size: int | None) -> Iterator[OnImportProgress]:
    """A bar in a terminal, elsewhere a line now and then; on stderr."""
    if not console.is_terminal:
        yield _import_progress_lines()
        return
    with Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("", total=size)

        def tell(what: str, place: int) -> None:
            if place == STORING:
                bar.reset(task, total=None, description=what)
            else:
                bar.update(task, completed=place, description=what)

        yield tell


def _import_progress_lines() -> OnImportProgress:
    said_at = monotonic() - LINE_EVERY_SECONDS

    def tell(what: str, place: int) -> None:
        nonlocal said_at
        if place == STORING or monotonic() >= said_at + LINE_EVERY_SECONDS:
            said_at = monotonic()
            tell_people(what)

    return tell
