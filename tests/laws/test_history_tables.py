"""Every replaced document is stored once, with both bounds of its validity, and a rebuild writes the same rows."""

import asyncio
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings

from app.domain.events import ItemChanges, ItemUpdated
from app.engine.background.rebuild import rebuild
from app.engine.background.verify import verify
from app.engine.projection.projection import AnyProjection
from projections.items import Items
from tests.support.appending import append
from tests.support.history_checks import (
    all_rows,
    assert_rebuild_changes_nothing,
    assert_words,
    changed_values,
    folded_documents,
    stored_documents,
)
from tests.support.random_histories import many_items, many_toys
from tests.support.reference_model import append_steps, empty_catalog, whole_log
from tests.support.toy_aggregate import ToyBroken, ToyBuilt, ToyPainted, ToyPlayed, Toys, ToySeen, ToyTraits
from tests.support.workload import SPADE, SWAPPED


@settings(max_examples=25)
@given(steps=many_items)
def test_of_items_all_that_was_replaced_is_kept_and_a_rebuild_keeps_the_same(
    log: psycopg.Connection, steps: list[Any]
) -> None:
    empty_catalog(log)
    append_steps(log, steps)
    kept = folded_documents(Items, whole_log(log, Items.registry))
    assert stored_documents(log, Items) == kept
    assert_words(log, Items, changed_values(kept, "name", "description"))
    places = log.execute("select id, since, place[1], place[0] from catalog.items_places order by 1, 2").fetchall()
    assert places == changed_values(kept, "location_lat", "location_lon")
    assert_rebuild_changes_nothing(log, Items)


@settings(max_examples=25)
@given(steps=many_toys)
def test_of_toys_that_end_and_begin_again_all_that_was_replaced_is_kept_and_a_rebuild_keeps_the_same(
    log: psycopg.Connection, steps: list[Any]
) -> None:
    empty_catalog(log)
    append_steps(log, steps)
    kept = folded_documents(Toys, whole_log(log, Toys.registry))
    assert stored_documents(log, Toys) == kept
    assert_words(log, Toys, changed_values(kept, "name", "place"))
    assert_rebuild_changes_nothing(log, Toys)


def test_of_a_toy_that_broke_the_bounds_are_the_events_and_what_is_ignored_only_counts(log: psycopg.Connection) -> None:
    """The law above as one example to read."""
    empty_catalog(log)
    duck = ToyBuilt(name="duck", weight=3, box="red")
    stream, *_ = append(log, None, [ToyPlayed(minutes=1), duck, ToySeen(by="ann"), ToyPlayed(minutes=5)])
    append(log, stream, [ToyBroken(), ToyPlayed(minutes=9), duck, ToySeen(by="bob")])
    at = [row[0] for row in log.execute("select recorded_at from catalog.events order by version").fetchall()]
    kept = [(version, start, end) for _, version, start, end, _ in stored_documents(log, Toys)]
    assert kept == [(3, at[1], at[3]), (4, at[3], at[4]), (8, at[6], None)]
    assert log.execute("select words from catalog.toys_words").fetchall() == [(["duck", "home"],)]


CORRUPTIONS = [
    'update catalog.{0} set document = document || \'{{"name": "x"}}\' where id = 1',
    "update catalog.{0} set version = 77 where id = 1",
    "update catalog.{0} set valid_from = valid_from - interval '1 microsecond' where id = 1",
    "delete from catalog.{0} where id = 1",
    "insert into catalog.{0} select 9, version, valid_from, document from catalog.{0} where id = 1",
    'update catalog.{0}_history set document = document || \'{{"name": "x"}}\' where id = 1 and version = 1',
    "update catalog.{0}_history set version = 77 where id = 1 and version = 1",
    "update catalog.{0}_history set valid_to = valid_to + interval '1 microsecond' where id = 1 and version = 1",
    "delete from catalog.{0}_history where id = 1 and version = 1",
    "insert into catalog.{0}_history select id, 77, valid_from, now(), document from catalog.{0} where id = 1",
    "insert into catalog.{0}_history select id, 77, valid_from, valid_to - interval '1 microsecond', document"
    " from catalog.{0}_history where id = 1 and version = 1",
    "insert into catalog.{0}_history select 9, 1, valid_from, now(), document from catalog.{0} where id = 1",
    "update catalog.{0}_words set words = '{{x}}' where id = 1",
    "delete from catalog.{0}_words where id = 1",
    "insert into catalog.{0}_words select 9, words from catalog.{0}_words where id = 1",
    "update catalog.items_places set place = '(0,0)' where id = 1",
    "delete from catalog.items_places where id = 1",
    "insert into catalog.items_places select id, now(), place from catalog.items_places where id = 1 limit 1",
    "insert into catalog.items_places select 9, since, place from catalog.items_places where id = 1 limit 1",
]


def differing(log: psycopg.Connection, projection: AnyProjection) -> list[Any]:
    """The streams in which `verify` finds a mismatch."""
    return sorted({each.id for each in asyncio.run(verify(log.info.dsn, projection)).differing})


@pytest.mark.parametrize(
    ("projection", "corruption"),
    [*((Items, each) for each in CORRUPTIONS), *((Toys, each) for each in CORRUPTIONS if "places" not in each)],
)
def test_what_is_not_as_the_log_says_is_healed_by_a_rebuild_of_the_document_and_by_one_of_all(
    log: psycopg.Connection, projection: AnyProjection, corruption: str
) -> None:
    empty_catalog(log)
    if projection is Items:
        renamed = ItemUpdated(changes=ItemChanges(name="Rake", location_lat=1.5), previous_values=ItemChanges())
        events: list[Any] = [SPADE, renamed, SWAPPED]
    else:
        painted = ToyPainted(traits=ToyTraits(name="goose"), weight=2)
        events = [ToyBuilt(name="duck", weight=3, box="red"), painted, ToyPlayed(minutes=5)]
    append(log, None, events)
    append(log, None, events)
    right = all_rows(log, projection)
    statement = corruption.format(projection.name).encode()
    heal = "select changed from catalog.rebuild_document(%s, %s)"

    assert log.execute(statement).rowcount > 0
    assert all_rows(log, projection) != right
    assert differing(log, projection) == [9 if "select 9" in corruption else 1], "verify names it"
    surplus = "select 9" in corruption
    healed = [log.execute(heal, (projection.name, stream)).fetchone() for stream in (1, 9, 1, 9, 2)]
    assert healed == [(not surplus,), (surplus,), (False,), (False,), (False,)]
    assert all_rows(log, projection) == right
    assert differing(log, projection) == []

    log.execute(statement)
    asyncio.run(rebuild(log.info.dsn, projection))
    assert all_rows(log, projection) == right
