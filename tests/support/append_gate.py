"""Hold writers at the append gate, and see them wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from tests.support.operator_commands import fetch_value

WAITING_IMPORTS = """
select count(*)
from pg_stat_activity
where query like '%%append_new_streams(%%'
    and state = 'active'
    and pid <> pg_backend_pid()
    and datname = current_database()
"""
WAITING_AT_THE_GATE = """
select count(*)
from pg_locks
where locktype = 'advisory'
    and not granted
    and database = (select oid from pg_database where datname = current_database())
    and (classid::bigint << 32) + objid::bigint = catalog.append_gate()
"""


@contextmanager
def gate_closed(connection: psycopg.Connection) -> Iterator[Callable[[], int]]:
    """Close the append gate until the end, or until `open_gate`; yields a function that counts who waits for it."""
    connection.execute("select pg_advisory_lock(catalog.append_gate())")
    try:
        yield lambda: int(fetch_value(connection, WAITING_AT_THE_GATE))
    finally:
        connection.execute("select pg_advisory_unlock_all()")


def open_gate(connection: psycopg.Connection) -> None:
    connection.execute("select pg_advisory_unlock(catalog.append_gate())")


@contextmanager
def imports_held(connection: psycopg.Connection) -> Iterator[Callable[[], int]]:
    """Hold imports at the append gate; yields a function that counts the waiting imports."""
    with gate_closed(connection):
        yield lambda: int(fetch_value(connection, WAITING_IMPORTS))
