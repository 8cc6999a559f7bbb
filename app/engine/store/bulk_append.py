"""Append many new streams at once: their first events are staged in a temporary file until the upload is complete.

A database connection is taken after that. So a slow upload holds no connection, no snapshot and no lock, and a refused
upload has stored nothing. `append_new_streams` in schema.sql does the work.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from app.engine.events.event import E, Metadata, type_tag
from app.engine.postgres.in_doubt import mark_maybe_committed
from app.engine.postgres.pool import Database
from app.engine.store.command_handler import NO_STREAM, Condition, Decider
from app.engine.store.idempotency import ConcurrentDuplicate, IdempotencyKey, as_jsonb, find_outcome, store_outcome
from app.errors import InvalidInput, Unavailable

C = TypeVar("C")
S = TypeVar("S")

KEPT_IN_MEMORY_BYTES = 256 * 1024
COPY_CHUNK_BYTES = 256 * 1024
STORED_WITHIN_SECONDS = 900.0

BEGIN_IMPORT = "select catalog.begin_import()"
COPY_EVENTS = "copy pg_temp.arriving from stdin"
APPEND_NEW_STREAMS = "select created, first_position, last_position from catalog.append_new_streams(%s)"


class NothingToImport(InvalidInput):
    """There is nothing to import"""


class Imported(Struct, frozen=True, kw_only=True):
    """The result of an import."""

    created: int
    """How many streams were created, with one event each."""
    first_position: int
    last_position: int
    """The position of the last event; other commands' events may lie between the first and the last."""


class StagedImport(Generic[C, S, E]):
    """The first events of new streams, staged in order as lines of a COPY in text format."""

    def __init__(self, decider: Decider[C, S, E], before_write: Callable[[int], None]) -> None:
        self._decide = decider.decide
        self._before_write = before_write
        self._file = SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115, closed by __exit__
        self.counts: Counter[str] = Counter()
        """The number of events by type."""

    def __enter__(self) -> "StagedImport[C, S, E]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):  # close() tries once more to write what could not be written
            self._file.close()

    def add(self, command: C) -> None:
        """Add one new stream. Raises what `decide` and `before_write` raise, and Unavailable if the disk is full."""
        (event,) = self._decide(command, None)
        self.counts[type_tag(type(event))] += 1
        # Of the characters that COPY's text format gives a meaning, JSON without white space has only the backslash.
        line = msgspec.json.encode(event).replace(b"\\", b"\\\\") + b"\n"
        self._before_write(len(line))
        with _unavailable_if_disk_full():
            self._file.write(line)

    async def copy_to(self, connection: AsyncConnection) -> None:
        """Copy the events into the temporary table that `append_new_streams` reads."""
        await connection.execute(BEGIN_IMPORT)
        with _unavailable_if_disk_full():
            self._file.seek(0)
        async with connection.cursor() as cursor, cursor.copy(COPY_EVENTS) as copy:
            while chunk := self._file.read(COPY_CHUNK_BYTES):
                await copy.write(chunk)


@contextmanager
def _unavailable_if_disk_full() -> Iterator[None]:
    """Raises Unavailable if the temporary file cannot be written or read."""
    try:
        yield
    except OSError as full:
        raise Unavailable(f"There is no room for the import: {full.strerror}; nothing was stored.") from full


class BulkImporter(Generic[C, S, E]):
    """Stores one import at a time, so that imports take at most one connection; many may be staged meanwhile."""

    def __init__(
        self,
        database: Database,
        decider: Decider[C, S, E],
        after_import: Callable[[Counter[str]], None] = lambda _: None,
    ) -> None:
        """`after_import` is called with the number of events by type after they are committed."""
        self._database = database
        self._decider = decider
        self._after_import = after_import
        self._one_import_at_a_time = asyncio.Lock()

    def stage(self, before_write: Callable[[int], None] = lambda _: None) -> StagedImport[C, S, E]:
        """Begin an import. `before_write` is called with the number of bytes before they are written, and may raise."""
        return StagedImport(self._decider, before_write)

    async def store(
        self,
        staged: StagedImport[C, S, E],
        metadata: Metadata,
        idempotency_key: IdempotencyKey | None = None,
        condition: Condition | None = None,
    ) -> tuple[Imported, bool]:
        """Store all staged streams or none. Also returns whether an earlier request with the same key had stored them.

        Raises NothingToImport if nothing is staged, what `condition` raises for new streams, and Unavailable if the
        database is away.
        """
        if not staged.counts:
            raise NothingToImport("The import holds no rows; nothing was stored.")
        async with self._one_import_at_a_time:
            try:
                if idempotency_key is not None and (stored := await self._find_outcome(idempotency_key)):
                    return stored, True
                if condition is not None:
                    condition.check(NO_STREAM)
                imported = await self._store(staged, metadata, idempotency_key)
            except ConcurrentDuplicate:
                assert idempotency_key is not None
                stored = await self._find_outcome(idempotency_key)
                assert stored is not None, "the request that took the key is committed"
                return stored, True
        self._after_import(staged.counts)
        return imported, False

    async def _find_outcome(self, idempotency_key: IdempotencyKey) -> Imported | None:
        async with self._database.connection() as connection:
            return await find_outcome(connection, idempotency_key, Imported)

    async def _store(
        self, staged: StagedImport[C, S, E], metadata: Metadata, idempotency_key: IdempotencyKey | None
    ) -> Imported:
        async with self._connection() as connection:
            await staged.copy_to(connection)
            row = await (await connection.execute(APPEND_NEW_STREAMS, (as_jsonb(metadata),))).fetchone()
            assert row is not None, "append_new_streams returns one row"
            assert row[0] == staged.counts.total(), "every staged event was appended"
            imported = Imported(created=row[0], first_position=row[1], last_position=row[2])
            if idempotency_key is not None:
                await store_outcome(connection, idempotency_key, imported)
            mark_maybe_committed()
            return imported

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that may take longer than other requests' transactions."""
        async with (
            self._database.bulkheads.imports.enter("imports"),
            self._database.connection(statement_timeout_seconds=STORED_WITHIN_SECONDS) as connection,
            connection.transaction(),
        ):
            yield connection
