"""Logs as JSON lines, for machines: one object a line, an exception in it, and never what a client sent in a body.
And as text for people: one line each as well, so that no request can forge one.

A database's message is cut to its first line: what follows may quote rows.
"""

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import msgspec

from app.visible_text import ascii_safe, visible

ACCESS_LOGGER = logging.getLogger("catalog.access")
FACTS = "facts"
"""The attribute of a log record that holds further members of its object."""


class JsonLines(logging.Formatter):
    """time, level, logger, message; `exception` with type, message and stack; and the record's facts."""

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
    """The message in one line; an exception in further ones, all of them indented."""

    def format(self, record: logging.LogRecord) -> str:
        lines = [visible(record.getMessage())]
        if record.exc_info and record.exc_info[1]:
            trace = "".join(traceback.format_exception(record.exc_info[1]))
            lines += [f"    {visible(line)}" for line in trace.rstrip().split("\n")]
        return "\n".join(lines)


def _exception_fields(error: BaseException) -> dict[str, Any]:
    first, *_ = str(error).splitlines() or [""]
    stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    described = {"type": type(error).__qualname__, "message": first, "stack": stack}
    return described | ({"cause": _exception_fields(cause)} if cause else {})


def log_as_json() -> None:
    """All loggers of this process write JSON lines to stderr, a line for each request among them; and so do warnings
    of Python and what nobody has caught, in any thread."""
    _configure(JsonLines())
    logging.getLogger("catalog").setLevel(logging.INFO)
    logging.captureWarnings(True)


def log_as_text() -> None:
    """All loggers of this process write text to stderr, from warnings on; and so does what nobody has caught."""
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
    logging.getLogger("catalog").critical("nobody caught this", exc_info=error or kind())


def is_json() -> bool:
    """Whether this process was told to write JSON lines."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)
