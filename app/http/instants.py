"""Instants as clients write them: RFC 3339, lenient where old clients and browsers are, strict everywhere else."""

import re
from datetime import UTC, datetime

from app.errors import Malformed

INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<time>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+\- ](?:[01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)
LONGEST = 64


def parse_instant(text: str) -> datetime:
    """The instant in UTC. Without an offset it is UTC; a date is its first moment; a space before an offset was a `+`.

    Raises Malformed with the reason. Whether it is in the future only the database can tell: see app/http/past.py.
    """
    if len(text) > LONGEST:
        raise Malformed(f"An instant has at most {LONGEST} characters; write it as 2026-01-15T10:30:00Z.")
    match = INSTANT.fullmatch(text)
    if match is None:
        raise Malformed(f"{text!r} is not an instant; write it as 2026-01-15T10:30:00Z.")
    time, fraction, offset = match["time"] or "00:00:00", match["fraction"] or "0", match["offset"] or "Z"
    normal = f"{match['date']}T{time}.{fraction[:6]:0<6}{offset.replace(' ', '+').upper()}"
    try:
        return datetime.fromisoformat(normal).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{text!r} is not an instant: {error}.") from None
