"""The schema in the database: brought forward by numbered migrations, then installed whole; forward only.

A migration makes changes that `create … if not exists` and `create or replace` cannot make to an existing database. A
new database gets only schema.sql, which is always the newest.
"""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, errors

from app.engine.postgres.advisory_locks import MIGRATION_LOCK
from app.engine.postgres.session_settings import MIGRATION, connect
from app.errors import SetupError, first_line

MIGRATION_WAIT_SECONDS = 60.0
MIGRATION_PAUSE_SECONDS = 0.5
"""The pause before a migration that could not lock a table is tried again; an import, for example, locks its tables to
its end."""


class Migration(Struct, frozen=True):
    number: int
    name: str
    sql: str


def known_migrations(folder: Path) -> list[Migration]:
    """The files of a folder, each NNNN_name.sql, in their order."""
    files = sorted(folder.glob("*.sql"))
    named = [(re.fullmatch(r"(\d{4})_(\w+)", file.stem), file) for file in files]
    assert all(match and int(match[1]) == place for place, (match, _) in enumerate(named, 1)), "numbered without gaps"
    return [Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")) for match, file in named if match]


def migrate(
    conninfo: str, sql: str, known: Sequence[Migration], then: Callable[[psycopg.Connection], None] = lambda _: None
) -> bool:
    """Run the pending migrations and install `sql`, unless `sql` is installed already; returns whether it was
    installed.

    One transaction holds all of it, `then` included; two migrations at once take turns. Raises SetupError if the
    database cannot be reached, refuses a statement, or has been migrated by a later release.
    """
    deadline = time.monotonic() + MIGRATION_WAIT_SECONDS
    while True:
        try:
            return _migrate_once(conninfo, sql, known, then)
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"the database cannot be migrated while others hold on to it: {first_line(error)}"
                ) from error
            time.sleep(MIGRATION_PAUSE_SECONDS)
        except psycopg.Error as error:
            raise SetupError(f"the database cannot be migrated: {first_line(error)}") from error


def _migrate_once(
    conninfo: str, sql: str, known: Sequence[Migration], then: Callable[[psycopg.Connection], None]
) -> bool:
    with connect(conninfo, MIGRATION, client_encoding="utf8") as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        _check_database_encoding(connection)
        installed = installed_checksum(connection)
        if installed == checksum(sql) and _has_grants(connection):
            return False
        pending = _pending(connection, known)
        for migration in pending if installed else []:
            connection.execute(migration.sql)
        connection.execute(sql)
        connection.cursor().executemany(RECORD_MIGRATION, [(migration.number, migration.name) for migration in pending])
        then(connection)
        connection.execute("insert into catalog.installed (checksum) values (%s)", (checksum(sql),))
        return True


def _has_grants(connection: psycopg.Connection) -> bool:
    """Whether the roles have their rights; after a restore without privileges they have none."""
    return connection.execute(HAS_GRANTS).fetchone() == (True,)


HAS_GRANTS = """
select exists (
    select from pg_roles
    where rolname = 'catalog_service'
        and has_schema_privilege(oid, 'catalog', 'usage'))
"""


def _pending(connection: psycopg.Connection, known: Sequence[Migration]) -> list[Migration]:
    """The migrations that the database has not had. A new database does not run them; they are only recorded."""
    (numbered,) = connection.execute("select to_regclass('catalog.migrations') is not null").fetchone() or (False,)
    rows = connection.execute("select number from catalog.migrations").fetchall() if numbered else []
    seen = {number for (number,) in rows}
    if later := seen - {migration.number for migration in known}:
        raise SetupError(
            f"the database was migrated by a later release, to {max(later)}; this one knows {len(known)}: "
            "there is no way back but a backup"
        )
    return [migration for migration in known if migration.number not in seen]


RECORD_MIGRATION = "insert into catalog.migrations (number, name) values (%s, %s)"


def _check_database_encoding(connection: psycopg.Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SetupError(f"the database is encoded in {encoding}: create one with `encoding 'UTF8'`")


def check_schema(conninfo: str, sql: str) -> None:
    """Raises SetupError unless exactly `sql` is installed in the database."""
    try:
        with connect(conninfo) as connection:
            found = installed_checksum(connection)
    except errors.InsufficientPrivilege as error:
        raise SetupError(
            f"this role may not use the catalog, give it one in catalog_service: {first_line(error)}"
        ) from error
    except psycopg.Error as error:
        raise SetupError(f"the database cannot be reached: {first_line(error)}") from error
    if found is None:
        raise SetupError("the database has no catalog yet: run `catalog migrate`")
    if found != checksum(sql):
        raise SetupError("the database holds another release's schema: run `catalog migrate`")


def check_durable(conninfo: str) -> None:
    """Raises SetupError if the server may lose acknowledged commits in a crash."""
    try:
        with connect(conninfo) as connection:
            off = connection.execute(NOT_DURABLE).fetchall()
    except psycopg.Error as error:
        raise SetupError(f"the database cannot be reached: {first_line(error)}") from error
    if off:
        raise SetupError(
            f"the database server runs with {', '.join(f'{name}=off' for (name,) in off)}: it may lose data"
        )


NOT_DURABLE = """
select name
from pg_settings
where name in ('fsync', 'full_page_writes')
    and setting = 'off'
order by name
"""


def may_change_events(conninfo: str) -> bool:
    """Whether this role has rights to change the log, so that only the append-only trigger protects it."""
    with connect(conninfo) as connection:
        return connection.execute(MAY_CHANGE_EVENTS).fetchone() == (True,)


MAY_CHANGE_EVENTS = "select has_table_privilege('catalog.log', 'insert, update, delete, truncate, trigger')"

NEWEST_INSTALLATION = "select checksum from catalog.installed order by installation desc limit 1"


def installed_checksum(connection: psycopg.Connection) -> str | None:
    """The checksum of the schema that was installed last; None if the database has no catalog."""
    (exists,) = connection.execute("select to_regclass('catalog.installed') is not null").fetchone() or (False,)
    if not exists:
        return None
    row = connection.execute(NEWEST_INSTALLATION).fetchone()
    return row[0] if row else None


async def installed_release(connection: AsyncConnection) -> str | None:
    """As `installed_checksum`, for asyncio; the database must have a catalog."""
    row = await (await connection.execute(NEWEST_INSTALLATION)).fetchone()
    return row[0] if row else None


def checksum(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
