"""Whether an error means that the database is away or busy: told by its SQLSTATE and by the connection's state.

The driver's classes do not tell: OperationalError and InterfaceError are both raised for a connection that was lost and
for one that we use wrongly. Whatever is not away is a mistake of ours, to be logged whole.
"""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from app.engine.postgres.connections import ReplicationUnconfirmed

UNAVAILABLE_CLASSES = ("08", "53", "57", "58")
"""Connection exceptions, insufficient resources, operator intervention (and a cancelled statement), system errors."""
UNAVAILABLE_STATES = ("25006", "25P03", "25P04", "40001", "40P01", "55P03")
"""Read only just now, idle or open in a transaction for too long, a serialization failure, a deadlock, a lock not to be
had in time."""


def is_unavailable(error: Exception, connection: psycopg.AsyncConnection | psycopg.Connection | None = None) -> bool:
    """Without a `connection` it is about connecting. One that we closed ourselves is not `broken`."""
    if isinstance(error, PoolTimeout | TooManyRequests | PoolClosed | ReplicationUnconfirmed):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(UNAVAILABLE_CLASSES) or error.sqlstate in UNAVAILABLE_STATES
    is_about_the_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_about_the_connection and (connection is None or connection.broken)
