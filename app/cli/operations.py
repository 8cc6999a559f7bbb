"""The operators' commands: run the projector, rebuild, verify, show lag and log, inspect an item, resume.

Results go to stdout, with `--json` as JSON alone. Everything else goes to stderr.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

import click

from app.cli import log_queries, rendering
from app.cli.console import (
    INTERRUPTED,
    current_connection,
    current_database,
    exit_on_stop_signal,
    explained_interruption,
    os_user,
    report_error,
    run_until_stopped,
)
from app.cli.progress import Progress, progress_reporter
from app.constraints import LARGEST_ID
from app.domain.events import Event
from app.engine.background import checkpoints, projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress, RebuildResult
from app.engine.background.verify import verify
from app.engine.events.event import EventRegistry
from app.engine.postgres.migrations import checksum
from app.engine.postgres.session_settings import connect_async
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.log_reader import AheadOfLog, EventFilter
from app.errors import CatalogError, Conflict, NotFound
from app.main import PROJECTIONS, schema_sql
from app.terminal import confirm, print_json, print_line, print_note

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
all_option = click.option("--all", "every_one", is_flag=True, help="Every projection.")


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
    """Run the projector alone, for services with CATALOG_PROJECTOR=off.

    Several may run: one leads, and another takes over within seconds. SIGTERM or SIGINT ends it.
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
    """Rebuild the projection NAME from the log, and swap the result in.

    The old documents serve meanwhile. Exit 1 if a projection could not be rebuilt.
    """
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
                print_line(rendering.rebuilt_text(rebuilt, who_waited))
    if as_json:
        print_json([rebuilt for rebuilt in outcomes if rebuilt])
    if not all(outcomes):
        raise SystemExit(1)


def _rebuild(conninfo: str, read_model: AnyReadModel) -> RebuildResult | None:
    """Rebuild one projection; report why if that fails, and return None."""
    unchanged = "a rebuild that did not finish has changed nothing that is served"
    try:
        with explained_interruption(unchanged), progress_reporter() as report:
            work = rebuild(conninfo, read_model, lambda each: report(_progress_of(each)), checksum(schema_sql()))
            return run_until_stopped(work, INTERRUPTED)
    except CatalogError as error:
        report_error(error.detail)
        return None


def _progress_of(rebuilding: RebuildProgress) -> Progress:
    text, total = rendering.rebuild_progress_text(rebuilding), max(rebuilding.events, 1)
    return Progress(text=text, phase=rebuilding.phase, done=rebuilding.done, total=total)


@click.command("verify")
@click.argument("name", required=False)
@all_option
@json_option
def verify_command(name: str | None, every_one: bool, as_json: bool) -> None:
    """Compare every document of the projection NAME with a fold of the log.

    Without NAME, compare those of every projection. Exit 1 if a document differs.
    """
    read_models = chosen_read_models(name, every_one)
    exit_on_stop_signal(INTERRUPTED)
    with current_database() as conninfo:
        found = [run_until_stopped(verify(conninfo, each), INTERRUPTED) for each in read_models]
    if as_json:
        print_json(found)
    else:
        for each in found:
            rendering.show_verified(each)
    if any(each.differing for each in found):
        raise SystemExit(1)


@click.command("lag")
@json_option
def lag_command(as_json: bool) -> None:
    """Show how far the high-water mark and each projection are behind the log.

    Also shows stopped projections, rebuilds, and whether a projector leads. Exit 1 if an event has waited more than
    10 seconds, or a projection is stopped or outdated.
    """
    exit_on_stop_signal()
    with current_database() as conninfo:
        states = run_until_stopped(log_queries.read_projection_statuses(conninfo, PROJECTIONS))
    if as_json:
        print_json(states)
    else:
        rendering.show_lag(states)
    if states.background == "behind":
        raise SystemExit(1)


@click.command("events")
@click.option("--follow", "-f", is_flag=True, help="Continue with new events until Ctrl-C.")
@click.option("--type", "type_", type=click.Choice([*EventRegistry(Event).types]), help="Only events of this type.")
@click.option("--item", type=ItemIdType(), help="Only events of this item.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only events after this position.")
@click.option("--limit", type=click.IntRange(1), help="At most this many events.")
@click.option("--last", type=click.IntRange(1), help="Only the newest N events; with --follow, new ones too.")
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
    """Print the settled events in order, one per line; with --json, one JSON object per line."""
    exit_on_stop_signal()
    wanted = EventFilter(type=type_, stream_id=item)
    with current_connection() as connection:
        if after > (newest := log_queries.newest_position(connection)):
            raise AheadOfLog(after, newest)
        upto, head = log_queries.mark_and_head(connection)
        if last is not None:
            after = log_queries.position_before_last(connection, wanted, after, upto, last)
        found = (
            log_queries.follow_events(connection, wanted, after)
            if follow
            else log_queries.settled_events(connection, wanted, after, upto)
        )
        for event in islice(found, limit):
            if as_json:
                print_json(event)
            else:
                rendering.show_events([event])
        if not follow and head > upto:
            print_note(f"The log is settled up to {upto} of {head}; a running projector settles the rest.")


@click.command("inspect")
@click.argument("item", metavar="ID", type=ItemIdType())
@json_option
def inspect_command(item: int, as_json: bool) -> None:
    """Show everything about the item ID: its document, its events, and its part in each rollup.

    Exit 1 if the document is not what its events say.
    """
    exit_on_stop_signal()
    with current_database() as conninfo:
        inspected = run_until_stopped(log_queries.inspect_item(conninfo, PROJECTIONS, item))
    if as_json:
        print_json(inspected)
    else:
        rendering.show_inspected(inspected)
    if not all(each.equal for each in inspected.documents):
        raise SystemExit(1)


@click.command("resume")
@click.argument("name")
@click.option("--skip", is_flag=True, help="Leave out the event that stopped it. Your name is recorded.")
@click.option("--yes", is_flag=True, help="Do not ask before skipping.")
@json_option
def resume_command(name: str, skip: bool, yes: bool, as_json: bool) -> None:
    """Resume the stopped projection NAME.

    It tries the event that stopped it again. Exit 1 if the projection is not stopped.
    """
    read_model = read_model_named(name)
    exit_on_stop_signal()
    with current_database() as conninfo, log_queries.operator_connection(conninfo) as connection:
        stopped = log_queries.stop_reason(connection, name)
        if stopped is None:
            raise Conflict(f"The projection {name} is not stopped.")
        if not as_json:
            rendering.show_stopped(name, stopped)
        where = f"the event at position {stopped.event.position}" if stopped.event else "what stopped it"
        if skip and not yes:
            confirm(f"Leave {where} out of {name} permanently?")
        if log_queries.stop_reason(connection, name) != stopped:
            raise Conflict(f"{name} was resumed by another operator meanwhile; see `catalog lag`.")
        asyncio.run(_resume(conninfo, name, os_user() if skip else None))
        (state,) = asyncio.run(log_queries.read_projection_statuses(conninfo, [read_model])).projections
    if as_json:
        print_json(state)
    else:
        print_line(
            f"{name} continues after {where}, skipped by {os_user()}." if skip else f"{name} continues with {where}."
        )


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
