"""Everything that console commands print: answers to stdout, words about them to stderr, and no foreign text raw.

Whatever rich renders goes through `Printer.render`, so that a text that was forgotten still writes nothing to a
terminal. Nothing else in `app` prints (tests/test_architecture.py).
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

LONGEST_COMPLAINT = 2_000


class Printer(Console):
    """A console without markup, on which hidden characters are visible; its own styles still reach a terminal."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_lines(segment.text), segment.style)


def _lines(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


output = Printer()
"""Answers."""
console = Printer(stderr=True)
"""Words for people."""


def print_line(sentence: str) -> None:
    """A line on stdout."""
    output.print(Text(visible(sentence)), soft_wrap=True)


def print_note(sentence: str) -> None:
    """A line on stderr."""
    console.print(Text(visible(sentence)), soft_wrap=True)


def print_error(sentence: str) -> None:
    """A line on stderr, that something went wrong."""
    console.print(Text.assemble(("catalog:", "bold red"), " ", visible(sentence, LONGEST_COMPLAINT)), soft_wrap=True)


def print_json(value: object) -> None:
    """A line of JSON on stdout."""
    click.echo(compact_json(value))


def print_text(text: str) -> None:
    """A text of our own on stdout, as it stands."""
    click.echo(text, nl=False)


def confirm(question: str) -> None:
    """Ask on stderr. Raises click.Abort unless the answer is yes."""
    click.confirm(visible(question), abort=True, err=True)


def compact_json(value: object) -> str:
    """Compact JSON; a document's own bytes mean what they meant."""
    return ascii_safe(msgspec.json.encode(value).decode())


STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))


def notify_user(sentence: str) -> None:
    """What people may want to know beside the answer; on stderr, or a record where logs are for machines."""
    if is_json():
        logger.info(sentence)
        return
    print_note(sentence)
