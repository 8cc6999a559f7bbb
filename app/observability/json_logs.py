"""Write logs as JSON lines for machines, or as text for people.

A JSON line is one object, with its exception. A text record is one line too, so that no request can forge a record.
Neither contains the body of a request. An error's message is cut to its first line, because the further lines of a
database's message may quote rows.
"""

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import msgspec

from app.errors import first_line
from app.visible_text import ascii_safe, visible

ACCESS_LOGGER = logging.getLogger("catalog.access")
FACTS = "facts"
"""The attribute of a log record that holds further members of its object."""


class JsonLines(logging.Formatter):
    """Members: time, level, logger, message, `exception` (type, message, stack, cause), and the record's facts."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _exception_fields(record.exc_info[1])
        return ascii_safe(msgspec.json.encode(line, enc_hook=str).decode())


class TextLines(logging.Formatter):
    """The message is one line. An exception follows in indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        lines = [visible(record.getMessage())]
        if record.exc_info and record.exc_info[1]:
            lines += [f"    {visible(line)}" for line in _exception_lines(record.exc_info[1])]
        return "\n".join(lines)


def _exception_fields(error: BaseException) -> dict[str, Any]:
    stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    cause = _cause_of(error)
    described = {"type": type(error).__qualname__, "message": first_line(error), "stack": stack}
    return described | ({"cause": _exception_fields(cause)} if cause else {})


def _exception_lines(error: BaseException) -> list[str]:
    """The traceback of an error, and before it that of its cause, each with the first line of its message."""
    cause = _cause_of(error)
    earlier = [*_exception_lines(cause), "", "This led to:", ""] if cause else []
    stack = "".join(traceback.format_tb(error.__traceback__)).splitlines()
    last = ": ".join(dict.fromkeys((type(error).__qualname__, first_line(error))))
    return [*earlier, "Traceback (most recent call last):", *stack, last]


def _cause_of(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def log_as_json() -> None:
    """Write all logs of this process to stderr as JSON lines, with one for each request.

    Python's warnings and uncaught exceptions, in any thread, are logged too.
    """
    _configure(JsonLines())
    logging.getLogger("catalog").setLevel(logging.INFO)
    logging.captureWarnings(True)


def log_as_text() -> None:
    """Write all logs of this process to stderr as text, from warnings on, and uncaught exceptions too."""
    _configure(TextLines())


def _configure(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda caught: _log_uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)
    sys.unraisablehook = lambda caught: _log_uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, _: TracebackType | None) -> None:
    if issubclass(kind, SystemExit):
        return
    logging.getLogger("catalog").critical("uncaught exception", exc_info=error or kind())


def is_json() -> bool:
    """Whether this process writes JSON lines."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)
