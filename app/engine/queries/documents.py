"""Reads a projection's documents, now and as of any instant: as stored bytes, or as a fold of the log."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from psycopg import AsyncConnection, sql

from app.engine.postgres.bulkheads import CHANGES, REBUILDS, SHELVES, STATISTICS, STREAMS
from app.engine.postgres.in_doubt import committing
from app.engine.postgres.pool import ConnectionSource
from app.engine.projection.projection import Projection
from app.engine.projection.rollup import AnyRollup
from app.engine.queries.changes import ChangesPage, Interval, changed_between
from app.engine.queries.listing import Listing, SortKey, costly_read_of
from app.engine.queries.listing_query import listing_query
from app.engine.queries.listing_rows import read_rows
from app.engine.store.event_store import (
    LAST_INSTANT,
    LAST_VERSION,
    StoredEvent,
    lock_stream,
    read_instants,
    read_stream,
)
from app.engine.store.high_water_mark import current_instant_after_appends
from app.engine.store.live_fold import Document, fold_stream

FETCH_ROWS = 200
"""`list_all` fetches so many documents at a time."""
OnSeconds = Callable[[float], None]
STREAM_VERSION = "select version from catalog.streams where stream_id = %s"


class ListingPage(Struct, frozen=True, kw_only=True):
    """One page of a listing."""

    json: bytes
    """A JSON array of the documents."""
    last: SortKey | None
    """The next page begins after it; None if this is the last page."""
    as_of: datetime | None
    """The instant that further pages must be as of."""


class Bound(Struct, frozen=True, kw_only=True):
    """Which events a document is folded from: those recorded up to `until`, and up to `version`."""

    until: datetime | None = None
    version: int = LAST_VERSION

    @property
    def is_fixed(self) -> bool:
        """Whether no future event can be within the bound."""
        return self.version != LAST_VERSION


class DocumentRebuilt(Struct, frozen=True):
    """The result of rebuilding one document."""

    changed: bool
    """Whether the stored document differed from the fold of the log."""
    version: int
    json: bytes


VERSIONS_AT_TWO_BOUNDS = """
select (
        select events.version
        from catalog.events
        where events.stream_id = %(id)s
            and events.version <= found.version
            and events.recorded_at <= %(until)s
        order by events.version desc
        limit 1
    ), valid_from, document
