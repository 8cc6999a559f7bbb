"""The console script `catalog`: serve, demo, migrate, schema and psql, and the commands of the other modules."""

import asyncio
import logging
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import click

from app.cli.backup import backup_command, restore_command
from app.cli.console import (
    ErrorReportingGroup,
    command_line,
    conninfo_of,
    database_in_use,
    describe_server,
    exit_on_stop_signal,
    utf8_text,
)
from app.cli.forget import forget_command
from app.cli.import_items import import_command
from app.cli.operations import COMMANDS
from app.cli.pooler_checks import check_poolers
from app.demo.seed_year import fill
from app.demo.walkthrough import run_demo
from app.engine.compiler.schema import compile_read_models
from app.engine.postgres.connections import as_service_role
from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.migrations import check_durable, check_schema, may_change_events
from app.errors import SetupError
from app.http.auth.tokens import check_authentication
from app.http.server.server import listen, serve_until_stopped
from app.main import PROJECTIONS, create_app, install, schema_sql
from app.observability.json_logs import log_as_json, log_as_text
from app.settings import Settings, read_settings
from app.terminal import notify_user, print_note, print_text
from app.wording import count

logger = logging.getLogger("catalog")

IGNORES_DATA_DIR = ("demo", "schema")
"""The demo has a folder of its own, and the schema is the same for all."""


@click.group(cls=ErrorReportingGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="swappo-catalog")
@click.option(
    "--data-dir", metavar="DIR", help="The folder of the embedded Postgres. [CATALOG_DATA_DIR, else .catalog-data]"
)
@click.pass_context
def main(context: click.Context, data_dir: str | None) -> None:
    """The Swappo Catalog: items, their history, and every past instant of both.

    Without DATABASE_URL, a command uses an embedded Postgres in the folder --data-dir.
    """
    log_as_text()
    if data_dir is None:
        return
    if not data_dir:
        raise click.UsageError("--data-dir is empty: name a folder.")
    if context.invoked_subcommand in IGNORES_DATA_DIR:
        raise click.UsageError(f"`catalog {context.invoked_subcommand}` uses no data folder: leave out --data-dir.")
    if os.environ.get("DATABASE_URL"):
        raise click.UsageError(
            "DATABASE_URL is set, so no embedded Postgres is used: unset it, or leave out --data-dir."
        )
    os.environ["CATALOG_DATA_DIR"] = data_dir


@main.command()
@click.option("--host", callback=utf8_text, help="The address to listen on. [CATALOG_HOST, else 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on. [CATALOG_PORT, else 8001]")
@click.option("--demo", "with_demo", is_flag=True, help="Fill an empty embedded catalog with a year of a small town.")
def serve(host: str | None, port: int | None, with_demo: bool) -> None:
    """Serve the API and the page until Ctrl-C or SIGTERM.

    An embedded database is created and migrated first. With DATABASE_URL, run `catalog migrate` before.
    """
    if os.environ.get("CATALOG_LOG") == "json":
        log_as_json()
    settings = read_settings()
    logger.info("starting, version %s", version("swappo-catalog"))
    check_authentication(settings)
    if settings.database_replica_url and not settings.database_url:
        raise SetupError("DATABASE_REPLICA_URL needs DATABASE_URL: it names a replica of that server")
    if with_demo and (settings.database_url or settings.env == "production"):
        raise SetupError("--demo fills only an embedded database: unset DATABASE_URL and CATALOG_ENV")
    exit_on_stop_signal()
    try:
        _serve(settings, host, port, with_demo)
    finally:
        logger.info("stopped")


def _serve(settings: Settings, host: str | None, port: int | None, with_demo: bool) -> None:
    with database_in_use(settings, may_create=True, supervised=True) as database:
        sessions = _prepare_database(database, settings)
        conninfo = conninfo_of("DATABASE_URL", settings.database_url) if settings.database_url else sessions
        if settings.database_direct_url:
            notify_user(f"Requests go through {describe_server(conninfo)}.")
        listening = listen(host or settings.host, settings.port if port is None else port)
        if with_demo:
            _fill_with_demo(database)
        address = "http://{}:{}".format(*listening.getsockname()[:2])
        logger.info("serving on %s", address)
        if settings.log == "text":
            print_note(f"Swappo Catalog on {address} — its page at /, the API at /api/v2 and /schema")
            _print_commands_for(settings)
        stopping = asyncio.Event()
        serve_until_stopped(create_app(conninfo, settings, stopping, sessions), stopping, listening)


def _fill_with_demo(database: str) -> None:
    events = fill(database)
    if events:
        notify_user(f"A year of a small town: {count(events, 'event')}.")
    else:
        notify_user("The demo's year is there already, and stays.")


def _print_commands_for(settings: Settings) -> None:
    """Print how to run other commands on the embedded database while it is served."""
    folder = settings.data_dir
    if settings.database_url:
        return
    print_note(
        f"The other commands reach it meanwhile: `{command_line(folder, 'lag')}`;"
        " so do psql, verify and the others of --help."
    )


def _prepare_database(conninfo: str, settings: Settings) -> str:
    """Check the database: current, and in production durable. The conninfo for sessions. Raises SetupError."""
    if settings.env == "production":
        check_durable(conninfo)
    if not settings.database_url:
        if settings.env == "production":
            logger.warning("CATALOG_ENV=production without DATABASE_URL: this is an embedded database")
        if install(conninfo):
            logger.info("the schema has been installed")
        return as_service_role(conninfo)
    check_schema(conninfo, schema_sql())
    check_poolers(settings, conninfo)
    if settings.env == "production" and may_change_events(conninfo):
        logger.warning("DATABASE_URL names a role that may change events: give it one that is in catalog_service")
    return conninfo


@main.command()
@click.option(
    "--url",
    callback=utf8_text,
    help="Use a running service, such as http://localhost:8001, instead of starting one.",
)
def demo(url: str | None) -> None:
    """Show the life of one item, request by request, and check every answer; exit 1 if one is wrong."""
    sys.exit(0 if run_demo(url) else 1)


@main.command("migrate")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 unless the database is current.")
def migrate_command(check: bool) -> None:
    """Bring the database in use forward to this release's schema.

    Everything happens in one transaction. The only way back is a backup.
    """
    with database_in_use(read_settings(), may_create=not check) as conninfo:
        if check:
            check_schema(conninfo, schema_sql())
        installed = not check and install(conninfo)
    print_note("The schema is installed." if installed else "The schema is current.")


@main.command()
@click.option("--compiled", is_flag=True, help="Print only the SQL that is compiled from projections.")
def schema(compiled: bool) -> None:
    """Print the SQL that `migrate` installs, with everything compiled from projections."""
    print_text(compile_read_models(PROJECTIONS) if compiled else schema_sql())


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the database in use. Further arguments go to psql, such as -c 'select …'."""
    settings = read_settings()
    with database_in_use(settings) as conninfo:
        program = _psql(settings)
        # psql takes Ctrl-C to cancel a query; it must not stop the embedded database.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [program, "--dbname", conninfo, *arguments]
        child = os.posix_spawnp(program, command, os.environ, setsigdef=[signal.SIGINT])
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _psql(settings: Settings) -> str:
    """The embedded server's own psql if there is one; otherwise the one on the PATH."""
    if settings.postgres_bin:
        return str(settings.postgres_bin / "psql")
    own = Path(embedded_binaries()) / "psql"
    return "psql" if settings.database_url and not own.exists() else str(own)


for command in (import_command, backup_command, restore_command, forget_command, *COMMANDS):
    main.add_command(command)


if __name__ == "__main__":
    main()
