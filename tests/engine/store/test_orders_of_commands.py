"""A command reads, locks and looks for its key in an order that no other session can fall into."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from app.domain.events import Event, ItemChanges, ItemDeleted, ItemUpdated
from app.domain.item import Command, CreateItem, DeleteItem, ItemState, UpdateItem, decide
from app.engine.events.event import Metadata
from app.engine.postgres.pool import Database, PoolSettings
from app.engine.store.bulk_append import BulkImporter, Imported
from app.engine.store.command_handler import CommandHandler, Decider, Expectation, Outcome
from app.engine.store.idempotency import IdempotencyKey
from projections.items import Items
from tests.support.appending import append
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.sample_items import some_name
from tests.support.workload import SPADE

BY_TESTER = Metadata(user_id="tester")
PATIENT = PoolSettings(size=2, statement_timeout_seconds=600, lock_timeout_seconds=600)
ENDS_WITHIN_SECONDS = 60
CREATE = CreateItem(**asdict(SPADE))
BLOCKED = "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
STORE_OUTCOME = "select catalog.store_idempotent_outcome(%s, %s)"


@pytest.fixture(scope="module")
def catalog(module_conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_conninfo, autocommit=True) as opened:
        yield opened


def renamed(name: str) -> ItemUpdated:
    return ItemUpdated(changes=ItemChanges(name=name), previous_values=ItemChanges())


def new_key() -> IdempotencyKey:
    return IdempotencyKey(user_id="tester", key=some_name("key"), request="the same")


def handle(
    conninfo: str,
    command: Command,
    item: int | None,
    *,
    key: IdempotencyKey | None = None,
    expected: int | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Outcome:
    """Carry out a command in an event loop of its own; `meanwhile` runs after its first look at the state."""
    waiting = [meanwhile]

    def decide_later(given: Command, state: ItemState | None) -> tuple[Event, ...]:
        while waiting:
            waiting.pop()()
        return decide(given, state)

    async def carry_out() -> Outcome:
        async with Database(conninfo, PATIENT) as database:
            decider: Decider[Command, ItemState, Event] = Decider(
                decide=decide_later, state=ItemState, projection=Items
            )
            condition = None if expected is None else Expectation(expected)
            return await CommandHandler(database, decider).handle(
                command, BY_TESTER, item, condition, idempotency_key=key
            )

    return asyncio.run(carry_out())


def in_another_thread(run: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(timeout=ENDS_WITHIN_SECONDS)


def test_the_second_attempt_locks_the_stream_before_it_reads_the_state(catalog: psycopg.Connection) -> None:
    """The first attempt is overtaken. While the second one waits for the lock, the item changes once more."""
    conninfo = catalog.info.dsn
    item, *_ = append(catalog, None, [SPADE])
    with psycopg.connect(conninfo) as holding, ThreadPoolExecutor(1) as pool:

        def overtake() -> None:
            append(catalog, item, [renamed("B")])
            append(holding, item, [renamed("C")])

        changing = pool.submit(handle, conninfo, UpdateItem(name="D"), item, meanwhile=overtake)
        until(lambda: changing.done() or fetch_value(catalog, BLOCKED, holding.info.backend_pid) == 1, "it waits")
        holding.commit()
        assert changing.result(timeout=ENDS_WITHIN_SECONDS).version == 4
    previous = "select data -> 'previous_values' -> 'name' from catalog.events where stream_id = %s and version = 4"
    assert fetch_value(catalog, previous, item) == "C"


@pytest.mark.parametrize(
    ("command", "expected", "then"),
    [
        (CREATE, None, None),
        (UpdateItem(name="Rake"), None, None),
        (UpdateItem(name="Rake"), 1, None),
        (UpdateItem(name="Rake"), None, ItemDeleted(reason=None)),
        (UpdateItem(name="Rake"), None, renamed("Hoe")),
        (DeleteItem(), None, None),
        (DeleteItem(), 1, None),
    ],
    ids=["create", "change", "stale", "refused by now", "changed since", "delete", "stale delete"],
)
def test_a_command_whose_twin_is_carried_out_after_it_looked_for_the_key_has_its_outcome(
    catalog: psycopg.Connection, command: Command, expected: int | None, then: Event | None
) -> None:
    """Whatever refuses the second one - the version, the domain or the key itself - it looks once more."""
    conninfo, key, outcomes = catalog.info.dsn, new_key(), []
    item = None if command is CREATE else append(catalog, None, [SPADE])[0]

    def carry_out_twin() -> None:
        outcomes.append(handle(conninfo, command, item, key=key, expected=expected))
        if then is not None:
            append(catalog, item, [then])

    second = handle(
        conninfo, command, item, key=key, expected=expected, meanwhile=lambda: in_another_thread(carry_out_twin)
    )
    (first,) = outcomes
    assert (first.replayed, second.replayed) == (False, True)
    assert (second.stream_id, second.version, second.position) == (first.stream_id, first.version, first.position)
    assert second.document == first.document
    stored = "select version from catalog.streams where stream_id = %s"
    assert fetch_value(catalog, stored, first.stream_id) == first.version + (then is not None)


def store_outcome(connection: psycopg.Connection, key: IdempotencyKey, outcome: dict[str, Any]) -> None:
    connection.execute(STORE_OUTCOME, (Jsonb({**asdict_of(key)}), Jsonb(outcome)))


def asdict_of(key: IdempotencyKey) -> dict[str, str]:
    return {"user_id": key.user_id, "key": key.key, "request": key.request}


def import_one(conninfo: str, key: IdempotencyKey) -> tuple[Imported, bool]:
    async def store() -> tuple[Imported, bool]:
        async with Database(conninfo, PATIENT) as database:
            decider: Decider[Command, ItemState, Event] = Decider(decide=decide, state=ItemState, projection=Items)
            importer: BulkImporter[Command, ItemState, Event] = BulkImporter(database, decider)
            with importer.stage() as staged:
                staged.add(CREATE)
                return await importer.store(staged, BY_TESTER, key)

    return asyncio.run(store())


def create_one(conninfo: str, key: IdempotencyKey) -> tuple[Outcome, bool]:
    outcome = handle(conninfo, CREATE, None, key=key)
    return outcome, outcome.replayed


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
@pytest.mark.parametrize("send", [create_one, import_one])
def test_a_command_waits_for_another_one_with_its_key(
    catalog: psycopg.Connection, send: Callable[[str, IdempotencyKey], tuple[Any, bool]], commits: bool
) -> None:
    """If the other one is stored, this one stores nothing; if not, it is carried out once."""
    conninfo, key = catalog.info.dsn, new_key()
    item, _, position, _, _ = append(catalog, None, [SPADE])
    answer = (
        {"stream_id": item, "version": 1, "position": position}
        if send is create_one
        else {"created": 1, "first_position": position, "last_position": position}
    )
    before = fetch_value(catalog, "select count(*) from catalog.log")
    with psycopg.connect(conninfo) as other, ThreadPoolExecutor(1) as pool:
        store_outcome(other, key, answer)
        sending = pool.submit(send, conninfo, key)
        until(lambda: sending.done() or fetch_value(catalog, BLOCKED, other.info.backend_pid) == 1, "it waits")
        assert not sending.done()
        assert fetch_value(catalog, "select count(*) from catalog.log") == before
        if commits:
            other.commit()
        else:
            other.rollback()
        outcome, replayed = sending.result(timeout=ENDS_WITHIN_SECONDS)
    assert replayed == commits
    assert fetch_value(catalog, "select count(*) from catalog.log") == before + (not commits)
    if commits:
        assert position in (getattr(outcome, "position", None), getattr(outcome, "last_position", None))


@pytest.mark.parametrize("fold_again", ["rebuild_document('items', %s)", "forget_stream(%s)"])
def test_a_document_is_folded_again_only_after_its_stream_is_locked(
    catalog: psycopg.Connection, fold_again: str
) -> None:
    """An append holds the stream meanwhile; the fold has the append's event."""
    item, *_ = append(catalog, None, [SPADE])

    def fold() -> None:
        with psycopg.connect(catalog.info.dsn, autocommit=True) as connection:
            connection.execute(f"select catalog.{fold_again}".encode(), (item,))

    with psycopg.connect(catalog.info.dsn) as holding, ThreadPoolExecutor(1) as pool:
        append(holding, item, [renamed("B"), ItemDeleted(reason=None)])
        folding = pool.submit(fold)
        until(lambda: folding.done() or fetch_value(catalog, BLOCKED, holding.info.backend_pid) == 1, "it waits")
        assert not folding.done()
        holding.commit()
        folding.result(timeout=ENDS_WITHIN_SECONDS)
    query = "select version, document ->> 'status' from catalog.items where id = %s"
    assert catalog.execute(query, (item,)).fetchone() == (3, "archived")
    personal = "select count(*) from catalog.personal where stream_id = %s"
    assert fetch_value(catalog, personal, item) == (0 if "forget" in fold_again else 2)
