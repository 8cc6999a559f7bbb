"""Erasing the personal data of a stream leaves the log byte for byte the same, and all folds of it still agree."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.engine.compiler.document_tables import projection_tables
from app.engine.events.personal_data import FieldPath, personal_paths
from app.engine.projection.projection import AnyProjection
from projections.items import Items
from tests.support.appending import METADATA, append
from tests.support.erasure_checks import forget_stream, rows_of, tables_with
from tests.support.fold_checks import assert_one_fold_at_every_instant, group_sizes
from tests.support.history_checks import assert_words, changed_values, folded_documents, stored_documents
from tests.support.random_histories import item_histories, old_toy_histories, toy_histories, unlikely_item_histories
from tests.support.reference_model import empty_catalog, whole_log
from tests.support.toy_aggregate import Toy, Toys

SECRET, NEIGHBOURS = "geheimnis", "nachbarin"


def marked(events: Sequence[Any], mark: str, projection: AnyProjection) -> list[dict[str, Any]]:
    """The events as they are appended, with `mark` in every personal text."""
    found = [msgspec.to_builtins(event) for event in events]
    for event in found:
        for path in personal_paths(projection.registry.types[event["type"]]):
            _mark(event, path, mark)
    return found


def _mark(within: Any, path: FieldPath, mark: str) -> None:
    name, *rest = path
    if not isinstance(within, dict) or name not in within:
        return
    if rest:
        _mark(within[name], tuple(rest), mark)
    elif isinstance(within[name], str):
        within[name] = f"{mark} {within[name]}"
    elif isinstance(within[name], list):
        within[name] = [f"{mark} {each}" for each in within[name]]
    elif isinstance(within[name], dict):
        within[name] = {mark: mark}


def appended(log: psycopg.Connection, events: Sequence[Any], together: Sequence[int]) -> int:
    """Append the events to a new stream, in groups of the sizes `together`; return its id."""
    stream_id, left, sizes = None, list(events), list(together)
    while left:
        size = sizes.pop() if sizes else 1
        stream_id, *_ = append(log, stream_id, left[:size])
        left = left[size:]
    assert stream_id is not None
    return stream_id


def assert_forgets(
    log: psycopg.Connection, projection: AnyProjection, events: Sequence[Any], together: Sequence[int]
) -> None:
    empty_catalog(log)
    neighbour = appended(log, marked(events, NEIGHBOURS, projection), together)
    stream = appended(log, marked(events, SECRET, projection), together)
    in_the_log = rows_of(log, "log")
    tables = ["personal", *(table.name for table in projection_tables(projection))]
    of_others = {table: rows_of(log, table, f"{'stream_' * (table == 'personal')}id = {neighbour}") for table in tables}
    personal = len(rows_of(log, "personal", f"stream_id = {stream}"))
    found = tables_with(log, SECRET)
    assert "log" not in found
    assert found == set() or personal > 0

    assert forget_stream(log, stream) == personal
    assert tables_with(log, SECRET) == set()
    assert rows_of(log, "log") == in_the_log
    for table, rows in of_others.items():
        assert rows_of(log, table, f"{'stream_' * (table == 'personal')}id = {neighbour}") == rows
    log_as_read = "select count(*) from catalog.events natural join catalog.log where stream_id = %s"
    assert log.execute(log_as_read, (stream,)).fetchone() == (len(events),)
    kept = folded_documents(projection, whole_log(log, projection.registry))
    assert stored_documents(log, projection) == kept
    assert_words(log, projection, changed_values(kept, *("name", "description" if projection is Items else "place")))
    for each in (stream, neighbour):
        assert_one_fold_at_every_instant(log, projection, each)
    assert forget_stream(log, stream) == 0


@settings(max_examples=60)
@given(events=item_histories | unlikely_item_histories, together=group_sizes)
def test_a_forgotten_item_reads_alike_everywhere_and_its_text_is_nowhere(
    log: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    assert_forgets(log, Items, events, together)


@settings(max_examples=60)
@given(events=toy_histories | old_toy_histories, together=group_sizes)
def test_so_does_another_aggregate_in_all_shapes_its_events_ever_had(
    log: psycopg.Connection, events: list[Any], together: list[int]
) -> None:
    assert_forgets(log, Toys, events, together)


@settings(max_examples=200)
@given(event=st.one_of(item_histories, toy_histories, old_toy_histories).map(lambda events: events[-1]))
def test_of_any_event_the_log_has_every_name_and_with_what_is_beside_it_all_of_it(
    log: psycopg.Connection, event: Any
) -> None:
    data = msgspec.to_builtins(event)
    kind = data.pop("type")
    query = """
        select form, part, form || coalesce(part, '{}') = data, catalog.redacted_event(%(type)s, form) = form
        from (select %(data)s::jsonb as data, catalog.redacted_event(%(type)s, %(data)s::jsonb) as form,
            catalog.personal_values(%(type)s, %(data)s::jsonb) as part) as split
    """
    given = {"type": kind, "data": msgspec.json.encode(data).decode()}
    form, part, is_whole, is_final = log.execute(query, given).fetchone() or (b"", b"", False, False)
    assert is_whole
    assert is_final
    assert names(msgspec.json.decode(form)) == names(data, msgspec.json.decode(form))
    assert part is not None or msgspec.json.decode(form) == data


def names(found: Any, only_within: Any = None) -> Any:
    """The field names in some JSON, at any depth, except below places where `only_within` has no names."""
    if not isinstance(found, Mapping) or (only_within is not None and not only_within):
        return {} if isinstance(found, Mapping) else None
    return {name: names(each, only_within and only_within[name]) for name, each in found.items()}


@pytest.mark.parametrize(
    ("value", "forgotten"),
    [
        ('"a text"', '"(forgotten)"'),
        ('["u", "v"]', "[]"),
        ("52.52", "53"),
        ("-13.405", "-13"),
        ("null", "null"),
        ('{"a": "text"}', "{}"),
        ("true", "true"),
    ],
)
def test_what_stands_for_a_forgotten_value_goes_by_what_it_is(
    log: psycopg.Connection, value: str, forgotten: str
) -> None:
    assert log.execute("select catalog.redact(%s::jsonb)::text", (value,)).fetchone() == (forgotten,)


def test_an_event_without_anything_personal_has_nothing_beside_the_log(log: psycopg.Connection) -> None:
    empty_catalog(log)
    category = {"category": "tools"}
    events = [
        {"type": "item_status_changed", "old_status": "active", "new_status": "swapped", "reason": None},
        {"type": "item_updated", "changes": category, "previous_values": category},
        {"type": "item_deleted", "reason": None},
        {"type": "item_restored", "status": "active"},
        {"type": "toy_played", "minutes": 3},
        {"type": "of_nobody", "text": "unknown"},
    ]
    append(log, None, events)
    assert rows_of(log, "personal") == []
    stored = log.execute("select data || jsonb_build_object('type', type) from catalog.log order by version").fetchall()
    assert [msgspec.json.decode(data) for (data,) in stored] == events


def test_what_an_import_brings_lies_beside_the_log_too(log: psycopg.Connection) -> None:
    empty_catalog(log)
    events = [{"type": "toy_built", "name": f"{SECRET} {n}", "weight": n, "box": SECRET} for n in range(3)]
    with log.transaction():
        log.execute("create temporary table arriving (event jsonb not null) on commit drop")
        log.cursor().executemany(
            "insert into arriving values (%s)", [(msgspec.json.encode(event).decode(),) for event in events]
        )
        log.execute("select catalog.append_new_streams(%s)", (METADATA,))
    assert "log" not in tables_with(log, SECRET)
    read = log.execute("select data || jsonb_build_object('type', type) from catalog.events order by position")
    assert [msgspec.json.decode(data) for (data,) in read] == events
    for (stream,) in log.execute("select stream_id from catalog.streams").fetchall():
        assert forget_stream(log, stream) == 1
        assert_one_fold_at_every_instant(log, Toys, stream)
    assert tables_with(log, SECRET) == set()


def test_text_under_older_names_and_in_fields_that_are_gone_is_forgotten(log: psycopg.Connection) -> None:
    """An explicit example: the laws above only mark fields that the declaration itself finds."""
    empty_catalog(log)
    by, hue = {"colour": SECRET}, {"hue": SECRET, "smell": SECRET}
    events = [
        {"type": "toy_woven", "name": SECRET, "weight": 3, "loom": SECRET},
        {"type": "toy_mended", "street": SECRET, "50 % \\ 'road'": SECRET, "look": hue, "minutes": 5, "by": by},
        {"type": "toy_printed", "print": {"tag": {"words": SECRET, "size": 1}, "ink": [SECRET]}},
        {"type": "toy_painted", "traits": {"name": SECRET, "colour": "red"}, "weight": 4},
    ]
    stream, *_ = append(log, None, events)
    assert "log" not in tables_with(log, SECRET)
    assert forget_stream(log, stream) == len(events)
    assert tables_with(log, SECRET) == set()
    assert_one_fold_at_every_instant(log, Toys, stream)
    (document,) = log.execute("select document from catalog.toys where id = %s", (stream,)).fetchone() or (b"",)
    toy = msgspec.json.decode(document, type=Toy)
    assert (toy.name, toy.weight, toy.colour) == ("(forgotten)", 4, "red")
