"""The console script `catalog`: serve, demo, migrate, schema, psql."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn
from rich.console import Console

from app.database import check_schema, migrate
from app.demo import run_demo
from app.document_sql import compile_projections
from app.errors import CatalogError, SetupError
from app.main import PROJECTIONS, create_app, schema_sql
from app.postgres import EmbeddedPostgres, embedded_binaries
from app.settings import Settings, read_settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the gateway keeps its connections (60 s), so that it never sends into one that we close."""

console = Console(stderr=True, highlight=False)


class Group(click.Group):
    """Says what is wrong in one sentence and exits 1; a traceback is for our own mistakes."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CatalogError as error:
            console.print(f"[bold red]catalog:[/] {error.detail}", soft_wrap=True)
            raise SystemExit(1) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="swappo-catalog")
def main() -> None:
    """The Swappo Catalog: items, their history, and any instant of it.

    Without DATABASE_URL it runs its own embedded Postgres in CATALOG_DATA_DIR.
    """


@contextmanager
def database_in_use(settings: Settings) -> Iterator[str]:
    """A conninfo of DATABASE_URL's database, or of the embedded one, which runs meanwhile."""
    if settings.database_url:
        yield settings.database_url
        return
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]  # meant for another server: libpq would take them for this one too
    embedded = EmbeddedPostgres(
        settings.catalog_data_dir, binaries=settings.catalog_postgres_bin, tcp_port=settings.catalog_postgres_port
    )
    with embedded:
        yield embedded.conninfo


@main.command()
@click.option("--host", help="The address to listen on. [CATALOG_HOST, else 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on. [CATALOG_PORT, else 8001]")
def serve(host: str | None, port: int | None) -> None:
    """Serve the API, migrating an embedded database first."""
    settings = read_settings()
    _exit_when_told()
    with database_in_use(settings) as conninfo:
        if settings.database_url:
            check_schema(conninfo, schema_sql())
        else:
            migrate(conninfo, schema_sql())
        listening = _listen(host or settings.catalog_host, settings.catalog_port if port is None else port)
        address = "http://{}:{}".format(*listening.getsockname()[:2])
        console.print(f"Swappo Catalog on {address} — API at /api/v2, its page at /schema")
        config = uvicorn.Config(
            create_app(conninfo, settings),
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


@main.command()
@click.option("--url", help="A running service, such as http://localhost:8001; without it the demo starts its own.")
def demo(url: str | None) -> None:
    """Tell the life of one item, request by request, and check every answer; exit 1 if one is wrong."""
    sys.exit(0 if run_demo(url) else 1)


def _listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises SetupError if it is taken, or none of ours."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"cannot listen on {host}:{port} ({reason}): set --host, --port or CATALOG_PORT") from error


def _exit_when_told() -> None:
    """Make SIGTERM, SIGINT and SIGHUP an orderly exit; uvicorn stops gracefully, then passes them on."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


@main.command("migrate")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 unless the database is current.")
def migrate_command(check: bool) -> None:
    """Install the schema in the database in use."""
    with database_in_use(read_settings()) as conninfo:
        if check:
            check_schema(conninfo, schema_sql())
        installed = not check and migrate(conninfo, schema_sql())
    console.print("The schema is installed." if installed else "The schema is current.")


@main.command()
@click.option("--compiled", is_flag=True, help="Only what is compiled from the projections' rules.")
def schema(compiled: bool) -> None:
    """Print the SQL that `migrate` installs, the compiled folds included."""
    click.echo(compile_projections(PROJECTIONS) if compiled else schema_sql(), nl=False)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the database in use; further arguments are psql's own, such as -c 'select …'."""
    settings = read_settings()
    with database_in_use(settings) as conninfo:
        program = _psql(settings)
        # Ctrl-C is psql's, to cancel a query; it must not stop the database under it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [program, "--dbname", conninfo, *arguments]
        child = os.posix_spawnp(program, command, os.environ, setsigdef=[signal.SIGINT])
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _psql(settings: Settings) -> str:
    """The embedded server's own psql, or for another database the one on the PATH."""
    if settings.catalog_postgres_bin:
        return str(settings.catalog_postgres_bin / "psql")
    own = Path(embedded_binaries()) / "psql"
    return "psql" if settings.database_url and not own.exists() else str(own)


if __name__ == "__main__":
    main()
