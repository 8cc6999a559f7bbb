"""The inherited session settings that the code relies on: one list, set on every connection that the product opens.

A server, a database, a role and a URL may each change any of them. All code connects by `connect` or `connect_async`; a
pool begins its connections with `connection_options`. A pooler in transaction mode keeps no session, so there each
transaction sets them itself, by `set_statement`.

The operator chooses some settings, which are not in the list: `default_transaction_read_only`, which closes a database
to changes (commands then get 503); where and how tables are stored; the planner's switches and memory.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection

A = TypeVar("A", bound=AsyncConnection)

REQUIRED_SETTINGS: Mapping[str, str] = {
    # How values are written: psycopg reads them, and the compiled SQL compares some as text.
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    # What a statement means. Every name in the code has its schema.
    "search_path": "pg_catalog, pg_temp",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "exit_on_error": "off",
    "default_text_search_config": "pg_catalog.english",
    # What a statement finds: a limit would drop rows at random, and views could be refused.
    "gin_fuzzy_search_limit": "0",
    "restrict_nonsystem_relation_kind": "",
    # What a transaction is. An acknowledged append is on disk; an operator's stronger synchronous_commit stays.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "synchronous_commit": "on",
    # The server warns if no synchronous replica has confirmed a commit.
    "client_min_messages": "notice",
    "jit": "off",
    # No inherited time limits: requests and the background set their own.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}

LEADER: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "client_connection_check_interval": "1s",
    "statement_timeout": "50s",
    "idle_session_timeout": "60s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
"""The settings of the projector's leader.

A leader that was killed, or whose machine was, loses its lock soon. So does a leader that is silent, since it should
poll every second. A batch that exceeds the statement timeout is retried as a smaller one. Batches use indexes however
many streams they touch, even if the tables were small at planning time; planning each batch again would take longer
than most batches. The estimated cost of such plans is so high that jit would compile each of them.
"""

REBUILD: Mapping[str, str] = {
    "client_connection_check_interval": "1s",
    "idle_in_transaction_session_timeout": "10s",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_maintenance_workers": "0",
    "max_parallel_workers_per_gather": "0",
}
"""The settings of a rebuild. A killed rebuild must not hold its lock until its statement ends, and a silent one must
not hold the append gate. Each of its connections uses one core.
"""

MIGRATION: Mapping[str, str] = {"lock_timeout": "250ms"}
"""The settings of a migration: if it waited long for an open transaction, every other session would wait behind it."""

VERIFY: Mapping[str, str] = {"client_connection_check_interval": "1s"}
"""The settings of a verification: a killed one must not continue to read."""

TRANSACTION: Mapping[str, str] = {"client_connection_check_interval": "1s"}
"""The settings behind a pooler: there a statement is ended by closing its connection, which the server must notice."""

SET = """
select pg_catalog.set_config(name, case
    when name = 'synchronous_commit' and pg_catalog.current_setting(name) = 'remote_apply' then 'remote_apply'
    else value
end, {is_local})
from (values {settings}) as required (name, value)
where pg_catalog.current_setting(name, true) is not null
"""
"""Skips settings that the server's version does not know. Keeps `remote_apply`, which waits for more than `on` does."""


def set_statement(settings: Mapping[str, str], is_local: bool) -> str:
    """One query that sets REQUIRED_SETTINGS and then `settings`, for the session or for the transaction."""
    rows = ", ".join(
        f"({_setting_text(name)}, {_setting_text(value)})" for name, value in {**REQUIRED_SETTINGS, **settings}.items()
    )
    return SET.format(is_local="true" if is_local else "false", settings=rows)


def connection_options(settings: Mapping[str, str]) -> str:
    """The query that a new session begins with. It first lifts the inherited statement_timeout, which would limit it
    too."""
    return f"set statement_timeout = 0; {set_statement(settings, is_local=False)}"


def _setting_text(value: str) -> str:
    assert not {"'", "\\"} & set(value), "our settings need no quoting"
    return f"'{value}'"


def connect(
    conninfo: str, settings: Mapping[str, str] | None = None, *, autocommit: bool = False, **parameters: Any
) -> psycopg.Connection:
    """Connect, and set REQUIRED_SETTINGS and then `settings`; `parameters` are libpq's.

    Raises psycopg.Error.
    """
    connection = psycopg.connect(conninfo, autocommit=True, **parameters)
    try:
        connection.execute(connection_options(settings or {}).encode())
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_async(
    conninfo: str,
    settings: Mapping[str, str] | None = None,
    *,
    kind: type[A] = AsyncConnection,  # type: ignore[assignment]
    autocommit: bool = True,
    **parameters: Any,
) -> A:
    """As `connect`, for asyncio: a connection of class `kind`, in autocommit by default."""
    connection = await kind.connect(conninfo, autocommit=True, **parameters)
    try:
        await connection.execute(connection_options(settings or {}).encode())
        await connection.set_autocommit(autocommit)
    except BaseException:
        await connection.close()
        raise
    return connection
