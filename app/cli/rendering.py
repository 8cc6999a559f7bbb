"""Results as tables and sentences, for terminals of 80 columns, pipes and tickets.

Texts from the log are shown as JSON with hidden characters made visible, so that no item can control a terminal.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Raw
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.log_queries import DocumentComparison, ItemInspection, LoggedEvent, StopReason
from app.engine.background.projection_status import LogStatus, ProjectionStatus
from app.engine.background.rebuild_status import LastRebuild, RebuildProgress, RebuildResult
from app.engine.background.verify import Mismatch, VerifyResult
from app.engine.events.event import decode_metadata
from app.engine.events.timestamps import rfc3339
from app.engine.store.live_fold import JSON_NULL
from app.terminal import compact_json, output, print_line
from app.visible_text import visible
from app.wording import count

MISMATCHES_SHOWN = 20
NO_VALUE = "—"


def show_table(rows: Iterable[dict[str, str]], *right: str) -> None:
    """Print rows as a table. Their common keys are the headings; the columns in `right` are aligned right."""
    rows = list(rows)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in rows[0]:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(value)) for value in row.values()))
    output.print(table)


def show_events(events: Iterable[LoggedEvent]) -> None:
    """Print one line for each event, cut to the width of a terminal."""
    for event in events:
        when = f"{event.recorded_at[:10]} {event.recorded_at[11:19]}"
        what = ": ".join(filter(None, (_actor_text(event), describe_changes(event.data))))
        line = f"{event.position:>7}  {when}  {event.stream_id:>6}  {visible(event.type):<19}  {what}".rstrip()
        if output.is_terminal:
            output.print(Text(line), no_wrap=True, overflow="ellipsis")
        else:
            print_line(line)


def _actor_text(event: LoggedEvent) -> str:
    """The user who acted; empty if the log does not say."""
    return visible(decode_metadata(bytes(event.metadata)).user_id or "")


def describe_changes(data: Raw) -> str:
    """An event's data in one line, with the old value of each changed field."""
    fields = _members_as_json(bytes(data).decode())
    after = _members_as_json(fields.get("changes", "null"))
    before = _members_as_json(fields.get("previous_values", "null")) if after else {}
    changed = [f"{name} {before.get(name, 'null')} → {value}" for name, value in after.items()]
    shown = {"changes"} if after else set()
    shown |= {"previous_values"} if before else set()
    rest = [f"{name} {value}" for name, value in fields.items() if name not in shown and value != "null"]
    return ", ".join(changed + rest)


