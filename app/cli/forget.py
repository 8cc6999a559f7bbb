"""`catalog forget OWNER`: what is personal of an owner's items is made unreadable, for good."""

import asyncio
from time import monotonic
from uuid import uuid4

import click
import msgspec

from app.cli.console import (
    INTERRUPTED,
    LINE_EVERY_SECONDS,
    complain,
    current_database,
    exit_when_told,
    in_utf_8,
    os_user,
    run_until_told,
)
from app.cli.operations import as_json
from app.constraints import UserId
from app.domain.erasure import Forgetter, Forgotten, Found, look
from app.engine.events.event import Metadata
from app.engine.postgres.migrations import may_change_events
from app.engine.postgres.pool import one_at_a_time
from app.engine.postgres.session_settings import connect_async
from app.errors import SetupError
from app.main import item_decider
from app.settings import read_settings
from app.terminal import confirm, print_json, say, tell
from app.wording import count


@click.command("forget")
@click.argument("owner", callback=in_utf_8)
@click.option("--by", callback=in_utf_8, help="Who does it, as log and audit will have it. [you]")
@click.option("--yes", is_flag=True, help="Do it without being asked.")
@as_json
def forget_command(owner: str, by: str | None, yes: bool, as_json: bool) -> None:
    """Delete the items of OWNER, and make unreadable whatever texts, images and exact places their events hold.

    There is no way back. Run again it goes on where it was stopped; exit 1 if there is nothing of such an owner. Ids
    stay, and so do backups: see "Limits" in the README.
    """
    metadata = Metadata(user_id=_operator(by or os_user()), correlation_id=str(uuid4()))
    exit_when_told(INTERRUPTED)
    with current_database() as conninfo:
        if not may_change_events(conninfo):
            raise SetupError("only the owner of the schema may forget somebody: run it with the role that migrates")
        found = asyncio.run(_look(conninfo, owner))
        if not found.is_over and not yes:
            confirm(f"{_what_there_is(found)} Forget it for good?")
        try:
            forgotten = run_until_told(_forget(conninfo, owner, metadata), INTERRUPTED)
        except SystemExit:
            complain("interrupted: some items may be forgotten and others not; run it again, and it goes on")
            raise
    if as_json:
        print_json(forgotten)
    else:
        by = forgotten.forgotten_by or "somebody"
        done = f"{count(forgotten.events, 'event')} of {count(forgotten.items, 'item')}, as {by} says"
        say(f"{owner} is forgotten: {done}. `catalog rebuild items` writes its files anew, too.")


def _operator(name: str) -> str:
    try:
        return msgspec.convert(name, UserId)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--by") from None


def _what_there_is(found: Found) -> str:
    left = len(found.left)
    are = "is there or holds" if left == 1 else "are there or hold"
    return (
        f"{found.owner_id} has put {count(found.items, 'item')} into the catalog; {left:,} of them"
        f" {are} something personal, in {count(found.events, 'event')}."
    )


async def _look(conninfo: str, owner: str) -> Found:
    async with await connect_async(conninfo) as connection:
        return await look(connection, item_decider.projection, owner)


async def _forget(conninfo: str, owner: str, metadata: Metadata) -> Forgotten:
    said_at = monotonic()

    def tell_now_and_then(done: int, of: int) -> None:
        nonlocal said_at
        if done == of or monotonic() >= said_at + LINE_EVERY_SECONDS:
            said_at = monotonic()
            tell(f"{done:,} of {count(of, 'item')}")

    async with one_at_a_time(conninfo, read_settings()) as database:
        return await Forgetter(conninfo, database, item_decider).forget(owner, metadata, tell_now_and_then)
