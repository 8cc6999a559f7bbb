"""Law 1: Python fold = SQL fold = stored document, at every version, byte for byte as canonical JSON."""

from typing import Any

import msgspec
import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.item import Item, evolve
from app.projection import Projection
from projections.items import Items
from tests.histories import item_histories, toy_histories, unlikely_item_histories
from tests.log import append, history
from tests.toys import Sightings, ToyBroken, ToyBuilt, Toys

EXAMPLES = 1000


def assert_one_fold(
    log: psycopg.Connection, projection: Projection[Any, Any], events: list[Any], together: list[int]
) -> int:
    """Append `events` in groups of the sizes `together`; compare the three folds at every version."""
    stream_id: int | None = None
    stored: dict[int, bytes] = {}
    left = list(events)
    while left:
        size = together.pop() if together else 1
        group, left = left[:size], left[size:]
        stream_id, version, _, _, documents = append(log, stream_id, group)
        stored[version] = projection.canonical_json(bytes(documents[projection.name]))
    assert stream_id is not None
    recorded = history(log, stream_id, projection.tags)
    in_sql = {
        version: projection.canonical_json(document)
        for version, document in log.execute(
            f"select n, folded.document from generate_series(1, %s) n"
            f" left join lateral catalog.fold_{projection.name}(%s, p_version => n) as folded on true",
            (len(events), stream_id),
        )
    }
    for version in range(1, len(events) + 1):
        in_python = projection.canonical_json(projection.fold(recorded[:version]))
        assert in_sql[version] == in_python
        assert stored.get(version, in_python) == in_python
    assert_current(log, projection, stream_id, in_sql[len(events)])
    return stream_id


def assert_current(log: psycopg.Connection, projection: Projection[Any, Any], stream_id: int, expected: bytes) -> None:
    """The table holds what the fold says, and folding it anew finds nothing to change."""
    row = log.execute(f"select document from catalog.{projection.name} where id = %s", (stream_id,)).fetchone()
    assert projection.canonical_json(row[0] if row else None) == expected
    rebuilt = log.execute("select changed from catalog.rebuild_document(%s, %s)", (projection.name, stream_id))
    assert rebuilt.fetchone() == (False,)


groups = st.lists(st.integers(1, 4), max_size=5)


@settings(max_examples=EXAMPLES, deadline=None)
@given(events=item_histories, together=groups)
def test_an_item_folds_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    """… and the state that decisions are made on is the part of it that `evolve` would give."""
    stream_id = assert_one_fold(log, Items(), events, together)
    state: Item | None = None
    for recorded in history(log, stream_id, Items.tags):
        state = evolve(state, recorded)
    (document,) = log.execute("select document from catalog.items where id = %s", (stream_id,)).fetchone() or (b"",)
    assert msgspec.json.decode(document, type=Item) == state


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(events=unlikely_item_histories, together=groups)
def test_histories_that_no_command_leads_to_fold_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    assert_one_fold(log, Items(), events, together)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(events=toy_histories, together=groups)
def test_a_projection_with_every_word_of_the_language_folds_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    """Counters, defaults, two ways to start, an end and another start, ignored events."""
    assert_one_fold(log, Toys(), events, together)


@settings(max_examples=50, deadline=None)
@given(events=toy_histories)
def test_a_fold_leaves_the_document_it_starts_from_unchanged(log: psycopg.Connection, events: list[Struct]) -> None:
    stream_id, *_ = append(log, None, events)
    recorded = history(log, stream_id, Toys.tags)
    projections: list[Projection[Any, Any]] = [Toys(), Sightings()]
    for projection in projections:
        for version in range(len(events)):
            before = projection.fold(recorded[:version])
            as_it_was = projection.canonical_json(before)
            after = projection.fold(recorded[version:], before)
            assert projection.canonical_json(before) == as_it_was
            assert after == projection.fold(recorded)


def test_a_wrong_document_is_healed_by_a_rebuild(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [ToyBuilt(name="duck", weight=3, box="red")])
    log.execute('update catalog.toys set document = document || \'{"name": "goose"}\' where id = %s', (stream_id,))
    query = "select changed, document ->> 'name' from catalog.rebuild_document('toys', %s)"
    assert log.execute(query, (stream_id,)).fetchone() == (True, "duck")
    assert log.execute(query, (stream_id,)).fetchone() == (False, "duck")
    log.execute("delete from catalog.toys where id = %s", (stream_id,))
    assert log.execute(query, (stream_id,)).fetchone() == (True, "duck")


def test_a_document_that_should_not_be_is_taken_away_by_a_rebuild(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [ToyBuilt(name="duck", weight=3, box="red"), ToyBroken()])
    log.execute("insert into catalog.toys values (%s, 1, now(), '{}')", (stream_id,))
    query = "select changed, document from catalog.rebuild_document('toys', %s)"
    assert log.execute(query, (stream_id,)).fetchone() == (True, None)
    assert log.execute("select count(*) from catalog.toys where id = %s", (stream_id,)).fetchone() == (0,)


def test_a_wrong_version_beside_a_right_document_is_told_and_healed(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [ToyBuilt(name="duck", weight=3, box="red")])
    query = "select changed, version from catalog.rebuild_document('toys', %s)"
    for wrong in ("version = 40", "valid_from = now()"):
        log.execute(f"update catalog.toys set {wrong} where id = %s", (stream_id,))
        assert log.execute(query, (stream_id,)).fetchone() == (True, 1)
        assert log.execute(query, (stream_id,)).fetchone() == (False, 1)
