"""Whatever writes the log waits at the closed append gate, and records its events after the mark noted meanwhile."""

import ast
import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import asdict

from app.domain.erasure import OwnerEraser
from app.domain.events import Event, ItemCreated
from app.domain.item import ChangeStatus, Command, CreateItem, DeleteItem, ItemState, RestoreItem, UpdateItem
from app.engine.events.event import Metadata
from app.engine.postgres.pool import Database, PoolSettings
from app.engine.store.bulk_append import BulkImporter
from app.engine.store.command_handler import CommandHandler, Expectation
from app.engine.store.idempotency import IdempotencyKey
from app.main import item_decider
from tests.support.append_gate import gate_closed, open_gate
from tests.support.appending import append
from tests.support.operator_commands import fetch_value
from tests.support.patience import until
from tests.support.workload import SPADE, SWAPPED

BY_TESTER = Metadata(user_id="tester")
PATIENT = PoolSettings(size=2, statement_timeout_seconds=600, lock_timeout_seconds=600)
ENDS_WITHIN_SECONDS = 60
CREATE = CreateItem(**asdict(SPADE))
AS_CREATED = ItemState(**asdict(SPADE), deleted_at=None)
RENAME = UpdateItem(name="Spade")

Handler = CommandHandler[Command, ItemState, Event]
Write = Callable[[Database, str, int], Awaitable[object]]
"""Writes to the log, given the database, a name that no other case has, and a swapped item of an owner of that name."""


def key(of: str) -> IdempotencyKey:
    return IdempotencyKey(user_id="tester", key=of, request="the same")


def handler(database: Database) -> Handler:
    return CommandHandler(database, item_decider)


async def send_command(command: Command, database: Database, _: str, item: int) -> None:
    await handler(database).handle(command, BY_TESTER, item)


async def create(database: Database, _: str, __: int) -> None:
    await handler(database).handle(CREATE, BY_TESTER)


async def create_with_a_key(database: Database, unique: str, _: int) -> None:
    await handler(database).handle(CREATE, BY_TESTER, idempotency_key=key(unique))


async def change_with_a_key(database: Database, unique: str, item: int) -> None:
    await handler(database).handle(RENAME, BY_TESTER, item, idempotency_key=key(unique))


async def change_an_expected_version(database: Database, _: str, item: int) -> None:
    await handler(database).handle(RENAME, BY_TESTER, item, Expectation(2))


