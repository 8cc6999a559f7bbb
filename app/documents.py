"""Queries over a projection's documents: the present as stored bytes, the past by folding the log.

Filters compare a field's text with the very expressions that the projection's indexes hold, so the planner finds them.
"""

import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.database import Database
from app.document_sql import field_text, names_of, words_text, words_vector
from app.projection import Projection
from app.rollup_sql import AnyRollup
from app.rules import Words
from app.store import LAST_INSTANT, LAST_VERSION, StoredEvent, read_stream, recorded


class Document(Struct, frozen=True):
    """A document with its place in time."""

    version: int
    """The version of its stream, events that the projection ignores included."""
    valid_from: datetime
    """When the last event folded into it was recorded."""
    json: bytes
    """The document, as stored."""


class AsOf(Struct, frozen=True, kw_only=True):
    """A moment of a document: the last event folded into it is recorded by `until`, and `version` at most."""

    until: datetime | None = None
    version: int = LAST_VERSION

    @property
    def is_fixed(self) -> bool:
        """Whether nothing that is still to come can be in it."""
        return self.version != LAST_VERSION


class Rebuilt(Struct, frozen=True):
    """What a rebuild of one document found."""

    changed: bool
    """Whether the stored document was not what the log says."""
    version: int
    json: bytes


class Documents:
    """The documents of one inline projection."""

    def __init__(
        self,
        database: Database,
        projection: type[Projection[Any, Any]],
        replayed: Callable[[Literal["item", "time_travel"], float], None] = lambda *_: None,
    ) -> None:
        """`replayed` hears how many seconds a fold of one document took."""
        assert projection.lifecycle == "inline", f"{projection.__name__} keeps no documents"
        self._database = database
        self._replayed = replayed
        self._projection = projection
        self._table = sql.Identifier("catalog", projection.name)
        self._get = sql.SQL("select version, valid_from, document from {} where id = %s").format(self._table)

    async def get(self, document_id: int) -> Document | None:
        """The present document."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._get, (document_id,), prepare=True)
            row = await cursor.fetchone()
        return Document(*row) if row else None

    async def get_as_of(
        self, document_id: int, until: datetime | None = None, version: int = LAST_VERSION
    ) -> Document | None:
        """The document folded from the events up to an instant and a version; None before its first event."""
        async with self._database.connection() as connection:
            with self._timed("time_travel"):
                return await fold_stream(connection, self._projection, document_id, until, version)

    async def get_both(self, document_id: int, first: AsOf, second: AsOf) -> tuple[Document | None, Document | None]:
        """One document at two moments, both of one snapshot."""
        query = sql.SQL(
            "select folded.version, folded.valid_from, folded.document"
            " from (values (1, %s::timestamptz, %s::integer), (2, %s, %s::integer)) as asked (place, until, version)"
            " left join lateral {}(%s::integer, asked.until, asked.version) as folded on true order by asked.place"
        ).format(sql.Identifier("catalog", f"fold_{self._projection.name}"))
        bounds = [bound for each in (first, second) for bound in (each.until or LAST_INSTANT, each.version)]
        async with self._database.connection() as connection:
            with self._timed("time_travel"):
                cursor = await connection.execute(query, (*bounds, document_id), prepare=True)
                before, after = [None if row[0] is None else Document(*row) for row in await cursor.fetchall()]
        return before, after

    async def events_of(self, document_id: int, version: int = LAST_VERSION) -> list[StoredEvent]:
        """The events that a document is folded from, up to a version, in order."""
        async with self._database.connection() as connection:
            return await read_stream(connection, document_id, version=version)

    async def find(
        self,
        equal: Mapping[str, str],
        newest_first: str,
        search: str = "",
        limit: int = 100,
        offset: int = 0,
    ) -> bytes:
        """A JSON array of the documents whose fields equal the given texts and that hold the words searched."""
        query, parameters = self.listing(equal, newest_first, search)
        async with self._database.connection() as connection:
            cursor = await connection.execute(query, (*parameters, limit, offset))
            rows = await cursor.fetchall()
        return b"[" + b",".join(row[0] for row in rows) + b"]"

    def listing(self, equal: Mapping[str, str], newest_first: str, search: str = "") -> tuple[sql.Composed, list[Any]]:
        """The query of `find` and its parameters; a limit and an offset are to follow."""
        conditions, parameters = _equalities(equal)
        if search.strip():
            found, words = _search(names_of(self._words().fields), search)
            conditions += found
            parameters += words
        where = sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")
        query = sql.SQL("select document from {} where {} order by {} desc, id desc limit %s offset %s").format(
            self._table, where, _expression(field_text(newest_first))
        )
        return query, parameters

    async def count_by(self, *fields: str) -> list[tuple[Any, ...]]:
        """How many documents there are for each combination of the fields' texts: `(text, …, count)`."""
        keys = sql.SQL(", ").join(_expression(field_text(field)) for field in fields)
        query = sql.SQL("select {}, count(*) from {} group by {}").format(keys, self._table, keys)
        async with self._database.connection() as connection:
            return await (await connection.execute(query)).fetchall()

    async def rebuild(self, document_id: int) -> Rebuilt | None:
        """Fold one stored document anew from the log and put it in place; None if the log has none."""
        async with self._database.connection() as connection:
            query = "select changed, version, document from catalog.rebuild_document(%s, %s::integer)"
            with self._timed("item"):
                cursor = await connection.execute(query, (self._projection.name, document_id))
                row = await cursor.fetchone()
        return Rebuilt(*row) if row and row[2] is not None else None

    @contextmanager
    def _timed(self, kind: Literal["item", "time_travel"]) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._replayed(kind, time.perf_counter() - started)

    def _words(self) -> Words:
        words = [index for index in self._projection.indexes if isinstance(index, Words)]
        assert words, f"{self._projection.__name__} has no words to search"
        return words[0]


