"""What all console commands share: which database they use, how they speak, and how they end when told to."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import click
import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.markup import escape

from app.away import is_away
from app.errors import CatalogError, SetupError
from app.logs import is_json
from app.poolers import check_sessions, url_of_sessions
from app.postgres import EmbeddedPostgres, holds_cluster
from app.settings import Settings

T = TypeVar("T")

logger = logging.getLogger("catalog")
console = Console(stderr=True, highlight=False)
"""Words for people; answers go to stdout."""

UTF8 = "utf8"
"""What bytes passed through are in, whatever PGCLIENTENCODING or a role's setting says."""
TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Group(click.Group):
    """Says what is wrong in one sentence and exits 1; a traceback is for our own mistakes."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CatalogError as error:
            complain(error.detail)
        except psycopg.Error as error:
            if not is_away(error):
                raise
            complain(f"the database went away: {first_line(error)}")
        raise SystemExit(1)


def complain(sentence: str) -> None:
    if is_json():
        logger.error(sentence)
        return
    console.print(f"[bold red]catalog:[/] {escape(sentence)}", soft_wrap=True)


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def database_in_use(settings: Settings, must_exist: bool = False, supervised: bool = False) -> Iterator[str]:
    """A conninfo for sessions with DATABASE_URL's database, or with the embedded one, which runs meanwhile.

    `must_exist`: an embedded one is not made. `supervised`: it is started again when it dies. Raises SetupError.
    """
    if given := url_of_sessions(settings):
        name, url = given
        conninfo = conninfo_of(name, url)
        check_sessions(name, conninfo)
        yield conninfo
        return
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]  # meant for another server: libpq would take them for this one too
    if must_exist and not holds_cluster(settings.catalog_data_dir):
        raise SetupError(f"there is no catalog in {settings.catalog_data_dir} yet: run `catalog serve`")
    embedded = EmbeddedPostgres(
        settings.catalog_data_dir, binaries=settings.catalog_postgres_bin, tcp_port=settings.catalog_postgres_port
    )
    with embedded, embedded.supervised() if supervised else nullcontext():
        yield make_conninfo(embedded.conninfo, client_encoding=UTF8)


def conninfo_of(name: str, url: str) -> str:
    """What the variable `name` says, in UTF-8. Raises SetupError."""
    try:
        return make_conninfo(url, client_encoding=UTF8)
    except psycopg.ProgrammingError:  # which repeats it, and a password may be in it
        raise SetupError(f"the database cannot be reached: {name} is neither a libpq URL nor a conninfo") from None


def exit_when_told(status: int = 0) -> None:
    """Make SIGTERM and SIGINT an orderly exit, in which an embedded database is stopped; uvicorn passes them on."""

    def leave(*_: object) -> None:
        raise SystemExit(status)

    for number in TOLD:
        signal.signal(number, leave)


def run_until_told(work: Coroutine[Any, Any, T], status: int = 0) -> T:
    """Run `work` to its end, or cancel it at SIGTERM or SIGINT and exit with `status`.

    Cancelled rather than interrupted: an exception out of a signal handler would surface in whatever task runs.
    """

    async def cancelled_when_told() -> T:
        task = asyncio.current_task()
        assert task is not None, "this is one"
        for number in TOLD:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(cancelled_when_told())
    except asyncio.CancelledError:
        raise SystemExit(status) from None
    finally:
        exit_when_told(status)