async def lock_the_stream_first(database: Database, _: str, item: int) -> None:
    """As the second attempt of a command that was overtaken does."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute("select catalog.lock_stream(%s)", (item,))
        await connection.execute(
            """select catalog.append_to_stream(%s, null, '[{"type": "item_deleted"}]', '{}')""", (item,)
        )


async def import_items(database: Database, unique: str, _: int, with_key: bool = False) -> None:
    importer: BulkImporter[Command, ItemState, Event] = BulkImporter(database, item_decider)
    with importer.stage() as staged:
        for _ in range(3):
            staged.add(CREATE)
        await importer.store(staged, BY_TESTER, key(unique) if with_key else None)


async def erase_the_owner(database: Database, unique: str, _: int) -> None:
    """Only its first part, the deletion of each item, writes events."""
    conninfo = database.pool.conninfo
    assert isinstance(conninfo, str)
    await OwnerEraser(conninfo, database, item_decider).erase(unique, BY_TESTER)


WRITERS: dict[str, Write] = {
    "create": create,
    "create with a key": create_with_a_key,
    "update": partial(send_command, RENAME),
    "change status": partial(send_command, ChangeStatus(new_status="archived")),
    "delete": partial(send_command, DeleteItem()),
    "restore": partial(send_command, RestoreItem(to=AS_CREATED)),
    "change with a key": change_with_a_key,
    "change an expected version": change_an_expected_version,
    "lock first": lock_the_stream_first,
    "import": import_items,
    "import with a key": partial(import_items, with_key=True),
    "erase": erase_the_owner,
}

SQL_WRITERS = {
    "append_to_stream": ("create", "update", "change status", "delete", "restore", "change an expected version"),
    "append_idempotent": ("create with a key", "change with a key"),
    "append_new_streams": ("import", "import with a key"),
    "insert_event": ("create",),
    "lock_stream": ("lock first",),
    "forget_stream": ("erase",),
    "rebuild_document": (),
}
"""Every SQL function that writes to the log, to the streams or to the personal values, or that takes the gate."""
GATE_READERS = {"append_gate", "gate_holders", "snapshot_holders"}
PYTHON_WRITERS = {
    "app/engine/store/event_store.py": "the commands",
    "app/engine/store/bulk_append.py": "the imports",
    "app/engine/queries/documents.py": "rebuild_document, which writes no event",
    "app/domain/erasure.py": "the erasure",
    "app/demo/seed_year.py": "see tests/demo/test_seed_year.py",
    "app/engine/background/generation.py": "see tests/engine/background/test_orders.py",
}
"""Every module with SQL that calls one of these functions, inserts into these tables, or locks the gate."""

TABLES = r"catalog\.(log|streams|personal)\b"
WRITES = re.compile(
    rf"\b(insert\s+into|update|delete\s+from|merge\s+into|truncate)\s+{TABLES}|catalog\.append_gate\(\)", re.I
)

SETTLE_AHEAD = """
update catalog.settled
set noted_instant = greatest(noted_instant, clock_timestamp()) + interval '1 hour'
"""
"""So that an instant taken before the gate is too early, and so is one of a clock that steps back."""
SETTLE = "select catalog.publish_mark(position, instant) from catalog.begin_mark()"

UNLOCKED = "select count(*) from (select from catalog.streams for update skip locked) as unlocked"


@pytest.fixture(scope="module")
def catalog(module_conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_conninfo, autocommit=True) as opened:
        yield opened


async def carry_out(conninfo: str, write: Write, unique: str, item: int) -> None:
    async with Database(conninfo, PATIENT) as database:
        await write(database, unique, item)


def holds_no_stream(connection: psycopg.Connection) -> bool:
    """Whether nobody holds the row of a stream: behind the gate others wait for such a row, and a swap for them."""
    return bool(fetch_value(connection, UNLOCKED) == fetch_value(connection, "select count(*) from catalog.streams"))


def settle_ahead(connection: psycopg.Connection) -> tuple[int, Any]:
    """Settle the log an hour ahead of the clock, while nobody is past the gate."""
    assert connection.execute("select catalog.gate_holders()").fetchall() == []
    connection.execute(SETTLE_AHEAD)
    connection.execute(SETTLE)
    return connection.execute("select position, instant from catalog.settled").fetchone() or (0, None)


@pytest.mark.parametrize("name", WRITERS)
def test_what_waits_at_the_gate_is_recorded_after_the_mark_that_was_noted_meanwhile(
    catalog: psycopg.Connection, name: str
) -> None:
    item, *_ = append(catalog, None, [ItemCreated(**{**asdict(SPADE), "owner_id": name}), SWAPPED])
    (last,) = catalog.execute("select max(position) from catalog.log").fetchone() or (0,)
    with ThreadPoolExecutor(1) as pool, gate_closed(catalog) as waiting:
        writing = pool.submit(asyncio.run, carry_out(catalog.info.dsn, WRITERS[name], name, item))
        until(lambda: waiting() == 1 or writing.done(), "it waits at the gate")
        assert waiting() == 1
        assert holds_no_stream(catalog)
        position, instant = settle_ahead(catalog)
        open_gate(catalog)
        writing.result(timeout=ENDS_WITHIN_SECONDS)
    recorded = catalog.execute(
        "select position > %s, recorded_at > %s, valid_from >= recorded_at"
        " from catalog.log join catalog.items on id = stream_id where position > %s",
        (position, instant, last),
    ).fetchall()
    assert recorded
    assert set(recorded) == {(True, True, True)}


def test_a_rebuild_of_one_document_waits_at_the_gate_and_records_nothing(catalog: psycopg.Connection) -> None:
    item, *_, position, _, _ = append(catalog, None, [SPADE])

    def rebuild() -> None:
        with psycopg.connect(catalog.info.dsn, autocommit=True) as connection:
            connection.execute("select catalog.rebuild_document('items', %s)", (item,))

    with ThreadPoolExecutor(1) as pool, gate_closed(catalog) as waiting:
        rebuilding = pool.submit(rebuild)
        until(lambda: waiting() == 1 or rebuilding.done(), "it waits at the gate")
        assert waiting() == 1
        assert holds_no_stream(catalog)
        open_gate(catalog)
        rebuilding.result(timeout=ENDS_WITHIN_SECONDS)
    assert catalog.execute("select max(position) from catalog.log").fetchone() == (position,)


def test_every_sql_function_that_writes_the_log_or_takes_the_gate_has_a_case(catalog: psycopg.Connection) -> None:
    definitions: dict[str, str] = dict(
        catalog.execute(
            "select proname, pg_get_functiondef(oid) from pg_proc"
            " where pronamespace in ('catalog'::regnamespace, 'public'::regnamespace) and prokind in ('f', 'p')"
        ).fetchall()
    )
    found = {name for name, text in definitions.items() if WRITES.search(text)}
    while more := {
        name
        for name, text in definitions.items()
        if name not in found and any(f"catalog.{each}(" in text for each in found - GATE_READERS)
    }:
        found |= more
    assert found == SQL_WRITERS.keys() | GATE_READERS
    assert {case for cases in SQL_WRITERS.values() for case in cases} == WRITERS.keys()


def test_every_module_that_writes_the_log_or_takes_the_gate_has_a_case() -> None:
    calls = re.compile(rf"catalog\.({'|'.join(SQL_WRITERS)})\(|advisory\w*lock\w*\(catalog\.append_gate")
    found = set()
    for path in Path("app").rglob("*.py"):
        values = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        if any(WRITES.search(text) or calls.search(text) for text in values if isinstance(text, str)):
            found.add(str(path))
    assert found == PYTHON_WRITERS.keys()
