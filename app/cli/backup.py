"""`catalog backup` and `catalog restore`."""

from pathlib import Path

import click

from app.cli.console import INTERRUPTED, current_database, database_in_use, exit_on_stop_signal, run_until_stopped
from app.cli.rendering import show_verified
from app.engine.background.verify import verify
from app.engine.postgres.backup import CatalogContents, back_up, check_empty, contents, restore
from app.engine.postgres.migrations import checksum, installed_checksum
from app.engine.postgres.session_settings import connect
from app.main import PROJECTIONS, install, schema_sql
from app.settings import read_settings
from app.terminal import print_note
from app.wording import count


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_command(file: Path) -> None:
    """Write a consistent dump of the catalog to FILE while the service runs.

    FILE appears when it is complete and replaces an older one. Only its owner can read it. Its format is pg_dump's
    custom format.
    """
    exit_on_stop_signal(INTERRUPTED)
    with current_database() as conninfo:
        written = back_up(conninfo, file.absolute(), read_settings().postgres_bin)
    assert written.bytes is not None, "a finished backup knows its size"
    print_note(f"{file} holds {_contents_text(written)}: {count(written.bytes, 'byte')}.")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-verify", is_flag=True, help="Skip the comparison of every document with the log.")
def restore_command(file: Path, no_verify: bool) -> None:
    """Restore a backup into the database in use, which must be empty.

    All of it is restored, or nothing. Then every document is compared with the log. Exit 1 if the database is not
    empty, or a document differs.
    """
    exit_on_stop_signal(INTERRUPTED)
    settings = read_settings()
    with database_in_use(settings, may_create=True) as conninfo:
        check_empty(conninfo)
        restore(conninfo, file.absolute(), settings.postgres_bin)
        restored = contents(conninfo)
        print_note(f"Restored {_contents_text(restored)}; new events follow after it.")
        if not _reinstall(conninfo):
            print_note(
                "The backup is another release's: run `catalog migrate`, which also grants, then `catalog verify`."
            )
            return
        if no_verify:
            print_note("Not verified: run `catalog verify`.")
            return
        found = [run_until_stopped(verify(conninfo, each), INTERRUPTED) for each in PROJECTIONS]
    for each in found:
        show_verified(each)
    if any(each.differing for each in found):
        raise SystemExit(1)


def _reinstall(conninfo: str) -> bool:
    """Install this release again: a backup holds no roles and grants. False if the backup is another release's."""
    with connect(conninfo) as connection:
        if installed_checksum(connection) != checksum(schema_sql()):
            return False
    return install(conninfo)


def _contents_text(held: CatalogContents) -> str:
    return f"{count(held.events, 'event')} up to position {held.last_position}"
