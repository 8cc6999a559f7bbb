"""Print results to stdout and notes to stderr, with every hidden character made visible.

All text that rich renders passes `Printer.render`, so no foreign text can send control sequences to a terminal. No
other module of `app` prints (tests/test_architecture.py).
"""

import logging
import signal
from collections.abc import Iterable

import click
import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from app.observability.json_logs import is_json
from app.visible_text import ascii_safe, visible

logger = logging.getLogger("catalog")

ERROR_CHARACTERS_MAX = 2_000


class Printer(Console):
    """A console that shows hidden characters and ignores markup. Its own styles still reach a terminal."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_lines(segment.text), segment.style)


def _lines(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


output = Printer()
"""For results."""
console = Printer(stderr=True)
"""For notes to people."""


def print_line(sentence: str) -> None:
    """Print a line on stdout."""
    output.print(Text(visible(sentence)), soft_wrap=True)


def print_note(sentence: str) -> None:
    """Print a line on stderr."""
    console.print(Text(visible(sentence)), soft_wrap=True)


def print_error(sentence: str) -> None:
    """Print an error as a line on stderr."""
    console.print(Text.assemble(("catalog:", "bold red"), " ", visible(sentence, ERROR_CHARACTERS_MAX)), soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as a line of JSON on stdout."""
    click.echo(compact_json(value))


def print_text(text: str) -> None:
    """Print a text of our own on stdout, unchanged."""
    click.echo(text, nl=False)


def confirm(question: str) -> None:
    """Ask on stderr. Raises click.Abort unless the answer is yes."""
    click.confirm(visible(question), abort=True, err=True)


def compact_json(value: object) -> str:
    """A value as compact JSON. Stored documents keep their meaning."""
    return ascii_safe(msgspec.json.encode(value).decode())


STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))


def notify_user(sentence: str) -> None:
    """Print a note on stderr; write a log record instead if the logs are JSON."""
    if is_json():
        logger.info(sentence)
        return
    print_note(sentence)