class RollupDocuments:
    """The documents of one rollup, as of its checkpoint."""

    def __init__(self, database: Database, rollup: AnyRollup) -> None:
        self._database = database
        self._get = sql.SQL("select document from {} where key = %s").format(sql.Identifier("catalog", rollup.name))

    async def get(self, key: str) -> bytes | None:
        """The document of a key, as stored."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(self._get, (key,), prepare=True)).fetchone()
        return row[0] if row else None


async def fold_stream(
    connection: AsyncConnection,
    projection: type[Projection[Any, Any]],
    stream_id: int,
    until: datetime | None = None,
    version: int = LAST_VERSION,
) -> Document | None:
    """One stream's document as of an instant and a version: folded by Postgres, or in Python without rules."""
    bound = until or LAST_INSTANT
    if projection.compiles():
        query = sql.SQL("select version, valid_from, document from {}(%s::integer, %s, %s::integer)").format(
            sql.Identifier("catalog", f"fold_{projection.name}")
        )
        cursor = await connection.execute(query, (stream_id, bound, version), prepare=True)
        row = await cursor.fetchone()
        return Document(*row) if row else None
    history = await read_stream(connection, stream_id, bound, version)
    instance = projection()
    folded = instance.fold(recorded(stream_id, projection.tags, stored) for stored in history)
    if folded is None:
        return None
    return Document(history[-1].version, history[-1].recorded_at, instance.canonical_json(folded))


def _equalities(equal: Mapping[str, str]) -> tuple[list[sql.Composable], list[Any]]:
    return [sql.SQL("{} = %s").format(_expression(field_text(field))) for field in equal], list(equal.values())


def _search(fields: Sequence[str], search: str) -> tuple[list[sql.Composable], list[Any]]:
    """Words by the index; a term with punctuation in it must moreover stand in the text as it is."""
    conditions: list[sql.Composable] = []
    parameters: list[Any] = []
    terms = search.split()
    if any(term.strip(string.punctuation) for term in terms):
        conditions.append(_expression(f"{words_vector(fields)} @@ catalog.words_matching(%s)"))
        parameters.append(search)
    for term in terms:
        if any(character in string.punctuation for character in term):
            conditions.append(_expression(f"strpos(lower({words_text(fields)}), lower(%s)) > 0"))
            parameters.append(term)
    return conditions, parameters


def _expression(text: str) -> sql.SQL:
    """SQL that the compiler made from the projection's own field names; no input is in it."""
    return sql.SQL(text)
