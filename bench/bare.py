"""The ceiling for `bench.http`: what Litestar, the pool and Postgres need alone, served just as `catalog serve` is.

python -m bench.bare CONNINFO        prints the port it listens on
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from app.engine.postgres.connections import read_json_as_bytes
from app.http.server.server import listen, serve_until_stopped
from app.settings import Settings

TABLES = """
create schema bare;
create table bare.events (like catalog.log including all);
create table bare.items (id integer primary key, document jsonb not null);
create sequence bare.ids;
"""
READ = "select document from catalog.items where id = %s"
WRITE = """
with event as (
    insert into bare.events (event_id, stream_id, version, type, data, metadata, recorded_at)
    values (gen_random_uuid(), nextval('bare.ids'), 1, 'item_created', %s, '{"user_id": "bench"}', clock_timestamp())
    returning stream_id, data
)
insert into bare.items select stream_id, data from event returning document
"""

Pool = AsyncConnectionPool[AsyncConnection]


@get("/items/{item_id:int}")
async def read(item_id: FromPath[int], pool: NamedDependency[Pool]) -> Response[bytes]:
    """One row's bytes."""
    async with pool.connection() as connection:
        row = await (await connection.execute(READ, (item_id,), prepare=True)).fetchone()
    assert row is not None
    return Response(row[0], media_type=MediaType.JSON)


@post("/items")
async def write(request: Request[Any, Any, Any], pool: NamedDependency[Pool]) -> Response[bytes]:
    """Writes one event and one document in one statement, without validation."""
    body = Jsonb(await request.body(), dumps=lambda body: body)
    async with pool.connection() as connection:
        row = await (await connection.execute(WRITE, (body,), prepare=True)).fetchone()
    assert row is not None
    return Response(row[0], media_type=MediaType.JSON)


def bare_app(conninfo: str) -> ASGIApp:
    async def configure(connection: AsyncConnection) -> None:
        read_json_as_bytes(connection)

    size = Settings().pool_size
    pool = Pool(conninfo, min_size=1, max_size=size, kwargs={"autocommit": True}, configure=configure, open=False)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with pool:
            yield

    provided = Provide(lambda: pool, use_cache=True, sync_to_thread=False)
    app = Litestar([read, write], dependencies={"pool": provided}, lifespan=[lifespan], logging_config=None)
    return _with_a_constant(app)


def _with_a_constant(app: ASGIApp) -> ASGIApp:
    """`/constant` is answered without a handler: the maximum of the client and uvicorn."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != "/constant":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}", "more_body": False})

    return answer


def main() -> None:
    listening = listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    serve_until_stopped(bare_app(sys.argv[1]), asyncio.Event(), listening)


if __name__ == "__main__":
    main()
