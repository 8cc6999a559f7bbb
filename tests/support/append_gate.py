"""Imports that are held at the append gate."""

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


@contextmanager
def imports_held(connection: psycopg.Connection) -> Iterator[Callable[[], int]]:
    """Imports wait at the append gate; gives how many do."""
    connection.execute("select pg_advisory_lock(catalog.append_gate())")
    try:
        yield lambda: int(fetch_value(connection, WAITING_IMPORTS))
    finally:
        connection.execute("select pg_advisory_unlock(catalog.append_gate())")
