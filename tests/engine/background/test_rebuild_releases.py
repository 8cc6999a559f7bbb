"""Only the installed release rebuilds, and changed rules are the reason to."""

import asyncio
from typing import Any

import psycopg
import pytest

from app.domain.events import Event as AnyEvent
from app.engine.background.checkpoints import register
from app.engine.background.projector import Projector
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildFailed, RebuildProgress
from app.engine.background.verify import verify
from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.postgres.migrations import checksum
from app.engine.projection.projection import Projection
from app.engine.projection.rollup import AnyReadModel, Rollup, counts, earliest, keyed, latest
from app.engine.projection.rules import Index
from app.main import PROJECTIONS, schema_sql
from app.schema import migrate, schema_of
from projections.items import Item, Items
from projections.owners import Owner, Owners
from tests.support.appending import append
from tests.support.rebuilds import leftovers, rebuilt, some_items
from tests.support.workload import (
    SPADE,
    catch_up_all,
    differences,
)


class WiderOwner(Owner, frozen=True, kw_only=True):
    by_owner: dict[str, int]


class WiderOwners(Rollup[WiderOwner, Item]):
    """The owners of a later release, which also aggregates a field that members do not have yet."""

    name = "owners"
    of = Items
    by = Item.owner_id
    rules = (
        keyed(WiderOwner.owner_id),
        counts(WiderOwner.total_items),
        counts(WiderOwner.by_status, by=Item.status),
        counts(WiderOwner.by_category, by=Item.category),
        earliest(WiderOwner.first_activity_at, Item.created_at),
        latest(WiderOwner.latest_activity_at, Item.updated_at),
        counts(WiderOwner.by_owner, by=Item.owner_id),
    )


LATER: tuple[AnyReadModel, ...] = tuple(WiderOwners if each is Owners else each for each in PROJECTIONS)


def test_a_changed_rollup_waits_for_its_rebuild_and_is_not_stopped_by_an_innocent_event(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    some_items(connection, 3)
    migrate(conninfo, schema_of(LATER), lambda opened: register(opened, LATER))
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))
    states = (
        "select name, state, lag_events from catalog.projections join catalog.projection_lag using (name) order by 1"
    )
    running = {(each.name, "running", 0) for each in LATER if each.is_async()}
    outdated = running - {("owners", "running", 0)} | {("owners", "outdated", 1)}
    assert set(connection.execute(states)) == outdated
    assert connection.execute("select document ->> 'total_items' from catalog.owners").fetchall() == [("3",)]
    asyncio.run(Projector(conninfo, LATER).maintain())
    asyncio.run(catch_up_all(conninfo))
    assert set(connection.execute(states)) == running
    verified = asyncio.run(verify(conninfo, WiderOwners))
    assert (verified.checked, verified.differing) == (1, [])


def test_a_rollup_that_was_changed_back_before_anybody_rebuilt_it_goes_on(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    some_items(connection, 3)
    migrate(conninfo, schema_of(LATER), lambda opened: register(opened, LATER))
    append(connection, None, [SPADE])
    migrate(conninfo, schema_sql() + "\n", lambda opened: register(opened, PROJECTIONS))
    asyncio.run(catch_up_all(conninfo))
    query = "select state from catalog.projections where name = 'owners'"
    assert connection.execute(query).fetchone() == ("running",)
    assert connection.execute("select document ->> 'total_items' from catalog.owners").fetchall() == [("4",)]
    assert differences(conninfo) == []


def test_only_the_installed_release_rebuilds_and_after_a_rollback_it_is_the_older_one(
    connection: psycopg.Connection,
) -> None:
    ours, fingerprints = checksum(schema_sql()), "select fingerprint from catalog.projections"
    some_items(connection, 3)
    connection.execute("update catalog.projections set fingerprint = 'of later rules', version = 2")
    connection.execute("insert into catalog.installed (checksum) values ('of a later release')")
    projector = Projector(connection.info.dsn, PROJECTIONS, ours)
    asyncio.run(projector.maintain())
    assert set(connection.execute(fingerprints)) == {("of later rules",)}
    connection.execute("insert into catalog.installed (checksum) values (%s)", (ours,))
    asyncio.run(projector.maintain())
    assert set(connection.execute(fingerprints)) == {(fingerprint(each),) for each in PROJECTIONS}


def test_a_rebuild_is_refused_when_another_release_is_installed_before_it_or_meanwhile(
    connection: psycopg.Connection,
) -> None:
    some_items(connection, 3)
    table = connection.execute("select 'catalog.items'::regclass::oid").fetchone()

    def install_another(_: RebuildProgress) -> None:
        connection.execute("insert into catalog.installed (checksum) values ('of another release')")

    with pytest.raises(RebuildFailed, match="another release's schema"):
        rebuilt(connection, Items, install_another)
    with pytest.raises(RebuildFailed, match="another release's schema"):
        asyncio.run(rebuild(connection.info.dsn, Items, release=checksum(schema_sql())))
    assert connection.execute("select 'catalog.items'::regclass::oid").fetchone() == table
    assert leftovers(connection) == []


def test_a_changed_index_is_a_reason_to_rebuild_and_a_changed_comment_is_none() -> None:
    def items_with(*given: Index) -> Any:
        class Shelf(Projection[Item, AnyEvent]):
            name = "items"
            rules = Items.rules
            indexes = given

        return Shelf

    by_name, described = Index((Item.name,)), Index((Item.name,), serves="a listing")
    assert fingerprint(items_with(by_name)) != fingerprint(items_with())
    assert fingerprint(items_with(by_name)) == fingerprint(items_with(described))


def test_a_read_model_that_is_not_installed_is_refused_with_a_sentence(connection: psycopg.Connection) -> None:
    class Uninstalled(Projection[Item, AnyEvent]):
        rules = Items.rules

    with pytest.raises(RebuildFailed, match=r"uninstalled cannot be rebuilt: the installed schema does not have it"):
        rebuilt(connection, Uninstalled)
    assert leftovers(connection) == []
