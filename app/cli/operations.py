"""The commands for operators: run the background, rebuild, verify, see the lag and the log, inspect an item, resume.

Answers go to stdout, with `--json` as JSON and nothing else; whatever else is said goes to stderr.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn

from app.cli import log_queries as facts
from app.cli import rendering as tables
from app.cli.console import (
    INTERRUPTED,
    LINE_EVERY_SECONDS,
    current_connection,
    current_database,
    exit_on_stop_signal,
    os_user,
    report_error,
    run_until_stopped,
)
from app.constraints import LARGEST_ID
from app.domain.events import Event
from app.engine.background import checkpoints, projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import OnRebuildProgress, RebuildProgress, RebuildResult
from app.engine.background.verify import verify
from app.engine.events.event import EventRegistry
from app.engine.postgres.migrations import checksum
from app.engine.postgres.session_settings import connect_async
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.log_reader import AheadOfLog
from app.errors import CatalogError, Conflict, NotFound
from app.main import PROJECTIONS, schema_sql
from app.terminal import confirm, console, print_json, print_line, print_note

with suppress(ImportError):  # on Windows
    pass

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
all_option = click.option("--all", "every_one", is_flag=True, help="All projections.")


class ItemIdType(click.IntRange):
    """The id of an item."""

    name = "id"

    def __init__(self) -> None:
        super().__init__(1, LARGEST_ID)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is not the id of an item, which is a number such as 7.", param, ctx)


def read_model_named(name: str) -> AnyReadModel:
    for read_model in PROJECTIONS:
        if read_model.name == name:
            return read_model
    raise NotFound(f"There is no projection {name}; there are {', '.join(each.name for each in PROJECTIONS)}.")


def chosen_read_models(name: str | None, every_one: bool) -> Sequence[AnyReadModel]:
    if name is not None and every_one:
        raise click.UsageError("Give a NAME or --all, not both.")
    return PROJECTIONS if name is None else [read_model_named(name)]


@click.command("project")
def project_command() -> None:
    """Run the projector alone, for services with CATALOG_PROJECTOR=off; SIGTERM or SIGINT ends it.

    Several may run: one leads, and another takes over within seconds.
    """
    exit_on_stop_signal()
    with current_database(supervised=True) as conninfo:
        print_note("The projector runs.")
        run_until_stopped(projector.Projector(conninfo, PROJECTIONS, checksum(schema_sql())).run())


@click.command("rebuild")
@click.argument("name", required=False)
@all_option
@json_option
def rebuild_command(name: str | None, every_one: bool, as_json: bool) -> None:
    """Build the projection NAME anew from the log, while it serves, and swap it in; exit 1 if one could not be."""
    if name is None and not every_one:
        raise click.UsageError("Give a NAME or --all.")
    read_models = chosen_read_models(name, every_one)
    exit_on_stop_signal(INTERRUPTED)
    with current_database() as conninfo:
        outcomes = []
        for read_model in read_models:
            outcomes.append(rebuilt := _rebuild(conninfo, read_model))
            if rebuilt and not as_json:
                who_waited = "its catch-up" if read_model.is_async() else "writers"
                print_line(tables.print_rebuilt(rebuilt, who_waited))
    if as_json:
        print_json([rebuilt for rebuilt in outcomes if rebuilt])
    if not all(outcomes):
        raise SystemExit(1)


def _rebuild(conninfo: str, read_model: AnyReadModel) -> RebuildResult | None:
    """None if it was not rebuilt; why not is said."""
    try:
        with rebuild_progress_bar() as told:
            return run_until_stopped(rebuild(conninfo, read_model, told, checksum(schema_sql())), INTERRUPTED)
    except CatalogError as error:
        report_error(error.detail)
        return None
    except SystemExit:
        report_error("interrupted: a rebuild that did not finish has changed nothing that is served")
        raise


@contextmanager
def rebuild_progress_bar() -> Iterator[OnRebuildProgress]:
    """A bar in a terminal, elsewhere a line now and then; on stderr."""
    if not console.is_terminal:
        yield _rebuild_progress_lines()
        return
    with Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("")

        def show(progress: RebuildProgress) -> None:
            told = tables.print_rebuild_progress(progress)
            bar.update(task, completed=progress.done, total=max(progress.events, 1), description=told)

        yield show


def _rebuild_progress_lines() -> OnRebuildProgress:
    said_at, phase = -LINE_EVERY_SECONDS, ""

    def tell_now_and_then(progress: RebuildProgress) -> None:
        nonlocal said_at, phase
        if progress.seconds >= said_at + LINE_EVERY_SECONDS or progress.phase != phase:
            said_at, phase = progress.seconds, progress.phase
            print_note(tables.print_rebuild_progress(progress))

    return tell_now_and_then


@click.command("verify")
@click.argument("name", required=False)
@all_option
@json_option
def verify_command(name: str | None, every_one: bool, as_json: bool) -> None:
    """Compare every document of NAME, or of all projections, with a fold of the log; exit 1 if any differs."""
    read_models = chosen_read_models(name, every_one)
    exit_on_stop_signal(INTERRUPTED)
    with current_database() as conninfo:
        found = [run_until_stopped(verify(conninfo, each), INTERRUPTED) for each in read_models]
    if as_json:
        print_json(found)
    else:
        for each in found:
            tables.show_verified(each)
    if any(each.differing for each in found):
        raise SystemExit(1)


@click.command("lag")
@json_option
def lag_command(as_json: bool) -> None:
    """Show how far the mark and each projection are behind the log, who stopped, and whether anybody leads.

    Exit 1 if an event has waited for more than 10 seconds, or a projection is stopped or outdated.
    """
    exit_on_stop_signal()
    with current_database() as conninfo:
        states = run_until_stopped(facts.read_projection_statuses(conninfo, PROJECTIONS))
    if as_json:
        print_json(states)
    else:
        tables.show_lag(states)
    if states.background == "behind":
        raise SystemExit(1)


@click.command("events")
@click.option("--follow", "-f", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@click.option("--type", "type_", type=click.Choice([*EventRegistry(Event).types]), help="Only of this type.")
@click.option("--item", type=ItemIdType(), help="Only of this item.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only behind this position.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--last", type=click.IntRange(1), help="Only the newest so many; with --follow and those to come.")
@json_option
def events_command(
    follow: bool,
    type_: str | None,
    item: int | None,
    after: int,
    limit: int | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Print the settled events in order, one a line; with --json one object a line."""
    exit_on_stop_signal()
    wanted = facts.LoggedEventFilter(type=type_, item=item)
    with current_connection() as connection:
        if after > (newest := facts.newest_position(connection)):
            raise AheadOfLog(after, newest)
        upto, head = facts.mark_and_head(connection)
        if last is not None:
            after = facts.position_before_last(connection, wanted, after, upto, last)
        found = (
            facts.follow_events(connection, wanted, after)
            if follow
            else facts.settled_events(connection, wanted, after, upto)
        )
        for event in islice(found, limit):
            if as_json:
                print_json(event)
            else:
                tables.show_events([event])
        if not follow and head > upto:
            print_note(f"The log is settled up to {upto} of {head}; the rest will be while a projector runs.")


