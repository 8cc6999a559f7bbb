"""Where a text is stored, before and after the erasure of a stream."""

from typing import Any

import psycopg

TABLES = """
select relname from pg_class
where relnamespace = 'catalog'::regnamespace and relkind in ('r', 'p') order by relname
"""


def tables_with(log: psycopg.Connection, mark: str) -> set[str]:
    """The tables of the schema in which a text is found."""
    found = set()
    for (table,) in log.execute(TABLES).fetchall():
        query = f"select exists (select from catalog.{table} as t where strpos(t::text, %s) > 0)"
        if log.execute(query.encode(), (mark,)).fetchone() == (True,):
            found.add(table)
    return found


def rows_of(log: psycopg.Connection, table: str, where: str = "true") -> list[Any]:
    return log.execute(f"select t::text from catalog.{table} as t where {where} order by 1".encode()).fetchall()


def forget_stream(log: psycopg.Connection, stream_id: int) -> int:
    (forgotten,) = log.execute("select catalog.forget_stream(%s)", (stream_id,)).fetchone() or (0,)
    return int(forgotten)
