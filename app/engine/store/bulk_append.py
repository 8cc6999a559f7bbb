"""Many new streams in one append: what they begin with is kept in a temporary file until all of it has come.

Only then is the database asked for a connection, so that a slow upload holds none, and no snapshot and no lock either;
and what is refused on the way has not been stored. `append_new_streams` in schema.sql does the work.
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

from app.engine.events.event import E, Metadata, tag_of
from app.engine.postgres.in_doubt import may_be_committed
from app.engine.postgres.pool import Database
from app.engine.store.command_handler import NO_STREAM, Condition, Decider
from app.engine.store.idempotency import KeyTaken, Once, as_json, keep, recall
from app.errors import InvalidInput, Unavailable

C = TypeVar("C")
S = TypeVar("S")

KEPT_IN_MEMORY_BYTES = 256 * 1024
CHUNK_BYTES = 256 * 1024
STORED_WITHIN_SECONDS = 900.0

BEGIN = "select catalog.begin_import()"
COPY = "copy pg_temp.arriving from stdin"
APPEND = "select created, first_position, last_position from catalog.append_new_streams(%s)"


class NothingToImport(InvalidInput):
    """There is nothing to import"""


class Imported(Struct, frozen=True, kw_only=True):
    """What an import has stored."""

    created: int
    """How many new streams there are, of one event each."""
    first_position: int
    last_position: int
    """Where the last event came to lie; events of others may be between the first and the last."""


class Arrivals(Generic[C, S, E]):
    """The first events of streams to come, as lines of a COPY in text format, in the order in which they are added."""

    def __init__(self, decider: Decider[C, S, E], before_write: Callable[[int], None]) -> None:
        self._decide = decider.decide
        self._before_write = before_write
        self._file = SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115, closed by __exit__
        self.counts: Counter[str] = Counter()
        """How many there are of each tag."""

    def __enter__(self) -> "Arrivals[C, S, E]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written is tried once more
            self._file.close()

    def add(self, command: C) -> None:
        """One more new stream. Raises what `decide` and `before_write` do, and Unavailable if there is no room left."""
        (event,) = self._decide(command, None)
        self.counts[tag_of(type(event))] += 1
        # Of all that COPY's text format gives a meaning, JSON without white space has only the backslash.
        line = msgspec.json.encode(event).replace(b"\\", b"\\\\") + b"\n"
        self._before_write(len(line))
        with _room():
            self._file.write(line)

    async def copy_to(self, connection: AsyncConnection) -> None:
        """Into the temporary table that `append_new_streams` reads."""
        await connection.execute(BEGIN)
        with _room():
            self._file.seek(0)
        async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            while chunk := self._file.read(CHUNK_BYTES):
                await copy.write(chunk)


@contextmanager
def _room() -> Iterator[None]:
    """Raises Unavailable if the temporary file finds none."""
    try:
        yield
    except OSError as full:
        raise Unavailable(f"There is no room for the import: {full.strerror}; nothing was stored.") from full


class Importer(Generic[C, S, E]):
    """Many imports may arrive at a time; one is stored, so that it takes one connection from the others at most."""

    def __init__(
        self,
        database: Database,
        decider: Decider[C, S, E],
        after_import: Callable[[Counter[str]], None] = lambda _: None,
    ) -> None:
        """`after_import` hears how many events there are of each tag, once they are committed."""
        self._database = database
        self._decider = decider
        self._after_import = after_import
        self._turn = asyncio.Lock()

    def arrivals(self, before_write: Callable[[int], None] = lambda _: None) -> Arrivals[C, S, E]:
        """What one import begins with; `before_write` hears how many bytes are to be written, and may refuse them."""
        return Arrivals(self._decider, before_write)

    async def store(
        self,
        arrivals: Arrivals[C, S, E],
        metadata: Metadata,
        once: Once | None = None,
        condition: Condition | None = None,
    ) -> tuple[Imported, bool]:
        """All of them or none; whether that was before, by a request with the same key.

        Raises NothingToImport, what `condition` says to new streams, and Unavailable if the database is away.
        """
        if not arrivals.counts:
            raise NothingToImport("There is no item in it.")
        async with self._turn:
            try:
                if once is not None and (kept := await self._recalled(once)):
                    return kept, True
                if condition is not None:
                    condition.check(NO_STREAM)
                imported = await self._store(arrivals, metadata, once)
            except KeyTaken:
                assert once is not None
                kept = await self._recalled(once)
                assert kept is not None, "what took the key is committed"
                return kept, True
        self._after_import(arrivals.counts)
        return imported, False

    async def _recalled(self, once: Once) -> Imported | None:
        async with self._database.connection() as connection:
            return await recall(connection, once, Imported)

    async def _store(self, arrivals: Arrivals[C, S, E], metadata: Metadata, once: Once | None) -> Imported:
        async with self._connection() as connection:
            await arrivals.copy_to(connection)
            row = await (await connection.execute(APPEND, (as_json(metadata),))).fetchone()
            assert row is not None, "append_new_streams answers with one row"
            assert row[0] == arrivals.counts.total(), "what was sent has arrived"
            imported = Imported(created=row[0], first_position=row[1], last_position=row[2])
            if once is not None:
                await keep(connection, once, imported)
            may_be_committed()
            return imported

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """In a transaction that may take longer than those of other requests."""
        async with (
            self._database.bulkheads.imports.entered("imports"),
            self._database.connection(statement_timeout_seconds=STORED_WITHIN_SECONDS) as connection,
            connection.transaction(),
        ):
            yield connection
