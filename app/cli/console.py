"""What all console commands share: the database in use, error messages, and an orderly exit on signals."""

import asyncio
import logging
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import click
import msgspec
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.cli import log_queries as facts
from app.cli.pooler_checks import check_sessions, url_of_sessions
from app.constraints import UserId
from app.engine.events.event import Metadata
from app.engine.postgres.embedded_folder import MARKER, CannotRunHere, holds_cluster
from app.engine.postgres.embedded_programs import BinariesMissing
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.migrations import check_schema
from app.engine.postgres.unavailability import is_unavailable
from app.errors import CatalogError, SetupError, first_line
from app.main import schema_sql
from app.observability.json_logs import is_json
from app.settings import Settings, read_settings
from app.terminal import STOP_SIGNALS, notify_user, print_error
from app.visible_text import visible

with suppress(ImportError):  # on Windows
    import pwd

T = TypeVar("T")

logger = logging.getLogger("catalog")

CONNECTION_KEYWORDS = ("service", "host", "hostaddr", "port", "dbname", "user")
"""The parts of a conninfo that identify a database, without secrets."""

UTF8 = "utf8"
"""The client encoding of every session, whatever PGCLIENTENCODING or a setting of the role says."""
HANGUP = getattr(signal, "SIGHUP", None)
"""Windows has none."""


class ErrorReportingGroup(click.Group):
    """Reports an expected error in one sentence and exits 1. Only programming errors show a traceback."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _visible_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with _visible_usage_errors():
                return super().invoke(ctx)
        except CatalogError as error:
            report_error(error.detail)
        except psycopg.Error as error:
            if not is_unavailable(error):
                raise
            report_error(f"the connection to the database was lost: {first_line(error)}")
        raise SystemExit(1)


@contextmanager
def _visible_usage_errors() -> Iterator[None]:
    """Make hidden characters visible in click's messages, which repeat arguments and file names."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.ClickException as error:
        message = visible(error.format_message())
        if isinstance(error, click.UsageError):
            raise click.UsageError(message, error.ctx) from None
        raise click.ClickException(message) from None


def utf8_text(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A click callback that refuses an argument which is not in UTF-8: the log cannot store it."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter("It is not in UTF-8.") from None
    return value


def report_error(sentence: str) -> None:
    if is_json():
        logger.error(sentence)
        return
    print_error(sentence)


@contextmanager
def database_in_use(settings: Settings, may_create: bool = False, supervised: bool = False) -> Iterator[str]:
    """A conninfo for sessions with DATABASE_URL's database, or with the embedded one, which runs meanwhile.

    Prints on stderr which database it is. `may_create`: create an embedded one where there is none. `supervised`:
    restart the embedded one when it dies. Raises SetupError.
    """
    if given := url_of_sessions(settings):
        name, url = given
        conninfo = conninfo_of(name, url)
        notify_user(f"Database: {describe_server(conninfo)}.")
        check_sessions(name, conninfo)
        yield conninfo
        return
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]  # set for another server, but libpq would use them here too
    folder = settings.data_dir
    with naming_other_servers():
        embedded = EmbeddedPostgres(folder, binaries=settings.postgres_bin, tcp_port=settings.postgres_port)
    if not may_create and not holds_cluster(folder):
        raise SetupError(_no_catalog_message(folder))
    notify_user(f"Database: the embedded Postgres in {folder.absolute()}.")
    with naming_other_servers(), embedded, embedded.supervised() if supervised else nullcontext():
        yield make_conninfo(embedded.conninfo, client_encoding=UTF8)


@contextmanager
def naming_other_servers() -> Iterator[None]:
    """Add the variables that name another server to an error that says why the embedded one cannot run."""
    try:
        yield
    except BinariesMissing as error:
        other = "set CATALOG_POSTGRES_BIN to a folder of server binaries or DATABASE_URL to a server"
        raise SetupError(f"{error.detail}, or {other}") from error
    except CannotRunHere as error:
        raise SetupError(f"{error.detail}, or set DATABASE_URL to a PostgreSQL server") from error


def conninfo_of(name: str, url: str) -> str:
    """The conninfo in the variable `name`, with UTF-8 as client encoding. Raises SetupError."""
    try:
        return make_conninfo(url, client_encoding=UTF8)
    except psycopg.ProgrammingError:  # its message may repeat a password
        raise SetupError(f"the database cannot be reached: {name} is neither a libpq URL nor a conninfo") from None


