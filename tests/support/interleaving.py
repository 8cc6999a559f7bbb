"""Let other sessions act between two statements of a function, so that a wrong order of statements shows."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, AsyncCursor, sql

from tests.support.appending import append
from tests.support.workload import SPADE

HELD_FOR_STATEMENTS = 3


class InterleavedConnection(AsyncConnection):
    """A connection in autocommit that calls `before_statement` with the text of each statement."""

    before_statement: Callable[[str], None] = staticmethod(lambda _: None)

    async def execute(self, query: Any, *arguments: Any, **named: Any) -> AsyncCursor[Any]:
        self.before_statement(query.as_string(None) if isinstance(query, sql.Composable) else str(query))
        return await super().execute(query, *arguments, **named)


async def connect_interleaved(conninfo: str, before_statement: Callable[[str], None]) -> InterleavedConnection:
    connection = await InterleavedConnection.connect(conninfo, autocommit=True)
    connection.before_statement = before_statement
    return connection


class OpenAppend(Struct, frozen=True):
    """An event in a transaction that is not committed yet."""

    connection: psycopg.Connection
    position: int
    recorded_at: datetime
    begun: int
    """The number of the statement before which it began."""


class AppendsHeldOpen:
    """Before each statement one append begins; it is committed three statements later. Use it with `with`."""

    statements_max = 200

    def __init__(self, conninfo: str) -> None:
        self.open: list[OpenAppend] = []
        self.statements: list[str] = []
        self._conninfo = conninfo

    def __call__(self, statement: str) -> None:
        self.statements.append(statement)
        number = len(self.statements)
        assert number < self.statements_max, "it waits for appends that began after it"
        while self.open and self.open[0].begun <= number - HELD_FOR_STATEMENTS:
            self._commit_first()
        connection = psycopg.connect(self._conninfo)
        _, _, position, recorded_at, _ = append(connection, None, [SPADE])
        self.open.append(OpenAppend(connection, position, recorded_at, number))

    def _commit_first(self) -> None:
        first = self.open.pop(0)
        first.connection.commit()
        first.connection.close()

    def __enter__(self) -> "AppendsHeldOpen":
        return self

    def __exit__(self, *_: object) -> None:
        while self.open:
            self._commit_first()
