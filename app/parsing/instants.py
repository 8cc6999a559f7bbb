"""Parse instants in RFC 3339: lenient where old clients and browsers need it, strict everywhere else."""

import re
from datetime import UTC, datetime

from app.errors import Malformed

OFFSET = r"(?:[01]\d|2[0-3]):[0-5]\d"
INSTANT_PATTERN = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<time>(?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(?P<fraction>\d+))?"
    rf"(?P<offset>[Zz]|[+\- ]{OFFSET})?)?",
    re.ASCII,
)
LONGEST = 64
UNREADABLE_INSTANT = "cannot be read as an instant: it"
HOW_TO_WRITE = "is not an instant; write it as 2026-01-15T10:30:00Z"
OUT_OF_RANGE = "lies outside the years 0001 to 9999 in UTC"

MISTAKES = tuple(
    (re.compile(pattern, re.ASCII), reason)
    for pattern, reason in (
        (r"\S{10}[Tt ](\d\d:\d\d):60(?!\d).*", r"has a leap second, which this service does not know; use \1:59"),
        (r"\S{10}[Tt ]24(?!\d).*", "has the hour 24; write midnight as 00:00:00 of the next day"),
        (r"\S{10}[Tt ]\d\d:\d\d:\d\d,.*", "has a comma before the fraction of the second; write a point"),
        (r"\S{10}[Tt ]\d\d:\d\d(?!:).*", "has no seconds; write hours, minutes and seconds, such as 10:30:00"),
        (
            rf"\S{{10}}[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?[+\- ](?!{OFFSET}$).*",
            "has an offset that is none; write hours and minutes, such as +01:00, of less than a day",
        ),
        (r"0000-.*", OUT_OF_RANGE),
    )
)
"""Texts that are nearly an instant, some of them valid in ISO 8601 or RFC 3339, and what is wrong with each."""


def parse_instant(text: str) -> datetime:
    """The instant in UTC. Raises Malformed with the reason.

    Without an offset the text is in UTC. A date alone is its first moment. A space before an offset was a `+` in the
    URL. A fraction is cut to microseconds. Only the database knows whether an instant is in the future: see
    app/http/wire/time_parameters.py.
    """
    if len(text) > LONGEST:
        raise Malformed(f"An instant has at most {LONGEST} characters; write it as 2026-01-15T10:30:00Z.")
    match = INSTANT_PATTERN.fullmatch(text)
    if match is None:
        raise Malformed(f"{text!r} {_explain_mistake(text) or HOW_TO_WRITE}.")
    time, fraction, offset = match["time"] or "00:00:00", match["fraction"] or "0", match["offset"] or "Z"
    normal = f"{match['date']}T{time}.{fraction[:6]:0<6}{offset.replace(' ', '+').upper()}"
    try:
        return datetime.fromisoformat(normal).astimezone(UTC)
    except OverflowError:
        raise Malformed(f"{text!r} {UNREADABLE_INSTANT} {OUT_OF_RANGE}.") from None
    except ValueError as error:
        raise Malformed(f"{text!r} {_explain_mistake(text) or f'is not an instant: {error}'}.") from None


def _explain_mistake(text: str) -> str | None:
    found = ((pattern.fullmatch(text), reason) for pattern, reason in MISTAKES)
    return next((f"{UNREADABLE_INSTANT} {match.expand(reason)}" for match, reason in found if match), None)
