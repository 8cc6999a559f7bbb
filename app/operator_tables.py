"""Answers to operators as tables and sentences: what they read at a terminal of 80 columns, in a pipe, in a ticket.

Texts from the log are shown as JSON or without what is not printable, so that no item can write to a terminal.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.operator_facts import Compared, Inspected, Lag, LoggedEvent, ProjectionState, Stopped
from app.rebuild import Progress, Rebuilt
from app.verify import Difference, Verified

DIFFERENCES_SHOWN = 20
ABSENT = "—"

output = Console(highlight=False, markup=False, emoji=False)


def say(sentence: str) -> None:
    """A line on stdout."""
    output.print(Text(sentence), soft_wrap=True)


def show(rows: Iterable[dict[str, str]], *right: str) -> None:
    """Rows with the same keys, which are the headings; the columns named in `right` hold numbers."""
    rows = list(rows)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in rows[0]:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row.values()))
    output.print(table)


def plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _first_line(error: str) -> str:
    """The sentence; Postgres adds where in its functions it happened, which --json shows."""
    return plain(error.partition("\n")[0])


def as_json(value: object) -> str:
    """Compact JSON; a document's own bytes stay as they are."""
    return msgspec.json.encode(value).decode()


def show_events(events: Iterable[LoggedEvent]) -> None:
    """One line each; cut off where the terminal ends."""
    for event in events:
        when = f"{event.recorded_at[:10]} {event.recorded_at[11:19]}"
        what = f"{_actor(event)}: {what_changed(event.data)}"
        line = f"{event.position:>7}  {when}  {event.stream_id:>6}  {plain(event.type):<19}  {what}"
        if output.is_terminal:
            output.print(Text(line), no_wrap=True, overflow="ellipsis")
        else:
            say(line)


def _actor(event: LoggedEvent) -> str:
    return plain(str(msgspec.json.decode(event.metadata).get("user_id", ABSENT)))


def what_changed(data: Raw) -> str:
    """An event's data in one line; a changed field with what it was."""
    fields: dict[str, Any] = msgspec.json.decode(data)
    before, after = fields.pop("previous_values", {}), fields.pop("changes", {})
    changed = [f"{plain(name)} {as_json(before.get(name))} → {as_json(value)}" for name, value in after.items()]
    rest = [f"{plain(name)} {as_json(value)}" for name, value in fields.items() if value is not None]
    return ", ".join(changed + rest)


def show_lag(lag: Lag) -> None:
    say(f"Settled up to position {lag.settled_position} of {lag.head}, instant {lag.settled_instant or ABSENT}.")
    show(map(_lag_row, lag.projections), "position", "events behind", "seconds")
    for each in lag.projections:
        if each.state == "stopped":
            why = _first_line(each.error or "")
            say(f"{each.name} was stopped by the event at position {each.error_position}: {why}")


def _lag_row(each: ProjectionState) -> dict[str, str]:
    return {
        "projection": each.name,
        "state": _state(each),
        "position": ABSENT if each.position is None else str(each.position),
        "events behind": str(each.lag_events),
        "seconds": f"{each.lag_seconds:.1f}",
        "skipped": str(len(msgspec.json.decode(each.skipped))),
    }


def _state(each: ProjectionState) -> str:
    if each.rebuild is not None:
        progress = msgspec.json.decode(each.rebuild)
        return f"rebuilding, {_percent(progress['done'], progress['events'])}"
    return each.state if each.background else "inline"


def _percent(done: int, events: int) -> str:
    return f"{100 * done // events if events else 100} %"


def say_progress(progress: Progress) -> str:
    if not progress.events:
        return f"{progress.projection}: counting the events"
    rate = progress.done / progress.seconds if progress.seconds else 0.0
    left = f", {(progress.events - progress.done) / rate:.0f} s to go" if rate else ""
    done = f"{progress.done:,} of {progress.events:,} events ({_percent(progress.done, progress.events)})"
    return f"{progress.projection}: {done}, {rate:,.0f} events/s{left}"


def say_rebuilt(rebuilt: Rebuilt, who_waited: str) -> str:
    rate = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0.0
    return (
        f"{rebuilt.projection}: rebuilt from {rebuilt.events:,} events in {rebuilt.seconds:.2f} s"
        f" ({rate:,.0f} events/s); {who_waited} waited {rebuilt.swap_milliseconds:.0f} ms at most for the swap."
    )


def show_verified(verified: Verified) -> None:
    differing = verified.differing
    say(f"{verified.projection}: {verified.checked:,} documents checked, {len(differing):,} differ from the log.")
    show(row for each in differing[:DIFFERENCES_SHOWN] for row in _difference_rows(each))
    if len(differing) > DIFFERENCES_SHOWN:
        say(f"… and {len(differing) - DIFFERENCES_SHOWN:,} more; --json shows all of them.")


def _difference_rows(each: Difference) -> Iterable[dict[str, str]]:
    if (unreadable := _fields(each.folded).get("unreadable")) is not None:
        yield {"id": str(each.id), "field": "(all)", "stored": "…", "folded from the log": plain(unreadable)}
        return
    for field, stored, folded in differing_fields(each.stored, each.folded):
        yield {"id": plain(str(each.id)), "field": field, "stored": stored, "folded from the log": folded}


def differing_fields(*documents: Raw) -> list[list[str]]:
    """The fields in which documents differ, each with its value in each of them as JSON; all of a missing one."""
    decoded = [_fields(document) for document in documents]
    names = {field: None for fields in decoded for field in fields}
    return [
        [plain(field), *(as_json(fields[field]) if field in fields else ABSENT for fields in decoded)]
        for field in names
        if any(field not in fields or fields[field] != decoded[0][field] for fields in decoded)
    ]


def _fields(document: Raw) -> dict[str, Any]:
    """Its fields; none of a missing document, and of what is no object the whole."""
    decoded = msgspec.json.decode(document)
    return decoded if isinstance(decoded, dict) else {} if decoded is None else {"(the document)": decoded}


def show_stopped(name: str, stopped: Stopped) -> None:
    say(f"{name} was stopped: {_first_line(stopped.error)}")
    show_events([stopped.event] if stopped.event else [])


def show_inspected(inspected: Inspected) -> None:
    for compared in inspected.documents:
        _show_document(inspected.id, compared)
    say("")
    for event in inspected.events:
        what = f"{plain(event.type)} by {_actor(event)}"
        say(f"{event.version:>4}  {event.recorded_at}  {what}, position {event.position}")
        output.print(Padding(Text(what_changed(event.data)), (0, 0, 0, 6)))
    say("")
    show(
        {
            "rollup": each.rollup,
            "counts for": ABSENT if each.key is None else plain(each.key),
            "which is now": ABSENT if each.document is None else as_json(each.document),
        }
        for each in inspected.rollups
    )


def _show_document(item: int, compared: Compared) -> None:
    document = _fields(compared.stored)
    say(f"Item {item}, its document in {compared.projection}:" if document else f"Item {item} has no stored document.")
    show({"field": plain(field), "value": as_json(value)} for field, value in document.items())
    say("")
    if compared.equal:
        say("The stored document equals the fold of its events, in Python and in Postgres.")
        return
    say("The stored document and the folds of its events differ.")
    folds = {"folded in Python": compared.folded_in_python, "in Postgres": compared.folded_in_postgres}
    if compared.error:
        say(f"Python cannot fold its events: {plain(compared.error)}")
        del folds["folded in Python"]
    differing = differing_fields(compared.stored, *folds.values())
    show(dict(zip(("field", "stored", *folds), row, strict=True)) for row in differing)
