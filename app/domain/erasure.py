"""Erase an owner: delete their items by the ordinary command, then erase the personal data of these items.

The log does not change, because it never held personal data. `catalog.personal` holds it beside the log, and its rows
are deleted. Documents and their history are then folded again. Each stream is one transaction (`forget_stream` in
schema.sql), so a run that is killed has erased whole items, and the next run continues. No rebuild may run meanwhile:
it could write personal data that it read before the erasure.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from app.domain.events import Event
from app.domain.item import Command, DeleteItem, ItemState
from app.engine.background.generation import generation_of
from app.engine.background.rebuild_status import RebuildUnderWay
from app.engine.compiler.document_tables import projection_tables
from app.engine.compiler.rebuild_steps import RebuildStep
from app.engine.events.event import Metadata
from app.engine.postgres.advisory_locks import rebuild_lock_key, try_lock
from app.engine.postgres.pool import Database
from app.engine.postgres.session_settings import connect_async
from app.engine.projection.projection import AnyProjection
from app.engine.store.command_handler import CommandHandler, Decider
from app.errors import Conflict, NotFound

DELETION_REASON = "Its owner was forgotten."
"""The reason of the deletions. It is our own text and not personal, so it is kept."""
KEPT_DATA = Jsonb({"reason": DELETION_REASON})

OnErasureProgress = Callable[[int, int], None]
"""Called with the number of items done, and of all."""


class NothingToErase(NotFound):
    """There is nothing of such an owner"""


class ErasureScope(Struct, frozen=True, kw_only=True):
    """What is stored about an owner."""

    owner_id: str
    items: int
    """All items, deleted ones included."""
    left: list[int]
    """The ids of items that are not deleted, or still have personal data."""
    events: int
    """How many of their events have personal data."""
    keys: int
    """How many outcomes of commands with an idempotency key are stored."""
    unfinished: bool
    """Whether an erasure has begun and not ended."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to erase."""
        return not self.left and not self.keys and not self.unfinished


class ErasedOwner(Struct, frozen=True, kw_only=True):
    """A completed erasure: a row of catalog.forgotten."""

    owner_id: str
    forgotten_by: str | None
    """None if there never was anything to erase."""
    items: int
    events: int


ERASURE_SCOPE = """
select count(*),
    coalesce(array_agg(id order by id) filter (where events > 0 or document -> 'deleted_at' = 'null'), '{{}}'),
    coalesce(sum(events), 0)::integer,
    (select count(*) from catalog.idempotency_keys where user_id = %(owner_id)s),
    exists (select from catalog.forgotten where owner_id = %(owner_id)s and forgotten_at is null)
from (
    select id, document, (
        select count(*)
        from catalog.personal
        where stream_id = item.id
            and data <> %(kept)s
    ) as events
    from {items} as item
    where owner_id = %(owner_id)s
    offset 0
) as item
"""


async def find_erasure_scope(connection: AsyncConnection, projection: AnyProjection, owner_id: str) -> ErasureScope:
    """What is left to erase. Raises NothingToErase if no owner of this name ever had an item or has a key."""
    query = sql.SQL(ERASURE_SCOPE).format(items=sql.Identifier("catalog", projection.name))
    row = await (await connection.execute(query, {"owner_id": owner_id, "kept": KEPT_DATA})).fetchone()
    assert row is not None, "an aggregate returns one row"
    items, left, events, keys, unfinished = row
    if not items and not keys and not unfinished:
        raise NothingToErase(f"The catalog holds nothing of {owner_id}: nothing was erased, and nothing recorded.")
    return ErasureScope(owner_id=owner_id, items=items, left=left, events=events, keys=keys, unfinished=unfinished)


