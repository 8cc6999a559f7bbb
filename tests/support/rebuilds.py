"""Rebuilds for tests: run one, and see what unfinished ones have left."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg

from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress, RebuildResult
from app.engine.projection.rollup import AnyReadModel
from tests.support.appending import append
from tests.support.workload import SPADE, catch_up_all


def some_items(connection: psycopg.Connection, count: int = 30) -> list[int]:
    streams = [append(connection, None, [SPADE])[0] for _ in range(count)]
    asyncio.run(catch_up_all(connection.info.dsn))
    return streams


def rebuilt(
    connection: psycopg.Connection, read_model: AnyReadModel, tell: Callable[[RebuildProgress], None] = lambda _: None
) -> RebuildResult:
    return asyncio.run(rebuild(connection.info.dsn, read_model, tell))


def leftovers(connection: psycopg.Connection) -> list[Any]:
    """The tables of unfinished generations, and the rebuilds that the database reports as running."""
    return connection.execute(
        "select relname::text from pg_class where relkind = 'r' and relname like '%\\_next'"
        " union all select name from catalog.projections where rebuild is not null order by 1"
    ).fetchall()


def is_built(connection: psycopg.Connection, name: str) -> bool:
    """Whether the rebuild has reached the swap."""
    query = "select rebuild -> 'done' = rebuild -> 'events' from catalog.projections where name = %s"
    return connection.execute(query, (name,)).fetchone() == (True,)
