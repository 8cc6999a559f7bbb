"""Law 3 for one item: the answer as of T is the answer from only the events with `recorded_at <= T`."""

from datetime import UTC, datetime, timedelta

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from projections.items import Items
from tests.support.appending import append, history
from tests.support.random_histories import item_histories

MICROSECOND = timedelta(microseconds=1)


@settings(max_examples=250)
@given(events=item_histories, together=st.booleans(), elsewhere=st.timedeltas(timedelta(-9), timedelta(9)))
def test_an_item_as_of_an_instant_is_folded_from_its_events_until_then(
    log: psycopg.Connection, events: list[Struct], together: bool, elsewhere: timedelta
) -> None:
    """The instants are at, just before and just after every event, and anywhere; also between events of one append."""
    stream_id, *_ = append(log, None, events if together else events[:1])
    for event in events[1:] if not together else []:
        append(log, stream_id, [event])
    projection = Items()
    recorded = history(log, stream_id, Items.registry)
    instants = [each.recorded_at + shift for each in recorded for shift in (-MICROSECOND, 0 * MICROSECOND, MICROSECOND)]
    for instant in [*instants, recorded[0].recorded_at + elsewhere, datetime(1, 1, 1, tzinfo=UTC)]:
        row = log.execute(
            "select version, valid_from, document from catalog.fold_items(%s, %s)", (stream_id, instant)
        ).fetchone()
        until = [each for each in recorded if each.recorded_at <= instant]
        assert projection.canonical_json(row[2] if row else None) == projection.canonical_json(projection.fold(until))
        assert (row[:2] if row else None) == ((until[-1].version, until[-1].recorded_at) if until else None)


@settings(max_examples=50)
@given(before=item_histories, after=item_histories)
def test_the_past_does_not_change_when_more_happens(
    log: psycopg.Connection, before: list[Struct], after: list[Struct]
) -> None:
    stream_id, _, _, recorded_at, _ = append(log, None, before)
    query = "select document from catalog.fold_items(%s, %s)"
    as_it_was = log.execute(query, (stream_id, recorded_at)).fetchone()
    append(log, stream_id, after[1:] or after)
    assert log.execute(query, (stream_id, recorded_at)).fetchone() == as_it_was