class OwnerEraser:
    """Erases owners, one at a time. `decider` decides the deletion of each item."""

    def __init__(self, conninfo: str, database: Database, decider: Decider[Command, ItemState, Event]) -> None:
        self._conninfo = conninfo
        self._projection = decider.projection
        self._handler = CommandHandler(database, decider)

    async def erase(
        self, owner_id: str, metadata: Metadata, on_progress: OnErasureProgress = lambda _done, _of: None
    ) -> ErasedOwner:
        """Erase everything personal of an owner, and record who did it.

        Raises NothingToErase, RebuildUnderWay during a rebuild, and Conflict if an item was changed meanwhile.
        """
        by = metadata.user_id or ""
        async with self._rebuilds_locked_out() as connection:
            scope = await find_erasure_scope(connection, self._projection, owner_id)
            if scope.is_complete:
                return await self._previous_erasure(connection, owner_id)
            row = await (await connection.execute(BEGIN_ERASURE, {"owner_id": owner_id, "by": by})).fetchone()
            assert row is not None, "an erasure is open, or this statement opens one"
            for done, item in enumerate(scope.left):
                on_progress(done, len(scope.left))
                await self._handler.handle(DeleteItem(reason=DELETION_REASON), metadata, item)
                await connection.execute(ERASE_STREAM, {"id": row[0], "stream_id": item, "kept": KEPT_DATA})
            await connection.execute("delete from catalog.idempotency_keys where user_id = %s", (owner_id,))
            on_progress(len(scope.left), len(scope.left))
            if (await find_erasure_scope(connection, self._projection, owner_id)).left:
                raise Conflict(f"Items of {owner_id} were changed meanwhile: run it again.")
            await self._vacuum(connection)
            items, events = await (await connection.execute(END_ERASURE, (row[0],))).fetchone() or (0, 0)
        return ErasedOwner(owner_id=owner_id, forgotten_by=by, items=items, events=events)

    @staticmethod
    async def _previous_erasure(connection: AsyncConnection, owner_id: str) -> ErasedOwner:
        """The newest erasure of an owner. It is not recorded again."""
        row = await (await connection.execute(PREVIOUS_ERASURE, (owner_id,))).fetchone()
        by, items, events = row or (None, 0, 0)
        return ErasedOwner(owner_id=owner_id, forgotten_by=by, items=items, events=events)

    @asynccontextmanager
    async def _rebuilds_locked_out(self) -> AsyncIterator[AsyncConnection]:
        """A connection that locks rebuilds out; the remains of a killed rebuild are dropped first."""
        async with await connect_async(self._conninfo) as connection:
            if not await try_lock(connection, rebuild_lock_key(self._projection.name)):
                raise RebuildUnderWay(
                    f"The projection {self._projection.name} is being rebuilt, or an owner is being forgotten: "
                    "try again when that is over."
                )
            await generation_of(self._projection).run_step(connection, RebuildStep.DROP)
            yield connection

    async def _vacuum(self, connection: AsyncConnection) -> None:
        """Remove the text from the pages of the tables and from the planner's samples."""
        tables = ["log", "personal", "idempotency_keys", *(table.name for table in projection_tables(self._projection))]
        for table in tables:
            await connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier("catalog", table)))


BEGIN_ERASURE = """
with begun as (
    select id
    from catalog.forgotten
    where owner_id = %(owner_id)s
        and forgotten_by = %(by)s
        and forgotten_at is null
), begins as (
    insert into catalog.forgotten (owner_id, forgotten_by)
    select %(owner_id)s, %(by)s
    where not exists (select from begun)
    returning id
)
select id from begun
union all
select id from begins
"""
ERASE_STREAM = """
update catalog.forgotten
set items = items + 1, events = events + catalog.forget_stream(%(stream_id)s, %(kept)s)
where id = %(id)s
"""
END_ERASURE = "update catalog.forgotten set forgotten_at = clock_timestamp() where id = %s returning items, events"
PREVIOUS_ERASURE = """
select forgotten_by, items, events
from catalog.forgotten
where owner_id = %s
order by id desc
limit 1
"""
