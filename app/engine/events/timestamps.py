"""Instants as text: RFC 3339, in UTC."""

from datetime import datetime

import msgspec


def rfc3339(instant: datetime) -> str:
    """An instant in UTC as documents hold it, with six digits of a second; `catalog.rfc3339` does the same in SQL."""
    return f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}"


def shortest_rfc3339(instant: datetime) -> str:
    """An instant as answers in JSON hold it: a whole second has no fraction."""
    return str(msgspec.to_builtins(instant))
