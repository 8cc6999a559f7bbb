"""The store does the same whatever fits into memory, into a chunk or into a batch."""

import asyncio

import psycopg
import pytest
from psycopg import AsyncConnection

from app.domain.item import CreateItem
from app.engine.events.event import Metadata
from app.engine.postgres.pool import Database
from app.engine.store import bulk_append, idempotency
from app.engine.store.bulk_append import BulkImporter
from app.engine.store.idempotency import delete_expired
from app.main import item_decider
from tests.support.patience import patient_settings
from tests.support.sample_items import an_item

NAMES = ["Rake", "back\\slash \\n \\\\", "Größe " * 40, "tab\tand\nline"]
LARGER_THAN_ALL_BYTES = 100_000
NAMES_IN_ORDER = "select document ->> 'name' from catalog.items order by id"
BATCH_KEYS = 10_000


@pytest.mark.parametrize("memory_bytes", [1, 700, LARGER_THAN_ALL_BYTES])
@pytest.mark.parametrize("chunk_bytes", [1, 7, LARGER_THAN_ALL_BYTES])
def test_an_import_is_stored_from_memory_or_a_file_and_in_chunks_of_any_size(
    connection: psycopg.Connection, memory_bytes: int, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_append, "KEPT_IN_MEMORY_BYTES", memory_bytes)
    monkeypatch.setattr(bulk_append, "COPY_CHUNK_BYTES", chunk_bytes)

    async def import_all() -> tuple[int, bool]:
        async with Database(connection.info.dsn, patient_settings().pool) as database:
            importer = BulkImporter(database, item_decider)
            with importer.stage() as staged:
                for name in NAMES:
                    staged.add(CreateItem(**an_item(name=name)))
                imported, _ = await importer.store(staged, Metadata(user_id="tester"))
                return imported.created, bool(staged._file._rolled)  # type: ignore[attr-defined]

    assert asyncio.run(import_all()) == (len(NAMES), memory_bytes < LARGER_THAN_ALL_BYTES)
    assert [name for (name,) in connection.execute(NAMES_IN_ORDER)] == NAMES


@pytest.mark.parametrize("batch", [1, 2, 3, 4, BATCH_KEYS])
def test_every_outcome_older_than_three_days_is_deleted_in_batches_of_any_size(
    connection: psycopg.Connection, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered = idempotency.DELETE_EXPIRED.replace(str(BATCH_KEYS), str(batch))
    assert str(BATCH_KEYS) in idempotency.DELETE_EXPIRED
    monkeypatch.setattr(idempotency, "DELETE_EXPIRED", lowered)
    connection.execute(
        "insert into catalog.idempotency_keys (user_id, key, request, answer, stored_at)"
        " select 'x', n::text, '', '{}', now() - interval '72 hours' + case when n > 3 then 1 else -1 end"
        " * interval '1 minute' from generate_series(1, 5) as n"
    )
    ((first,),) = connection.execute(lowered).fetchall()
    assert first == min(batch, 3)

    async def delete() -> None:
        async with await AsyncConnection.connect(connection.info.dsn, autocommit=True) as opened:
            await delete_expired(opened)

    asyncio.run(delete())
    kept = connection.execute("select key from catalog.idempotency_keys order by key").fetchall()
    assert kept == [("4",), ("5",)]
