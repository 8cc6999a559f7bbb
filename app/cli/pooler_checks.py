"""Detect a pooler in front of the database, and whether it keeps each session on one server connection.

A pooler answers in the server's place and reports a process id of its own, so libpq's process id differs from the
server's. Proxies of bytes, such as the Cloud SQL Auth Proxy, are not detected, and need not be. In transaction mode a
client has a server connection for one transaction only. Between two transactions another client may get it.
"""

import asyncio
import secrets
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, errors

from app.engine.postgres.connections import PooledConnection
from app.engine.postgres.session_settings import connect_async
from app.errors import SetupError, first_line
from app.settings import Settings

ATTEMPTS = 10
"""In transaction mode the first attempt mostly shows it; under load another client may hold the connection."""
POOLER_ANSWERS_WITHIN_SECONDS = 2.0
BACKEND_PID = "select pg_catalog.pg_backend_pid()"
TRANSACTION_BLOCK_REFUSED = (errors.ProtocolViolation, errors.FeatureNotSupported)


def url_of_sessions(settings: Settings) -> tuple[str, str] | None:
    """The variable and the URL for work that needs a session; None for the embedded database. Raises SetupError."""
    if settings.database_url is None:
        if settings.database_direct_url is not None or settings.pooler == "transaction":
            raise SetupError("DATABASE_DIRECT_URL and CATALOG_POOLER need DATABASE_URL")
        return None
    if settings.database_direct_url is not None:
        return "DATABASE_DIRECT_URL", settings.database_direct_url
    if settings.pooler == "transaction":
        raise SetupError(f"CATALOG_POOLER=transaction needs {DIRECT_URL}")
    return "DATABASE_URL", settings.database_url


def check_sessions(name: str, conninfo: str) -> None:
    """Raises SetupError if the database keeps no session. An unreachable database passes."""
    with suppress(psycopg.OperationalError):
        if not asyncio.run(keeps_sessions(conninfo)):
            what_to_do = GO_PAST if name == "DATABASE_DIRECT_URL" else WHAT_TO_SET
            raise SetupError(f"{name} leads through a pooler in transaction mode: {what_to_do}")


def check_poolers(settings: Settings, conninfo: str) -> None:
    """Check the URLs through which requests reach the database; `conninfo` is for sessions.

    Raises SetupError that names what to set. An unreachable replica passes.
    """
    asyncio.run(_check_all(settings, conninfo))


async def _check_all(settings: Settings, conninfo: str) -> None:
    if settings.database_replica_url is not None:
        with suppress(psycopg.OperationalError):
            await _check_requests(settings, "DATABASE_REPLICA_URL", settings.database_replica_url)
    if settings.database_direct_url is not None and settings.database_url is not None:
        try:
            await _check_requests(settings, "DATABASE_URL", settings.database_url)
            await _check_same_database(settings.database_url, conninfo)
        except psycopg.OperationalError as error:
            raise SetupError(f"the database cannot be reached by DATABASE_URL: {first_line(error)}") from error


async def _check_requests(settings: Settings, name: str, url: str) -> None:
    if settings.pooler == "session":
        if not await keeps_sessions(url):
            raise SetupError(f"{name} leads through a pooler in transaction mode: {WHAT_TO_SET}")
    elif not await _has_transactions(url):
        raise SetupError(f"{name} leads through a pooler in statement mode: set its pool_mode to transaction")


DIRECT_URL = "DATABASE_DIRECT_URL, the same database past the pooler, for the background, rebuilds and imports"
GO_PAST = "it must name the same database past the pooler"
WHAT_TO_SET = f"set CATALOG_POOLER=transaction and {DIRECT_URL}"


async def keeps_sessions(conninfo: str) -> bool:
    """False if a pooler changes the server connection between two transactions. Raises psycopg.OperationalError."""
    async with await _connect_bare(conninfo) as one:
        first = await _backend_pid(one)
        if first == one.info.backend_pid:
            return True
        async with await _connect_bare(conninfo) as other:
            try:
                async with asyncio.timeout(POOLER_ANSWERS_WITHIN_SECONDS):
                    for _ in range(ATTEMPTS):
                        if await _is_shared(one, other, first):
                            return False
            except TimeoutError:
                pass  # `other` waits for a connection although `one` is idle: `one` keeps its own
    return True


async def _is_shared(one: AsyncConnection, other: AsyncConnection, first: int) -> bool:
    """Whether `other` got the server connection of the idle `one`, or `one` got another."""
    return await _backend_pid(other) == first or await _backend_pid(one) != first


async def _has_transactions(conninfo: str) -> bool:
    async with await _connect_bare(conninfo) as connection:
        try:
            await connection.execute("begin")
            await connection.execute("rollback")
        except TRANSACTION_BLOCK_REFUSED:
            return False
    return True


async def _check_same_database(url: str, direct: str) -> None:
    """Raises SetupError unless an advisory lock taken through one URL is seen through the other."""
    key = int.from_bytes(secrets.token_bytes(8), signed=True)
    async with await connect_async(direct) as one, await _connect_bare(url) as other:
        await one.execute("select pg_catalog.pg_advisory_lock(%s)", (key,))
        row = await (await other.execute(LOCK_IS_HELD, {"key": key})).fetchone()
    if row != (True,):
        raise SetupError("DATABASE_DIRECT_URL and DATABASE_URL lead to two databases: name the same one in both")


LOCK_IS_HELD = """
select exists (
    select from pg_catalog.pg_locks
    where locktype = 'advisory'
        and database = (select oid from pg_catalog.pg_database where datname = current_database())
        and (classid::bigint << 32) + objid::bigint = %(key)s)
"""


async def _connect_bare(conninfo: str) -> AsyncConnection:
    """Connect without our session settings, which a pooler would pass on to others. A timeout closes the connection."""
    connection = await PooledConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    connection.may_cancel = False
    return connection


async def _backend_pid(connection: AsyncConnection) -> int:
    row = await (await connection.execute(BACKEND_PID)).fetchone()
    assert row is not None, "a function returns one row"
    return int(row[0])