@click.command("inspect")
@click.argument("item", metavar="ID", type=ItemIdType())
@json_option
def inspect_command(item: int, as_json: bool) -> None:
    """Show everything about one item: document, events, whether they agree (exit 1 if not), and what it counts as."""
    exit_on_stop_signal()
    with current_database() as conninfo:
        inspected = run_until_stopped(facts.inspect_item(conninfo, PROJECTIONS, item))
    if as_json:
        print_json(inspected)
    else:
        tables.show_inspected(inspected)
    if not all(each.equal for each in inspected.documents):
        raise SystemExit(1)


@click.command("resume")
@click.argument("name")
@click.option("--skip", is_flag=True, help="Go on behind the event that stopped it; recorded with your name.")
@click.option("--yes", is_flag=True, help="Skip without being asked.")
@json_option
def resume_command(name: str, skip: bool, yes: bool, as_json: bool) -> None:
    """Let a stopped projection go on: with the event that stopped it, or behind it; exit 1 if it is not stopped."""
    read_model = read_model_named(name)
    exit_on_stop_signal()
    with current_database() as conninfo, facts.operator_connection(conninfo) as connection:
        stopped = facts.stop_reason(connection, name)
        if stopped is None:
            raise Conflict(f"The projection {name} is not stopped.")
        if not as_json:
            tables.show_stopped(name, stopped)
        where = f"the event at position {stopped.event.position}" if stopped.event else "what stopped it"
        if skip and not yes:
            confirm(f"Leave {where} out of {name} for good?")
        if facts.stop_reason(connection, name) != stopped:
            raise Conflict(f"Somebody else resumed {name} meanwhile; see `catalog lag`.")
        asyncio.run(_resume(conninfo, name, os_user() if skip else None))
        (state,) = asyncio.run(facts.read_projection_statuses(conninfo, [read_model])).projections
    if as_json:
        print_json(state)
    else:
        print_line(f"{name} goes on behind {where}, as {os_user()} says." if skip else f"{name} goes on with {where}.")


async def _resume(conninfo: str, name: str, skip_as: str | None) -> None:
    async with await connect_async(conninfo) as connection:
        await checkpoints.resume_projection(connection, name, skip_as)


COMMANDS = (
    project_command,
    rebuild_command,
    verify_command,
    lag_command,
    events_command,
    inspect_command,
    resume_command,
)
