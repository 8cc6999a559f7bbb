"""Laws 2 and 4: a rebuild changes nothing, and the background applies every event exactly once."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from app.domain.events import ItemChanges, ItemUpdated
from app.engine.background.checkpoints import register
from app.engine.background.rebuild import rebuild
from app.engine.background.verify import verify
from app.engine.projection.rollup import AnyReadModel, Rollup, counts, earliest, keyed, latest
from app.main import PROJECTIONS
from app.schema import migrate, schema_of
from projections.items import Item, Items
from tests.support.appending import append
from tests.support.every_event import all_labels
from tests.support.held_rebuild import WAITING_BATCHES
from tests.support.operator_commands import fetch_value
from tests.support.phase_writer import PhaseWriter
from tests.support.random_histories import item_histories
from tests.support.read_model_checks import assert_read_models
from tests.support.workload import SPADE, audit, catch_up_all, not_applied_once, some_change, until


def differing(conninfo: str, read_model: AnyReadModel) -> list[Any]:
    return asyncio.run(verify(conninfo, read_model)).differing


def stored(connection: psycopg.Connection) -> list[Any]:
    """Every document of every read model."""
    tables = [connection.execute(f"select * from catalog.{each.name} order by 1").fetchall() for each in PROJECTIONS]
    return [*tables]


few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(histories=st.lists(item_histories, min_size=1, max_size=5), batch=st.integers(1, 7), again=item_histories)
def test_rollups_equal_the_fold_of_all_documents_whatever_the_batches(
    connection: psycopg.Connection, histories: list[Any], batch: int, again: Any
) -> None:
    conninfo = connection.info.dsn
    streams = [append(connection, None, history)[0] for history in histories]
    asyncio.run(catch_up_all(conninfo, batch))
    append(connection, streams[0], again[1:] or again)
    assert [differing(conninfo, each) for each in PROJECTIONS] == [[]] * len(PROJECTIONS)
    asyncio.run(catch_up_all(conninfo, batch))
    assert [differing(conninfo, each) for each in PROJECTIONS] == [[]] * len(PROJECTIONS)


@settings(few, max_examples=8)
@given(histories=st.lists(item_histories, min_size=5, max_size=12))
def test_a_rebuild_changes_nothing(connection: psycopg.Connection, histories: list[Any]) -> None:
    """Each rebuild includes the histories of earlier examples, so a few large rebuilds test as much as many."""
    for history in histories:
        append(connection, None, history)
    asyncio.run(catch_up_all(connection.info.dsn))
    before = stored(connection)
    for read_model in PROJECTIONS:
        asyncio.run(rebuild(connection.info.dsn, read_model))
    assert stored(connection) == before


class Shelf(Struct, frozen=True, kw_only=True):
    status: str
    by_owner: dict[str, int]
    first_created_at: datetime
    last_changed_at: datetime


class Shelves(Rollup[Shelf, Item]):
    """Items are created and deleted, including the first and the last of an owner; no field counts them."""

    of = Items
    by = Item.status
    rules = (
        keyed(Shelf.status),
        counts(Shelf.by_owner, by=Item.owner_id),
        earliest(Shelf.first_created_at, Item.created_at),
        latest(Shelf.last_changed_at, Item.updated_at),
    )


@few
@given(histories=st.lists(item_histories, min_size=1, max_size=5), batch=st.integers(1, 7), seed=st.integers(0, 99))
def test_a_rollup_whose_first_and_last_members_leave_equals_the_fold_of_all_documents(
    connection: psycopg.Connection, histories: list[Any], batch: int, seed: int
) -> None:
    conninfo, read_models = connection.info.dsn, (Items, Shelves)
    migrate(conninfo, schema_of(read_models), lambda opened: register(opened, read_models))
    chance = random.Random(seed)
    streams = [append(connection, None, history)[0] for history in histories]
    for _ in range(5):
        append(connection, chance.choice(streams), [some_change(chance)])
    asyncio.run(catch_up_all(conninfo, batch, [Shelves]))
    assert differing(conninfo, Shelves) == []


def test_a_key_whose_last_member_leaves_has_no_document_any_more(connection: psycopg.Connection) -> None:
    conninfo, keys = connection.info.dsn, "select key from catalog.categories order by key"
    stream, *_ = append(connection, None, [SPADE])
    other = ItemUpdated(changes=ItemChanges(category="other"), previous_values=ItemChanges(category=SPADE.category))
    asyncio.run(catch_up_all(conninfo))
    assert connection.execute(keys).fetchall() == [(SPADE.category,)]
    append(connection, stream, [other])
    asyncio.run(catch_up_all(conninfo))
    assert connection.execute(keys).fetchall() == [("other",)]


def test_nothing_can_be_rebuilt(connection: psycopg.Connection) -> None:
    """In a log without events every rebuild, catch-up and verification ends."""
    asyncio.run(catch_up_all(connection.info.dsn))
    for read_model in PROJECTIONS:
        assert asyncio.run(rebuild(connection.info.dsn, read_model)).events == 0
        assert asyncio.run(verify(connection.info.dsn, read_model)).checked == 0


@pytest.mark.parametrize("batch", [7, 1000])
def test_every_kind_of_event_is_applied_once_by_ordinary_batches_whenever_it_arrives(
    connection: psycopg.Connection, batch: int
) -> None:
    """Events arrive before a batch and while one is held; the next batch begins with streams in the middle."""
    conninfo = connection.info.dsn
    audit(conninfo)
    writer = PhaseWriter(connection, old_streams=6)
    for turn in range(2):
        writer.write(f"before batch {turn}")
        with psycopg.connect(conninfo) as holder, ThreadPoolExecutor(1) as pool:
            holder.execute("lock table catalog.owners_members in share row exclusive mode")
            applying = pool.submit(asyncio.run, catch_up_all(conninfo, batch))
            until(lambda: fetch_value(connection, WAITING_BATCHES) == 1)
            writer.write(f"during batch {turn}")
            holder.rollback()
            applying.result()
    asyncio.run(catch_up_all(conninfo, batch))
    assert set(map(frozenset, writer.labels.values())) == {frozenset(all_labels())}
    assert len(writer.labels) == 4
    assert not_applied_once(conninfo) == []
    assert_read_models(conninfo)
