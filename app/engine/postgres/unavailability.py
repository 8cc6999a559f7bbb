"""Decide whether an error means that the database is away or busy, by its SQLSTATE and the connection's state.

The driver's error classes do not tell: psycopg raises OperationalError and InterfaceError for a lost connection and for
wrong use of one. Any other error is our mistake and is logged with its traceback.
"""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from app.engine.postgres.connections import ReplicationUnconfirmed

UNAVAILABLE_CLASSES = ("08", "53", "57", "58")
"""Connection exceptions, insufficient resources, operator intervention (and a cancelled statement), system errors."""
UNAVAILABLE_STATES = ("25006", "25P03", "25P04", "40001", "40P01", "55P03")
"""A read-only transaction, a transaction idle or open for too long, a serialization failure, a deadlock, a lock not
available in time."""


def is_unavailable(error: Exception, connection: psycopg.AsyncConnection | psycopg.Connection | None = None) -> bool:
    """Whether the database is away or busy. Without `connection` the error is one of connecting.

    A connection that we closed ourselves is not `broken`.
    """
    if isinstance(error, PoolTimeout | TooManyRequests | PoolClosed | ReplicationUnconfirmed):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(UNAVAILABLE_CLASSES) or error.sqlstate in UNAVAILABLE_STATES
    is_about_the_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_about_the_connection and (connection is None or connection.broken)
