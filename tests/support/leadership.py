"""Which sessions hold the projector's lock, and which have been refused it, in one look at the database."""

import psycopg

from app.engine.postgres.advisory_locks import LEADER_LOCK
from tests.support.patience import until

LEADERS = f"""
select pid
from pg_locks
where locktype = 'advisory'
    and granted
    and objsubid = 1
    and (classid::bigint << 32) + objid::bigint = {LEADER_LOCK}
    and database = (select oid from pg_database where datname = current_database())
"""

REFUSED = f"""
select count(*)
from pg_stat_activity
where datname = current_database()
    and query like 'select pg_try_advisory_lock(%%'
    and state = 'idle'
    and query_start > %s
    and pid not in ({LEADERS})
"""


def leaders(connection: psycopg.Connection) -> list[int]:
    """The backends that lead."""
    return [pid for (pid,) in connection.execute(LEADERS.encode()).fetchall()]


def terminate_leader(connection: psycopg.Connection) -> None:
    """Wait until somebody leads, and end the leading connection."""
    (leader,) = until(lambda: leaders(connection), "nobody led")
    assert connection.execute("select pg_terminate_backend(%s, 30000)", (leader,)).fetchone() == (True,)


def until_refused(connection: psycopg.Connection, others: int) -> None:
    """Wait until as many others have asked for the lock from now on, and do not have it."""
    (now,) = connection.execute("select clock_timestamp()").fetchone() or (None,)

    def are_refused() -> bool:
        return connection.execute(REFUSED.encode(), (now,)).fetchone() == (others,)

    until(are_refused, "the others have not asked for the lock")