def describe_server(conninfo: str) -> str:
    """The server and database of a conninfo in libpq's keywords, with libpq's defaults and without secrets."""
    defaults = {each.keyword.decode(): (each.val or b"").decode() for each in pq.Conninfo.get_defaults()}
    named = {**defaults, **conninfo_to_dict(conninfo)}
    return " ".join(f"{word}={named[word]}" for word in CONNECTION_KEYWORDS if named.get(word))


def _no_catalog_message(folder: Path) -> str:
    """The error for a folder without a catalog. It names the catalogs beside that folder."""
    beside, new = neighbouring_catalogs(folder), command_line(folder, "serve")
    if not beside:
        return f"there is no catalog in {folder} yet: run `{new}`"
    context = click.get_current_context(silent=True)
    command = command_line(beside[0], context.info_name if context and context.info_name else "serve")
    there_is = f"there is one in {', '.join(map(str, beside))}"
    return f"there is no catalog in {folder}, and {there_is}: run `{command}`, or `{new}` for a new one"


def neighbouring_catalogs(folder: Path) -> list[Path]:
    """The other data folders beside a folder, relative to the working directory; none where reading is denied."""
    with suppress(OSError):
        markers = sorted(folder.absolute().parent.glob(f"*/{MARKER}"))
        return [Path(os.path.relpath(marker.parent)) for marker in markers if holds_cluster(marker.parent)]
    return []


def command_line(folder: Path, command: str) -> str:
    """The command line that runs `catalog COMMAND` on the catalog in a folder, from the working directory."""
    program = sys.argv[0]
    if shutil.which("catalog") or Path(program).name != "catalog":
        program = "catalog"
    where = [] if folder == Settings().data_dir else ["--data-dir", str(folder)]
    return shlex.join([program, *where, command])


def exit_on_stop_signal(status: int = 0) -> None:
    """Exit in order, and stop an embedded database, on SIGTERM, SIGINT and SIGHUP.

    uvicorn handles the first two itself and then raises them again.
    """

    def leave(*_: object) -> None:
        raise SystemExit(status)

    for number in _handled_signals():
        signal.signal(number, leave if number != HANGUP else _terminate_self)


def _handled_signals() -> list[signal.Signals]:
    """The stop signals, without a SIGHUP that nohup has set to be ignored."""
    return [number for number in STOP_SIGNALS if number != HANGUP or signal.getsignal(number) is not signal.SIG_IGN]


def _terminate_self(*_: object) -> None:
    """Turn SIGHUP into SIGTERM: uvicorn handles only the latter."""
    signal.raise_signal(signal.SIGTERM)


def run_until_stopped(work: Coroutine[Any, Any, T], status: int = 0) -> T:
    """Run `work` to its end, or cancel it at SIGTERM or SIGINT and exit with `status`.

    The work is cancelled, because an exception from a signal handler would be raised in any task that happens to run.
    """

    async def cancelled_by_signals() -> T:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        for number in _handled_signals():
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(cancelled_by_signals())
    except asyncio.CancelledError:
        raise SystemExit(status) from None
    finally:
        exit_on_stop_signal(status)


@contextmanager
def explained_interruption(sentence: str) -> Iterator[None]:
    """Report on an interruption what it means for the data."""
    try:
        yield
    except SystemExit:
        report_error(f"interrupted: {sentence}")
        raise


INTERRUPTED = 130
"""The status that shells report for a program ended by SIGINT."""


@contextmanager
def current_database(supervised: bool = False) -> Iterator[str]:
    """The conninfo of the database in use, which must exist; `supervised` as in `database_in_use`.

    Raises SetupError unless it has this release's schema.
    """
    with database_in_use(read_settings(), supervised=supervised) as conninfo:
        check_schema(conninfo, schema_sql())
        yield conninfo


@contextmanager
def current_connection() -> Iterator[psycopg.Connection]:
    with current_database() as conninfo, facts.operator_connection(conninfo) as connection:
        yield connection


def os_user() -> str:
    """The operating system's user, not the environment's; only a number where the user has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def operator_metadata(name: str | None, option: str) -> Metadata:
    """The metadata of the events of one command: who acts, by default the operating system's user.

    Raises click.BadParameter naming `option` if the log takes no such name.
    """
    try:
        user_id = msgspec.convert(name or os_user(), UserId)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint=option) from None
    return Metadata(user_id=user_id, correlation_id=str(uuid4()))
