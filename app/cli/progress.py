"""The progress of a long command, on stderr: a bar in a terminal, elsewhere a line every two seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from msgspec import Struct
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as ProgressBar

from app.terminal import console, print_note

LINE_EVERY_SECONDS = 2.0


class Progress(Struct, frozen=True, kw_only=True):
    """How far a command is."""

    text: str
    phase: str
    """Each phase has a bar of its own, and its first line is printed at once."""
    done: int = 0
    total: int | None = None
    """None if it is unknown."""


OnProgress = Callable[[Progress], None]


@contextmanager
def progress_reporter() -> Iterator[OnProgress]:
    if not console.is_terminal:
        yield progress_lines()
        return
    columns = BarColumn(), TextColumn("{task.description}", markup=False)
    with ProgressBar(*columns, console=console, transient=True) as bar:
        yield _update_bar(bar)


def progress_lines(phase: str = "") -> OnProgress:
    """Print a line every two seconds, and one for each new phase after `phase`."""
    printed_at = monotonic()

    def report(progress: Progress) -> None:
        nonlocal printed_at, phase
        if progress.phase != phase or monotonic() >= printed_at + LINE_EVERY_SECONDS:
            printed_at, phase = monotonic(), progress.phase
            print_note(progress.text)

    return report


def _update_bar(bar: ProgressBar) -> OnProgress:
    phase, task = "", bar.add_task("", total=None)

    def report(progress: Progress) -> None:
        nonlocal phase, task
        if progress.phase != phase:  # a bar with a total cannot lose it
            bar.remove_task(task)
            phase, task = progress.phase, bar.add_task("", total=progress.total)
        bar.update(task, completed=progress.done, total=progress.total, description=progress.text)

    return report
