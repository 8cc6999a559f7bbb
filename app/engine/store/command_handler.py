"""Handle one command: read the state, decide and append, in two round trips.

If another command appends first, the second try locks the stream before it reads, so it cannot be overtaken again.
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
from app.engine.store.idempotency import (
    ConcurrentDuplicate,
    IdempotencyKey,
    StoredOutcome,
    find_outcome,
    force_synchronous_commit,
    store_outcome,
)
from app.engine.store.live_fold import JSON_NULL, fold_stream
from app.errors import CatalogError, VersionConflict

C = TypeVar("C")
S = TypeVar("S")


class Decider(Struct, Generic[C, S, E], frozen=True, kw_only=True):
    """An aggregate: its `decide` function, and the projection that holds its state."""

    decide: Callable[[C, S | None], tuple[E, ...]]
    """Returns the events of a command, given the state. Raises a CatalogError to refuse the command."""
    state: type[S]
    """The type of the state that `decide` reads; decoded from the document."""
    projection: type[Projection[Any, E]]
    """The inline projection whose documents hold the state."""


class Condition(Protocol):
    """A condition that a command sets on the version of its stream."""

    def check(self, version: int) -> None:
        """Raises a VersionConflict with `current_version` if it does not hold. A new stream is at NO_STREAM."""


class Expectation(Struct, frozen=True):
    """The version that the caller expects, and the conflict to raise if the stream is at another one."""

    version: int
    conflict: type[VersionConflict] = VersionConflict

    def check(self, version: int) -> None:
        if version != self.version:
            raise version_conflict(self.conflict, self.version, version)


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of a command."""

    stream_id: int
    version: int
    document: bytes | None
    """The document after the command, as stored; None if the command ended the document."""
    position: int | None = None
    """The position of the command's last event; None if the command changed nothing."""
    replayed: bool = False
    """Whether an earlier request with the same key had carried the command out."""
    appended: Appended | None = None
    """The place of the appended events; None if nothing was appended."""
    events: tuple[Struct, ...] = ()
    """The appended events."""


NO_STREAM = 0
"""The version of a stream without events."""


class LoadedState(Struct, frozen=True):
    version: int
    document: bytes | None


class _CommandContext(Struct, Generic[C, S], frozen=True):
    command: C
    metadata: Metadata
    stream_id: int | None
    condition: Condition | None
    permit: Callable[[S], None]
    idempotency_key: IdempotencyKey | None


class CommandHandler(Generic[C, S, E]):
    def __init__(
        self,
        database: Database,
        decider: Decider[C, S, E],
        after_append: Callable[[tuple[Struct, ...]], None] = lambda _: None,
    ) -> None:
        """`after_append` is called with the events after they are committed, so that the background need not poll."""
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
        idempotency_key: IdempotencyKey | None = None,
    ) -> Outcome:
        """Carry out `command` on a stream, or on a new one if `stream_id` is None.

        A command whose `idempotency_key` is stored is not repeated; its stored outcome is returned. Raises what
        `permit`, `decide` and `condition` raise, and Unavailable if the database is away. After Unavailable it may be
        unknown whether the command was carried out.
        """
        context = _CommandContext(command, metadata, stream_id, condition, permit, idempotency_key)
        async with self._database.bulkheads.commands.enter("commands"), self._database.connection() as connection:
            outcome = await (
                self._handle(connection, context)
                if idempotency_key is None
                else self._handle_idempotent(connection, context, idempotency_key)
            )
        if outcome.appended is not None:
            self._after_append(outcome.events)
        return outcome

    async def _handle_idempotent(
        self, connection: AsyncConnection, context: "_CommandContext[C, S]", idempotency_key: IdempotencyKey
    ) -> Outcome:
        """Look for a stored outcome first, and again after a refusal, which the same request may have caused."""
        if stored := await find_outcome(connection, idempotency_key, StoredOutcome):
            return await self._replay_outcome(connection, stored)
        try:
            outcome = await self._handle(connection, context)
            if outcome.appended is None:
                unchanged = StoredOutcome(stream_id=outcome.stream_id, version=outcome.version, position=None)
                await store_outcome(connection, idempotency_key, unchanged)
            return outcome
        except (ConcurrentDuplicate, CatalogError):
            if stored := await find_outcome(connection, idempotency_key, StoredOutcome):
                return await self._replay_outcome(connection, stored)
            raise

    async def _replay_outcome(self, connection: AsyncConnection, stored: StoredOutcome) -> Outcome:
        found = await fold_stream(connection, self._decider.projection, stored.stream_id, version=stored.version)
        return Outcome(
            stream_id=stored.stream_id,
            version=stored.version,
            document=None if found is None else found.json,
            position=stored.position,
            replayed=True,
        )

    async def _handle(self, connection: AsyncConnection, context: "_CommandContext[C, S]") -> Outcome:
        try:
            return await self._attempt(connection, context)
        except VersionConflict as conflict:
            if context.stream_id is None:
                raise
            if context.condition is not None:
                current = conflict.facts["current_version"]
                assert isinstance(current, int)
                context.condition.check(current)
        async with connection.transaction():
            await lock_stream(connection, context.stream_id)
            return await self._attempt(connection, context)

    async def _attempt(self, connection: AsyncConnection, context: "_CommandContext[C, S]") -> Outcome:
        loaded = await self._load(connection, context.stream_id)
        state = None if loaded.document is None else msgspec.json.decode(loaded.document, type=self._decider.state)
        if state is not None:
            context.permit(state)
        if context.condition is not None and (context.stream_id is None or loaded.version != NO_STREAM):
            context.condition.check(loaded.version)
        events = self._decider.decide(context.command, state)
        if not events:
            assert context.stream_id is not None, "a new stream begins with an event"
            await force_synchronous_commit(connection)
            return Outcome(stream_id=context.stream_id, version=loaded.version, document=loaded.document)
        appended = await append_to_stream(
            connection, context.stream_id, loaded.version, events, context.metadata, context.idempotency_key
        )
        document = bytes(appended.documents[self._decider.projection.name])
        return Outcome(
            stream_id=appended.stream_id,
            version=appended.version,
            document=None if document == JSON_NULL else document,
            position=appended.position,
            appended=appended,
            events=events,
        )

    async def _load(self, connection: AsyncConnection, stream_id: int | None) -> LoadedState:
        if stream_id is None:
            return LoadedState(NO_STREAM, None)
        cursor = await connection.execute(self._load_query, (stream_id,), prepare=True)
        row = await cursor.fetchone()
        return LoadedState(*row) if row else LoadedState(NO_STREAM, None)
