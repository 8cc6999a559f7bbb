"""A database whose clock can be set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def settable_clock(connection: psycopg.Connection) -> Iterator[Any]:
    """Replace the clock in each of our SQL functions. Yields a function that sets by how much the clock is wrong."""
    connection.execute("create table public.wrong_by (amount interval not null)")
    connection.execute("insert into public.wrong_by values ('0')")
    connection.execute(
        "create function public.wrong_clock() returns timestamptz language sql volatile"
        " as 'select clock_timestamp() + amount from public.wrong_by'"
    )
    reading = connection.execute(
        "select pg_get_functiondef(pg_proc.oid) from pg_proc where pronamespace = 'catalog'::regnamespace"
        " and prokind = 'f' and prosrc like '%clock_timestamp()%'"
    ).fetchall()
    for (definition,) in reading:
        connection.execute(definition.replace("clock_timestamp()", "public.wrong_clock()").encode())
    assert any("append_to_stream" in definition for (definition,) in reading)
    assert any("begin_mark" in definition for (definition,) in reading)
    yield lambda amount: connection.execute("update public.wrong_by set amount = %s", (amount,))