def _members_as_json(text: str) -> dict[str, str]:
    """The members of a JSON object, each as compact JSON with hidden characters made visible; none for other JSON.

    Postgres stores numbers and depths that Python cannot read. JSON with such is one member, unchanged.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"(all)": visible(text)}
    return (
        {visible(name): visible(compact_json(member)) for name, member in value.items()}
        if isinstance(value, dict)
        else {}
    )


def show_lag(states: LogStatus) -> None:
    print_line(f"Settled up to position {states.settled_position} of {states.head}, instant {_instant_text(states)}.")
    if not states.has_leader:
        print_line("No projector leads: nothing is settled or caught up until a service or `catalog project` runs.")
    if states.background == "behind":
        print_line(f"The background is behind: {' and '.join(_explain_lag(states))}.")
    show_table(map(_lag_row, states.projections), "position", "events behind", "seconds", "skipped")
    for each in states.projections:
        if each.last_rebuild is not None:
            print_line(_last_rebuild(each.name, each.last_rebuild))
    for each in states.projections:
        if each.state == "stopped":
            print_line(
                f"{each.name} was stopped by the event at position {each.error_position}: {visible(each.error or '')}"
            )


def _explain_lag(states: LogStatus) -> Iterable[str]:
    if states.background_seconds:
        yield f"an event has waited for {states.background_seconds:.0f} s"
    yield from (f"{each.name} is {each.state}" for each in states.projections if each.state != "running")


def _instant_text(states: LogStatus) -> str:
    return NO_VALUE if states.settled_instant is None else rfc3339(states.settled_instant)


def _lag_row(each: ProjectionStatus) -> dict[str, str]:
    return {
        "projection": each.name,
        "lifecycle": each.lifecycle,
        "state": _state_text(each),
        "position": str(each.position),
        "events behind": str(each.lag_events),
        "seconds": f"{each.lag_seconds:.1f}",
        "skipped": str(len(each.skipped)),
    }


def _state_text(each: ProjectionStatus) -> str:
    if each.rebuild is None:
        return each.state
    progress = msgspec.json.decode(each.rebuild)
    phase = progress.get("phase", "folding")
    return f"rebuilding, {_percent(progress['done'], progress['events'])}" if phase == "folding" else phase


def _last_rebuild(name: str, ended: LastRebuild) -> str:
    when = f"{ended.ended_at:%Y-%m-%d %H:%M:%S}"
    if ended.error is not None:
        return f"{name}: the last rebuild failed at {when}: {visible(ended.error)}"
    return f"{name}: last rebuilt at {when}, from {count(ended.events or 0, 'event')} in {ended.seconds or 0:.2f} s."


def _percent(done: int, events: int) -> str:
    return f"{100 * done // events if events else 100} %"


def rebuild_progress_text(progress: RebuildProgress) -> str:
    """How far a rebuild is. Only the time left for folding is estimated."""
    rate = progress.done / progress.seconds if progress.seconds else 0.0
    done = f"{progress.done:,} of {count(progress.events, 'event')} ({_percent(progress.done, progress.events)})"
    text = f"{progress.projection}: {progress.phase}, {done}"
    if progress.phase != "folding" or not rate:
        return text
    return f"{text}, {rate:,.0f} events/s, {(progress.events - progress.done) / rate:.0f} s to fold"


def rebuilt_text(rebuilt: RebuildResult, who_waited: str) -> str:
    rate = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0.0
    return (
        f"{rebuilt.projection}: rebuilt from {count(rebuilt.events, 'event')} in {rebuilt.seconds:.2f} s"
        f" ({rate:,.0f} events/s); {who_waited} waited {rebuilt.swap_milliseconds:.0f} ms at most for the swap."
    )


def show_verified(verified: VerifyResult) -> None:
    differing = verified.differing
    differ = f"{len(differing):,} {'differs' if len(differing) == 1 else 'differ'} from the log"
    print_line(f"{verified.projection}: {count(verified.checked, 'document')} checked, {differ}.")
    show_table(row for each in differing[:MISMATCHES_SHOWN] for row in _mismatch_rows(each))
    if len(differing) > MISMATCHES_SHOWN:
        print_line(f"… and {len(differing) - MISMATCHES_SHOWN:,} more; --json shows all of them.")


def _mismatch_rows(each: Mismatch) -> Iterable[dict[str, str]]:
    """One row for each field that differs; a single row for a document that is missing or should not exist."""

    def row(field: str, stored: str, folded: str) -> dict[str, str]:
        which = "" if each.of == "document" else f"{each.of}: "
        return {"id": visible(str(each.id)), "field": which + field, "stored": stored, "folded from the log": folded}

    folded = _fields_as_json(each.folded)
    if "unreadable" in folded:
        return [row("(all)", "…", folded["unreadable"])]
    if bytes(each.stored) == JSON_NULL:
        return [row("(all)", "missing", "there is one")]
    if bytes(each.folded) == JSON_NULL:
        return [row("(all)", "there is one", "none")]
    return [row(*differing) for differing in differing_fields(each.stored, each.folded)]


def differing_fields(*documents: Raw) -> list[list[str]]:
    """The fields in which documents differ, each with its value in every document; all fields if one is missing."""
    members = [_fields_as_json(document) for document in documents]
    names = {field: None for fields in members for field in fields}
    return [
        [field, *(fields.get(field, NO_VALUE) for fields in members)]
        for field in names
        if any(fields.get(field) != members[0].get(field) for fields in members)
    ]


def _fields_as_json(document: Raw) -> dict[str, str]:
    """A document's fields as JSON; none if it does not exist, and a single one if it is no object."""
    text = bytes(document).decode()
    return _members_as_json(text) or ({} if text in ("null", "{}") else {"(the document)": visible(text)})


def show_stopped(name: str, stopped: StopReason) -> None:
    print_line(f"{name} was stopped: {visible(stopped.error.partition(chr(10))[0])}")
    show_events([stopped.event] if stopped.event else [])


def show_inspected(inspected: ItemInspection) -> None:
    for compared in inspected.documents:
        _show_document(inspected.id, compared)
    print_line("")
    for event in inspected.events:
        by = f" by {actor}" if (actor := _actor_text(event)) else ""
        print_line(f"{event.version:>4}  {event.recorded_at}  {visible(event.type)}{by}, position {event.position}")
        if what := describe_changes(event.data):
            output.print(Padding(Text(what), (0, 0, 0, 6)))
    print_line("")
    show_table(
        {
            "rollup": each.rollup,
            "counts for": NO_VALUE if each.key is None else visible(each.key),
            "which is now": NO_VALUE if each.document is None else compact_json(each.document),
        }
        for each in inspected.rollups
    )


def _show_document(item: int, compared: DocumentComparison) -> None:
    document = _fields_as_json(compared.stored)
    print_line(
        f"Item {item}, its document in {compared.projection}:" if document else f"Item {item} has no stored document."
    )
    show_table({"field": field, "value": value} for field, value in document.items())
    print_line("")
    if compared.equal:
        print_line("The stored document equals the fold of its events, in Python and in Postgres.")
        return
    print_line("The stored document and the folds of its events differ.")
    folds = {"folded in Python": compared.folded_in_python, "in Postgres": compared.folded_in_postgres}
    if compared.error:
        print_line(f"Its events cannot be folded: {visible(compared.error)}")
        folds = {name: fold for name, fold in folds.items() if bytes(fold) != JSON_NULL}
    differing = differing_fields(compared.stored, *folds.values())
    show_table(dict(zip(("field", "stored", *folds), row, strict=True)) for row in differing)
