"""One command end to end: read the state, decide, append; two round trips.

A lost race is not lost twice: the second try locks the stream first, so it waits its turn and cannot be overtaken.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.engine.events.event import E, Metadata
from app.engine.postgres.pool import Database
from app.engine.projection.projection import Projection
from app.engine.store.event_store import Appended, append_to_stream, lock_stream, version_conflict
from app.engine.store.idempotency import Answer, KeyTaken, Once, confirm, keep, recall
from app.engine.store.live_fold import fold_stream
from app.errors import CatalogError, VersionConflict

C = TypeVar("C")
S = TypeVar("S")


class Decider(Struct, Generic[C, S, E], frozen=True, kw_only=True):
    """An aggregate: how it decides, and where its state is read."""

    decide: Callable[[C, S | None], tuple[E, ...]]
    """The events that a command leads to in a state; raises a CatalogError to refuse it."""
    state: type[S]
    """What `decide` reads; decoded from the document."""
    projection: type[Projection[Any, E]]
    """The inline projection whose documents hold the state."""


class Condition(Protocol):
    """What a command asks of the version that its stream is at."""

    def check(self, version: int) -> None:
        """Raises a VersionConflict with `current_version` if it does not hold; NO_STREAM is a stream to be begun."""


class Expectation(Struct, frozen=True):
    """The version that the caller saw, and what to raise if it is no longer so."""

    version: int
    conflict: type[VersionConflict] = VersionConflict

    def check(self, version: int) -> None:
        if version != self.version:
            raise version_conflict(self.conflict, self.version, version)


class Outcome(Struct, frozen=True, kw_only=True):
    """What a command led to."""

    stream_id: int
    version: int
    document: bytes | None
    """The document after the command, as stored; None if the command ended it."""
    position: int | None = None
    """Of its last event; None if the command asked for what already was."""
    replayed: bool = False
    """Whether it was carried out before, by a request with the same key."""
    appended: Appended | None = None
    """What was appended just now, if anything was."""
    events: tuple[Struct, ...] = ()
    """What was appended."""


NO_STREAM = 0
NULL = b"null"


class Loaded(Struct, frozen=True):
    version: int
    document: bytes | None


class _Asked(Struct, Generic[C, S], frozen=True):
    command: C
    metadata: Metadata
    stream_id: int | None
    condition: Condition | None
    permit: Callable[[S], None]
    once: Once | None


class CommandHandler(Generic[C, S, E]):
    def __init__(
        self,
        database: Database,
        decider: Decider[C, S, E],
        after_append: Callable[[tuple[Struct, ...]], None] = lambda _: None,
    ) -> None:
        """`after_append` hears of events once they are committed, so that the background need not poll for them."""
        self._database = database
        self._decider = decider
        self._after_append = after_append
        load = sql.SQL(
            "select streams.version, current.document from catalog.streams"
            " left join {} as current on current.id = streams.stream_id where streams.stream_id = %s"
        )
        self._load_query = load.format(sql.Identifier("catalog", decider.projection.name)).as_bytes()

    async def handle(
        self,
        command: C,
        metadata: Metadata,
        stream_id: int | None = None,
        condition: Condition | None = None,
        *,
        permit: Callable[[S], None] = lambda _: None,
        once: Once | None = None,
    ) -> Outcome:
        """Carry out `command` on a stream, or on a new one; if it is to be `once` and was, say what it led to then.

        Raises what `permit` refuses a state with, `decide` a command and `condition` a version, and Unavailable if
        the database is away; whether it was then carried out is not known.
        """
        asked = _Asked(command, metadata, stream_id, condition, permit, once)
        async with self._database.bulkheads.commands.entered("commands"), self._database.connection() as connection:
            outcome = await (self._handle(connection, asked) if once is None else self._once(connection, asked, once))
        if outcome.appended is not None:
            self._after_append(outcome.events)
        return outcome

    async def _once(self, connection: AsyncConnection, asked: "_Asked[C, S]", once: Once) -> Outcome:
        """What stands in its way may be what the same request has done meanwhile."""
        if kept := await recall(connection, once, Answer):
            return await self._as_it_was(connection, kept)
        try:
            outcome = await self._handle(connection, asked)
            if outcome.appended is None:
                nothing = Answer(stream_id=outcome.stream_id, version=outcome.version, position=None)
                await keep(connection, once, nothing)
            return outcome
        except (KeyTaken, CatalogError):
            if kept := await recall(connection, once, Answer):
                return await self._as_it_was(connection, kept)
            raise

    async def _as_it_was(self, connection: AsyncConnection, kept: Answer) -> Outcome:
        found = await fold_stream(connection, self._decider.projection, kept.stream_id, version=kept.version)
        return Outcome(
            stream_id=kept.stream_id,
            version=kept.version,
            document=None if found is None else found.json,
            position=kept.position,
            replayed=True,
        )

    async def _handle(self, connection: AsyncConnection, asked: "_Asked[C, S]") -> Outcome:
        try:
            return await self._attempt(connection, asked)
        except VersionConflict as conflict:
            if asked.stream_id is None:
                raise
            if asked.condition is not None:
                current = conflict.facts["current_version"]
                assert isinstance(current, int)
                asked.condition.check(current)
        async with connection.transaction():
            await lock_stream(connection, asked.stream_id)
            return await self._attempt(connection, asked)

    async def _attempt(self, connection: AsyncConnection, asked: "_Asked[C, S]") -> Outcome:
        loaded = await self._load(connection, asked.stream_id)
        state = None if loaded.document is None else msgspec.json.decode(loaded.document, type=self._decider.state)
        if state is not None:
            asked.permit(state)
        if asked.condition is not None and (asked.stream_id is None or loaded.version != NO_STREAM):
            asked.condition.check(loaded.version)
        events = self._decider.decide(asked.command, state)
        if not events:
            assert asked.stream_id is not None, "a new stream begins with an event"
            await confirm(connection)
            return Outcome(stream_id=asked.stream_id, version=loaded.version, document=loaded.document)
        appended = await append_to_stream(
            connection, asked.stream_id, loaded.version, events, asked.metadata, asked.once
        )
        document = bytes(appended.documents[self._decider.projection.name])
        return Outcome(
            stream_id=appended.stream_id,
            version=appended.version,
            document=None if document == NULL else document,
            position=appended.position,
            appended=appended,
            events=events,
        )

    async def _load(self, connection: AsyncConnection, stream_id: int | None) -> Loaded:
        if stream_id is None:
            return Loaded(NO_STREAM, None)
        cursor = await connection.execute(self._load_query, (stream_id,), prepare=True)
        row = await cursor.fetchone()
        return Loaded(*row) if row else Loaded(NO_STREAM, None)
