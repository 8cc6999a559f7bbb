"""`catalog forget OWNER`: delete the items of an owner and erase the personal data in their events."""

import asyncio

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
from app.cli.operations import json_option
from app.cli.progress import Progress, progress_lines
from app.domain.erasure import ErasedOwner, ErasureScope, OwnerEraser, find_erasure_scope
from app.engine.events.event import Metadata
from app.engine.postgres.migrations import may_change_events
from app.engine.postgres.pool import single_connection_database
from app.engine.postgres.session_settings import connect_async
from app.errors import SetupError
from app.main import item_decider
from app.settings import read_settings
from app.terminal import confirm, print_json, print_line
from app.wording import count

ERASING = "erasing"


@click.command("forget")
@click.argument("owner", callback=utf8_text)
@click.option("--by", callback=utf8_text, help="Your name in log and audit. [your user name]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget_command(owner: str, by: str | None, yes: bool, as_json: bool) -> None:
    """Delete the items of OWNER, and erase the texts, images and exact places in all their events.

    The erasure is permanent. The command first says what it found, and asks. If it is interrupted, run it again to
    finish. Exit 1 if OWNER never had an item. Ids and backups stay: see docs/limits.md.
    """
    metadata = operator_metadata(by, "--by")
    exit_on_stop_signal(INTERRUPTED)
    with current_database() as conninfo:
        if not may_change_events(conninfo):
            raise SetupError("only the owner of the schema may forget an owner: run it with the role that migrates")
        found = asyncio.run(_find_scope(conninfo, owner))
        if not found.is_complete and not yes:
            confirm(f"{_scope_text(found)} Forget it permanently?")
        with explained_interruption("some items may be forgotten and others not; run it again to continue"):
            forgotten = run_until_stopped(_erase(conninfo, owner, metadata), INTERRUPTED)
    if as_json:
        print_json(forgotten)
    else:
        by = forgotten.forgotten_by or "somebody"
        done = f"{count(forgotten.events, 'event')} of {count(forgotten.items, 'item')}, as {by} says"
        print_line(f"{owner} is forgotten: {done}. `catalog rebuild items` also rewrites its files.")


def _scope_text(found: ErasureScope) -> str:
    left = len(found.left)
    are = "is there or holds" if left == 1 else "are there or hold"
    return (
        f"{found.owner_id} has put {count(found.items, 'item')} into the catalog; {left:,} of them"
        f" {are} something personal, in {count(found.events, 'event')}."
    )


async def _find_scope(conninfo: str, owner: str) -> ErasureScope:
    async with await connect_async(conninfo) as connection:
        return await find_erasure_scope(connection, item_decider.projection, owner)


async def _erase(conninfo: str, owner: str, metadata: Metadata) -> ErasedOwner:
    report = progress_lines(ERASING)

    def report_items(done: int, of: int) -> None:
        report(Progress(text=f"{done:,} of {count(of, 'item')}", phase="done" if done == of else ERASING))

    async with single_connection_database(conninfo, read_settings().pool) as database:
        return await OwnerEraser(conninfo, database, item_decider).erase(owner, metadata, report_items)
