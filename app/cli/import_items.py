"""`catalog import FILE`: create many items from NDJSON or CSV, all or none."""

import io
import os
import stat
from collections.abc import Iterator
from time import monotonic
from typing import BinaryIO

import click

from app.cli.console import (
    INTERRUPTED,
    current_database,
    exit_on_stop_signal,
    explained_interruption,
    operator_metadata,
    run_until_stopped,
    utf8_text,
)
from app.cli.item_files import items_of, open_items
from app.cli.operations import json_option
from app.cli.progress import Progress, progress_reporter
from app.domain.events import Event
from app.domain.item import Command, CreateItem, ItemState
from app.engine.events.event import Metadata
from app.engine.postgres.pool import single_connection_database
from app.engine.store.bulk_append import BulkImporter, Imported, StagedImport
from app.errors import InvalidInput
from app.main import item_decider
from app.settings import read_settings
from app.terminal import print_json, print_line
from app.wording import count, span


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
    metadata = operator_metadata(user, "--user")
    hint = "unless it says how many items were imported, look before you try again"
    with open_items(file) as readable, current_database() as conninfo, explained_interruption(hint):
        imported = _import(conninfo, readable, metadata)
    if as_json:
        print_json(imported)
    else:
        where = span(imported.first_position, imported.last_position, "position")
        print_line(f"Imported {count(imported.created, 'item')}, at {where}.")


def _import(conninfo: str, file: BinaryIO, metadata: Metadata) -> Imported:
    """Read the file, then store its items. Reading is synchronous, so that a signal interrupts a read from a pipe."""
    database = single_connection_database(conninfo, read_settings().pool)
    importer: BulkImporter[Command, ItemState, Event] = BulkImporter(database, item_decider)

    async def store(staged: StagedImport[Command, ItemState, Event]) -> Imported:
        async with database:
            imported, _ = await importer.store(staged, metadata)
            return imported

    with importer.stage() as staged, progress_reporter() as report:
        began, size, read = monotonic(), _size(file), 0
        for read, item in enumerate(_checked_items(items_of(file)), 1):
            staged.add(item)
            if read % 1000 == 0:
                text = f"{count(read, 'item')} read, {read / (monotonic() - began):,.0f}/s"
                report(Progress(text=text, phase="reading", done=_bytes_read(file), total=size))
        if read:
            report(Progress(text=f"storing {count(read, 'item')}", phase="storing"))
        return run_until_stopped(store(staged), INTERRUPTED)


def _checked_items(items: Iterator[CreateItem]) -> Iterator[CreateItem]:
    """The same items. Raises InvalidInput if the file cannot be read to its end."""
    try:
        yield from items
    except OSError as error:
        raise InvalidInput(f"The file cannot be read: {error.strerror}.") from error


def _size(file: BinaryIO) -> int | None:
    """The size of a file in bytes; None for a pipe."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, io.UnsupportedOperation):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _bytes_read(file: BinaryIO) -> int:
    """How many bytes of a file have been read; 0 for a pipe. The CSV decoder reads ahead."""
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_CUR)
    except (OSError, io.UnsupportedOperation):
        return 0
