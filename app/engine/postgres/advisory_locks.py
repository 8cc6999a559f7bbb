"""The keys of the advisory locks that Python takes. schema.sql has one more: append_gate()."""

import hashlib

from psycopg import AsyncConnection

MIGRATION_LOCK = 7023051975126217512

LEADER_LOCK = 7023051975126217513
MAINTENANCE_LOCK = 7023051975126217514


def rebuild_lock_key(name: str) -> int:
    """The key of the advisory lock that a rebuild of this projection holds."""
    return int.from_bytes(hashlib.sha256(f"catalog rebuild {name}".encode()).digest()[:8], signed=True)


async def try_lock(connection: AsyncConnection, key: int) -> bool:
    """Take a lock until the connection ends; False if another session holds it."""
    cursor = await connection.execute("select pg_try_advisory_lock(%s)", (key,))
    return await cursor.fetchone() == (True,)