from (
    select version, valid_from, document
    from {documents}
    where id = %(id)s and valid_from <= %(until)s
    union all
    select version, valid_from, document
    from (
        select version, valid_from, valid_to, document
        from {history}
        where id = %(id)s and valid_from <= %(until)s
        order by valid_from desc
        limit 1
    ) as latest
    where valid_to > %(until)s
) as found
"""
"""A row's version is the last version with this document. It may belong to an event after the instant that the
projection ignores, so the version at the instant is read from the log."""


class Documents:
    """Reads, lists and rebuilds the documents of one inline projection."""

    def __init__(
        self,
        database: ConnectionSource,
        projection: type[Projection[Any, Any]],
        on_rebuilt: OnSeconds = lambda _: None,
        on_time_travel: OnSeconds = lambda _: None,
    ) -> None:
        """The callbacks receive the duration of each rebuild of one document, and of each read of a past document."""
        assert projection.lifecycle == "inline", f"{projection.__name__} keeps no documents"
        self._database = database
        self._on_rebuilt = on_rebuilt
        self._on_time_travel = on_time_travel
        self._projection = projection
        self._table = sql.Identifier("catalog", projection.name)
        self._get = sql.SQL("select version, valid_from, document from {} where id = %s").format(self._table).as_bytes()
        history = sql.Identifier("catalog", f"{projection.name}_history")
        self._get_as_of = sql.SQL(VERSIONS_AT_TWO_BOUNDS).format(documents=self._table, history=history).as_bytes()

    async def get(self, document_id: int) -> Document | None:
        """The current document."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._get, (document_id,), prepare=True)
            row = await cursor.fetchone()
        return Document(*row) if row else None

    async def get_as_of(
        self, document_id: int, until: datetime | None = None, version: int = LAST_VERSION
    ) -> Document | None:
        """The document folded from the events up to an instant and a version; None before the first event."""
        async with self._database.connection() as connection:
            with _timed(self._on_time_travel):
                if until is None or version != LAST_VERSION or not self._projection.temporal:
                    return await fold_stream(connection, self._projection, document_id, until, version)
                cursor = await connection.execute(self._get_as_of, {"id": document_id, "until": until}, prepare=True)
                row = await cursor.fetchone()
                return Document(*row) if row else None

    async def get_at_two(
        self, document_id: int, first: Bound, second: Bound
    ) -> tuple[Document | None, Document | None]:
        """One document at two bounds, read in one snapshot."""
        query = sql.SQL(
            "select folded.version, folded.valid_from, folded.document"
            " from (values (1, %s::timestamptz, %s::integer), (2, %s, %s::integer)) as asked (place, until, version)"
            " left join lateral {}(%s::integer, asked.until, asked.version) as folded on true order by asked.place"
        ).format(sql.Identifier("catalog", f"fold_{self._projection.name}"))
        bounds = [bound for each in (first, second) for bound in (each.until or LAST_INSTANT, each.version)]
        async with self._database.connection() as connection:
            with _timed(self._on_time_travel):
                cursor = await connection.execute(query, (*bounds, document_id), prepare=True)
                before, after = [None if row[0] is None else Document(*row) for row in await cursor.fetchall()]
        return before, after

    async def events_of(self, document_id: int, version: int = LAST_VERSION) -> list[StoredEvent]:
        """The events of a document up to a version, in order, each upcast to the current shape of its type."""
        async with self._database.costly(STREAMS) as connection:
            stored = await read_stream(connection, document_id, version=version)
        tags = self._projection.registry
        return [structs.replace(each, data=tags.upcast_json(each.type, each.data)) for each in stored]

    async def instants_of(self, document_id: int) -> list[datetime]:
        """When each event of a document was recorded, without reading the events' data; empty if there is no stream."""
        async with self._database.connection() as connection:
            return await read_instants(connection, document_id)

    async def list_page(self, listing: Listing) -> ListingPage:
        """One page of a listing.

        If there are further pages, this page is read again as of an instant, so that all pages are as of that instant.
        """
        cost = costly_read_of(listing)
        listing = structs.replace(listing, limit=listing.limit + 1)
        async with self._database.connection() if cost is None else self._database.costly(cost) as connection:
            rows = await self._rows(connection, listing)
            if len(rows) == listing.limit and listing.as_of is None:
                listing = structs.replace(listing, as_of=await current_instant_after_appends(connection))
                rows = await self._rows(connection, listing)
        more = len(rows) == listing.limit
        rows = rows[: listing.limit - 1]
        key, id, _ = rows[-1] if more else (None, 0, b"")
        return ListingPage(
            json=b"[" + b",".join(document for _, _, document in rows) + b"]",
            last=None if key is None else SortKey(key, id),
            as_of=listing.as_of,
        )

    async def list_all(self, listing: Listing, most_bytes: int) -> bytes | None:
        """All documents of a listing, in order, as a JSON array.

        None if there are more documents than the listing's limit, or more than `most_bytes` of them. Documents are
        fetched in batches, so memory holds little more than `most_bytes`.
        """
        query, given = listing_query(self._projection, structs.replace(listing, limit=listing.limit + 1))
        documents: list[bytes] = []
        held_bytes = 0
        async with (
            self._database.costly(SHELVES) as connection,
            connection.transaction(),
            connection.cursor(name="all") as cursor,
        ):
            await cursor.execute(query, given)
            while rows := await cursor.fetchmany(FETCH_ROWS):
                documents += [document for _, _, document in rows]
                held_bytes += sum(len(document) for _, _, document in rows)
                if len(documents) > listing.limit or held_bytes > most_bytes:
                    return None
        return b"[" + b",".join(documents) + b"]"

    async def _rows(self, connection: AsyncConnection, listing: Listing) -> list[tuple[Any, ...]]:
        return await read_rows(connection, self._projection, listing)

    async def count_by(self, *fields: str, as_of: datetime | None = None) -> list[tuple[Any, ...]]:
        """The number of documents for each combination of the fields' texts, as `(text, …, count)`."""
        keys = sql.SQL(", ").join(map(sql.Identifier, fields))
        query = sql.SQL("select {}, count(*) from {} group by {}").format(keys, self._as_of(as_of), keys)
        database = self._database
        async with database.connection() if as_of is None else database.costly(STATISTICS) as connection:
            return await (await connection.execute(query)).fetchall()

    def _as_of(self, instant: datetime | None) -> sql.Composable:
        """The table, or a call of the function that returns the documents as of an instant."""
        if instant is None:
            return self._table
        return sql.SQL("{}({})").format(sql.Identifier("catalog", f"{self._projection.name}_as_of"), instant)

    async def changed_between(
        self, since: datetime, until: datetime, equal: Mapping[str, str], after_id: int, limit: int
    ) -> ChangesPage:
        """A page of the documents that differ between two instants; see `app.engine.queries.changes`."""
        async with self._database.costly(CHANGES) as connection:
            return await changed_between(connection, self._projection, Interval(since, until), equal, after_id, limit)

    async def rebuild(self, document_id: int, check: Callable[[int], None] | None = None) -> DocumentRebuilt | None:
        """Fold one document from the log and store it; None if the log has no events for it.

        `check` receives the version of the locked stream, and may raise to prevent the rebuild.
        """
        query = "select changed, version, document from catalog.rebuild_document(%s, %s::integer)"
        async with self._database.costly(REBUILDS) as connection, connection.transaction():
            if check is not None:
                await lock_stream(connection, document_id)
                row = await (await connection.execute(STREAM_VERSION, (document_id,))).fetchone()
                if row:
                    check(row[0])
            with _timed(self._on_rebuilt):
                with committing(connection):
                    cursor = await connection.execute(query, (self._projection.name, document_id))
                row = await cursor.fetchone()
        return DocumentRebuilt(*row) if row and row[2] is not None else None


@contextmanager
def _timed(on_seconds: OnSeconds) -> Iterator[None]:
    started = time.perf_counter()
    yield
    on_seconds(time.perf_counter() - started)


class RollupDocuments:
    """Reads the documents of one rollup, as of its checkpoint or as of an instant."""

    def __init__(self, database: ConnectionSource, rollup: AnyRollup) -> None:
        self._database = database
        self.name = rollup.name
        self._get = sql.SQL("select document from {} where key = %s").format(sql.Identifier("catalog", rollup.name))
        self._get_as_of = rollup_as_of(rollup.name)

    async def get(self, key: str, as_of: datetime | None = None) -> bytes | None:
        """The document of a key."""
        query, given = (self._get, (key,)) if as_of is None else (self._get_as_of, (as_of, key))
        async with self._database.connection() as connection:
            row = await (await connection.execute(query, given, prepare=True)).fetchone()
        return row[0] if row else None


def rollup_as_of(name: str) -> sql.Composed:
    """The query for the document of a key as of an instant.

    The collation must be named here, because a function cannot declare it for its result. Without it no index serves.
    """
    return sql.SQL('select document from {}(%s) where key = %s collate "C"').format(
        sql.Identifier("catalog", f"{name}_as_of")
    )
