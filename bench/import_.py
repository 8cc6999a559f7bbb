"""How fast is an import? Over HTTP and in SQL alone, against the floor: COPY of the same rows into bare tables.

python -m bench.import_        100,000 items; SCALE=small: 3,000
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
import psycopg
import uvicorn

from app.domain.item import CreateItem, decide
from app.main import create_app
from app.settings import Settings
from bench.data import new_items
from bench.measure import a_database, console, in_turns, scaled
from bench.rows import reporting

ITEMS = scaled(tiny=100, small=3_000, full=100_000)
ROUNDS = scaled(tiny=1, small=3, full=3)
CHUNK_BYTES = 64 * 1024

TABLES = """
create schema bare;
create table bare.events (like catalog.log including all);
create table bare.items (id integer primary key, version integer, valid_from timestamptz, document jsonb not null);
"""
SAMPLE_EVENTS = "copy (select * from catalog.events order by position limit 100000) to stdout (format binary)"
SAMPLE_ITEMS = (
    "copy (select id, version, valid_from, document from catalog.items order by id limit 100000)"
    " to stdout (format binary)"
)


def main() -> None:
    items = [msgspec.convert(fields, CreateItem) for fields in new_items(ITEMS)]
    body = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
    arriving = b"".join(
        msgspec.json.encode(event).replace(b"\\", b"\\\\") + b"\n" for item in items for event in decide(item, None)
    )
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(TABLES)

        def in_sql() -> None:
            with connection.transaction():
                connection.execute("select catalog.begin_import()")
                copy_in(connection, "copy arriving from stdin", arriving)
                connection.execute("select catalog.append_new_streams('{}')")

        in_sql()
        recorded, documents = (copied(connection, query) for query in (SAMPLE_EVENTS, SAMPLE_ITEMS))

        def floor() -> None:
            with connection.transaction():
                connection.execute("drop table bare.events")
                connection.execute("create table bare.events (like catalog.log including all)")
                connection.execute("truncate bare.items")
                copy_in(connection, "copy bare.events from stdin (format binary)", recorded)
                copy_in(connection, "copy bare.items from stdin (format binary)", documents)

        with reporting("import_", connection) as report, serving(conninfo) as url:

            def over_http() -> None:
                headers = {"Content-Type": "application/x-ndjson"}
                response = httpx.post(f"{url}/api/v2/items/import", content=chunks(body), headers=headers, timeout=600)
                assert response.json()["created"] == ITEMS, response.text

            ways = {
                "COPY of the same rows (floor)": floor,
                "append_new_streams": in_sql,
                "POST /items/import": over_http,
            }
            sizes = {"items": ITEMS, "bytes": len(body)}
            question = f"Importing {ITEMS:,} items, {len(body) / 1e6:.1f} MB"
            report.times(question, in_turns(ways, ROUNDS), ITEMS, "items", sizes=sizes)
    console.print(f"Medians of {ROUNDS} rounds in turns.")


def chunks(content: bytes) -> Iterator[bytes]:
    return (content[place : place + CHUNK_BYTES] for place in range(0, len(content), CHUNK_BYTES))


def copy_in(connection: psycopg.Connection, statement: str, content: bytes) -> None:
    with connection.cursor().copy(psycopg.sql.SQL(statement)) as copy:
        for chunk in chunks(content):
            copy.write(chunk)


def copied(connection: psycopg.Connection, query: str) -> bytes:
    with connection.cursor().copy(psycopg.sql.SQL(query)) as copy:
        return b"".join(bytes(chunk) for chunk in copy)


@contextmanager
def serving(conninfo: str) -> Iterator[str]:
    """Run the service in a thread of this process; its address."""
    app = create_app(conninfo, Settings(projector="off"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "it could not start"
            time.sleep(0.05)
        port: int = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
