"""`recorded_at` is the database's clock at the append; it grows within a stream, and never falls below the mark."""

from datetime import UTC, datetime

import psycopg
import pytest

from tests.support.appending import append, history
from tests.support.toy_aggregate import ToyBuilt, ToyPlayed, Toys

DUCK = ToyBuilt(name="duck", weight=3, box="red")


def test_events_appended_together_are_a_microsecond_apart(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [DUCK, ToyPlayed(minutes=1), ToyPlayed(minutes=1)])
    instants = [each.recorded_at for each in history(log, stream_id, Toys.registry)]
    assert [(later - instants[0]).microseconds for later in instants] == [0, 1, 2]


def test_it_is_the_clock_and_not_the_start_of_the_transaction(log: psycopg.Connection) -> None:
    with log.transaction():
        stream_id, _, _, first, _ = append(log, None, [DUCK])
        (between,) = log.execute("select clock_timestamp()").fetchone() or (None,)
        _, _, _, second, _ = append(log, stream_id, [ToyPlayed(minutes=1)])
    assert between is not None
    assert first < between < second


def test_it_grows_within_a_stream_even_when_the_clock_has_stepped_back(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [DUCK])
    ahead = """
        update catalog.streams set recorded_at = recorded_at + interval '1 hour'
        where stream_id = %s returning recorded_at
        """
    (last,) = log.execute(ahead, (stream_id,)).fetchone() or (None,)
    _, _, _, recorded_at, _ = append(log, stream_id, [ToyPlayed(minutes=1), ToyPlayed(minutes=2)])
    instants = [each.recorded_at for each in history(log, stream_id, Toys.registry)]
    assert instants[1] > last
    assert instants == sorted(set(instants))
    assert recorded_at == instants[-1]


def test_nothing_is_recorded_at_or_before_an_instant_that_is_settled(log: psycopg.Connection) -> None:
    settle = "update catalog.settled set noted_instant = clock_timestamp() + interval '1 hour' returning noted_instant"
    earlier, *_ = append(log, None, [DUCK])
    with log.transaction(force_rollback=True):
        (settled,) = log.execute(settle).fetchone() or (None,)
        stream_id, _, _, first, _ = append(log, None, [DUCK])
        _, _, _, second, _ = append(log, stream_id, [ToyPlayed(minutes=1)])
        _, _, _, of_an_earlier_stream, _ = append(log, earlier, [ToyPlayed(minutes=1)])
        assert settled is not None
        assert settled < first < second
        assert settled < of_an_earlier_stream


def test_an_event_id_is_a_uuid_of_version_7_that_begins_with_the_instant(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [DUCK])
    (event,) = history(log, stream_id, Toys.registry)
    assert event.event_id.version == 7
    assert event.event_id.variant == "specified in RFC 4122"
    milliseconds = event.recorded_at.timestamp() * 1000
    assert abs((event.event_id.int >> 80) - milliseconds) <= 1


@pytest.mark.parametrize("fraction", ["000000", "000999", "123499", "123500", "999999"])
def test_an_event_id_has_the_milliseconds_that_have_passed_and_not_the_next_ones(
    log: psycopg.Connection, fraction: str
) -> None:
    row = log.execute("select catalog.uuid_v7(%s::timestamptz)", (f"2026-01-15 10:30:00.{fraction}+00",)).fetchone()
    assert row is not None
    second = int(datetime(2026, 1, 15, 10, 30, tzinfo=UTC).timestamp())
    assert row[0].int >> 80 == second * 1000 + int(fraction[:3])
