"""Law 1: Python fold = SQL fold = stored document, at every version, byte for byte as canonical JSON."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.domain.item import ItemState, evolve
from app.engine.compiler.fold import fold_query
from app.engine.projection.projection import Projection
from projections.items import Items
from tests.support.appending import append, history
from tests.support.fold_checks import assert_one_fold, group_sizes
from tests.support.random_histories import item_histories, old_toy_histories, toy_histories, unlikely_item_histories
from tests.support.toy_aggregate import Sightings, ToyBroken, ToyBuilt, ToyPlayed, Toys

EXAMPLES = 1000


@settings(max_examples=EXAMPLES)
@given(events=item_histories, together=group_sizes)
def test_an_item_folds_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    """Also the state for decisions is the same part of the document that `evolve` computes."""
    stream_id = assert_one_fold(log, Items(), events, together)
    state: ItemState | None = None
    for recorded in history(log, stream_id, Items.registry):
        state = evolve(state, recorded)
    (document,) = log.execute("select document from catalog.items where id = %s", (stream_id,)).fetchone() or (b"",)
    assert msgspec.json.decode(document, type=ItemState) == state


@settings(max_examples=EXAMPLES // 4)
@given(events=unlikely_item_histories, together=group_sizes)
def test_histories_that_no_command_leads_to_fold_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    assert_one_fold(log, Items(), events, together)


@settings(max_examples=EXAMPLES // 2)
@given(events=toy_histories, together=group_sizes)
def test_a_projection_with_every_word_of_the_language_folds_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    """The rules have counters, defaults, two initial events, an end and a second start, and ignored events."""
    assert_one_fold(log, Toys(), events, together)


@settings(max_examples=EXAMPLES // 2)
@given(events=old_toy_histories, together=group_sizes)
def test_events_of_older_shapes_fold_to_the_same_document_everywhere(
    log: psycopg.Connection, events: list[Any], together: list[int]
) -> None:
    """Fields are renamed, defaulted and dropped, also in nested structs, beside events of the current shape."""
    assert_one_fold(log, Toys(), events, together)


@settings(max_examples=EXAMPLES // 2)
@given(events=toy_histories, data=st.data())
def test_events_left_out_of_a_stream_leave_the_others_fold_as_it_is(
    log: psycopg.Connection, events: list[Struct], data: st.DataObject
) -> None:
    """The fold ignores a skipped event anywhere in its stream; the rest need not be a prefix."""
    left_out = data.draw(st.sets(st.integers(1, len(events)), max_size=3))
    stream_id, *_ = append(log, None, events)
    kept = [recorded for recorded in history(log, stream_id, Toys.registry) if recorded.version not in left_out]
    query = fold_query(Toys, "stream_id = @stream and version <> all (@left_out)").replace("%", "%%")
    query = query.replace("@stream", "%(stream)s").replace("@left_out", "%(left_out)s")
    row = log.execute(query.encode(), {"stream": stream_id, "left_out": list(left_out)}).fetchone()
    in_sql = None if row is None else bytes(row[3])
    assert Toys().canonical_json(in_sql) == Toys().canonical_json(Toys().fold(kept))


@settings(max_examples=50)
@given(events=toy_histories)
def test_a_fold_leaves_the_document_it_starts_from_unchanged(log: psycopg.Connection, events: list[Struct]) -> None:
    stream_id, *_ = append(log, None, events)
    recorded = history(log, stream_id, Toys.registry)
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


def test_a_rebuild_that_races_with_appends_loses_nothing(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [ToyBuilt(name="duck", weight=3, box="red")])
    plays = 300

    def play() -> None:
        with psycopg.connect(log.info.dsn, autocommit=True) as connection:
            for _ in range(plays):
                append(connection, stream_id, [ToyPlayed(minutes=1)])

    def rebuild() -> list[bool]:
        with psycopg.connect(log.info.dsn, autocommit=True) as connection:
            query = "select changed from catalog.rebuild_document('toys', %s)"
            return [connection.execute(query, (stream_id,)).fetchone() == (True,) for _ in range(plays)]

    with ThreadPoolExecutor(3) as pool:
        players = [pool.submit(play), pool.submit(play)]
        changed = pool.submit(rebuild)
        for player in players:
            player.result()
    assert not any(changed.result())
    query = "select version, (document ->> 'times_played')::int from catalog.toys where id = %s"
    assert log.execute(query, (stream_id,)).fetchone() == (1 + 2 * plays, 2 * plays)
