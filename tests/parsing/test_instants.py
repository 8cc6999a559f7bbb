"""Instants in parameters: what is taken, to the microsecond, and what is said of those that are not."""

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Malformed
from app.parsing.instants import parse_instant

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-15T12:00:00Z", NOON),
        ("2026-01-15t12:00:00z", NOON),
        ("2026-01-15 12:00:00", NOON),
        ("2026-01-15T12:00:00-00:00", NOON),
        ("2026-01-16T11:59:00+23:59", NOON),
        ("2026-01-14T12:01:00-23:59", NOON),
        ("2026-01-15T17:45:00 05:45", NOON),
        ("2026-01-15T12:00:00.1Z", NOON + timedelta(microseconds=100_000)),
        ("2026-01-15T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456)),
        ("2026-01-15T11:59:59.9999999Z", NOON - timedelta(microseconds=1)),
        ("2026-01-15", NOON.replace(hour=0)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("0001-01-01T01:00:00+01:00", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_what_rfc_3339_knows_is_taken(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


def test_an_instant_of_64_characters_is_taken_and_one_of_65_is_not() -> None:
    assert parse_instant(f"2026-01-15T12:00:00.{'0' * 43}Z") == NOON
    with pytest.raises(Malformed, match="at most 64 characters"):
        parse_instant(f"2026-01-15T12:00:00.{'0' * 44}Z")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "2026-06-30T23:59:60Z",
            "cannot be read as an instant: it has a leap second, which this service does not know; use 23:59:59.",
        ),
        (
            "2016-12-31t23:59:60.5z",
            "cannot be read as an instant: it has a leap second, which this service does not know; use 23:59:59.",
        ),
        (
            "2015-06-30T20:59:60-03:00",
            "cannot be read as an instant: it has a leap second, which this service does not know; use 20:59:59.",
        ),
        (
            "2015-07-01 05:44:60 05:45",
            "cannot be read as an instant: it has a leap second, which this service does not know; use 05:44:59.",
        ),
        (
            "2016-12-31T23:59:60",
            "cannot be read as an instant: it has a leap second, which this service does not know; use 23:59:59.",
        ),
        (
            "2026-01-15T24:00:00Z",
            "cannot be read as an instant: it has the hour 24; write midnight as 00:00:00 of the next day.",
        ),
        (
            "2026-01-15T24:00:00",
            "cannot be read as an instant: it has the hour 24; write midnight as 00:00:00 of the next day.",
        ),
        (
            "2026-01-15T12:00:00,5Z",
            "cannot be read as an instant: it has a comma before the fraction of the second; write a point.",
        ),
        (
            "2026-01-15T12:00Z",
            "cannot be read as an instant: it has no seconds; write hours, minutes and seconds, such as 10:30:00.",
        ),
        (
            "2026-01-15 12:00",
            "cannot be read as an instant: it has no seconds; write hours, minutes and seconds, such as 10:30:00.",
        ),
        *(
            (
                f"2026-01-15T12:00:00{offset}",
                "cannot be read as an instant: it has an offset that is none; write hours and minutes",
            )
            for offset in ("+24:00", "-24:00", "+0100", "+01", "+1:00", "+01:60", " 24:00", "+")
        ),
        ("0000-01-01T00:00:00Z", "cannot be read as an instant: it lies outside the years 0001 to 9999 in UTC."),
        ("0000-12-31", "cannot be read as an instant: it lies outside the years 0001 to 9999 in UTC."),
        ("0001-01-01T00:00:00+00:01", "cannot be read as an instant: it lies outside the years 0001 to 9999 in UTC."),
        ("9999-12-31T23:59:59-00:01", "cannot be read as an instant: it lies outside the years 0001 to 9999 in UTC."),
        ("2026-02-29", "is not an instant: day is out of range for month."),
        ("2026-13-01", "is not an instant: month must be in 1..12."),
        ("2026-01-15T12:60:00Z", "is not an instant: minute must be in 0..59."),
        ("2026-01-15T12:00:61Z", "is not an instant: second must be in 0..59."),
        ("2026-01-15T12:00:00.Z", "is not an instant; write it as 2026-01-15T10:30:00Z."),
        ("2026-01-15T25:00:00Z", "is not an instant; write it as 2026-01-15T10:30:00Z."),
        ("20260115T120000Z", "is not an instant; write it as 2026-01-15T10:30:00Z."),
        ("", "is not an instant; write it as 2026-01-15T10:30:00Z."),
    ],
)
def test_what_is_refused_is_told_why(text: str, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_instant(text)
    assert refused.value.detail.startswith(f"{text!r} {said}")
