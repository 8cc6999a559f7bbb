"""The settings that a session inherits and the code relies on: one list, set on every connection the product opens.

A server, a database, a role and a URL may each set any of them. Whoever connects does so by `connect` or
`connect_async`; a pool begins its connections with `connection_options`. A pooler in transaction mode keeps no session:
there each transaction sets them for itself, by `statement`.

Not in the list, because they are the operator's to choose: `default_transaction_read_only`, with which a database is
closed to changes (commands are then answered 503); where and how tables are stored; the planner's switches and memory.
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
    # What a statement finds: a limit drops rows at random, and views may be refused.
    "gin_fuzzy_search_limit": "0",
    "restrict_nonsystem_relation_kind": "",
    # What a transaction is. An append that is acknowledged is on the disk; where the operator asks for more, it stays.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "synchronous_commit": "on",
    # A warning says that no synchronous replica has confirmed a commit.
    "client_min_messages": "notice",
    "jit": "off",
    # Limits are ours: those of requests and of the background are added to these.
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
"""A leader that was killed, or whose machine was, does not keep the lock for long; neither does one that is silent
though it should look for something new every second. A batch that takes too long is tried again as a smaller one.
Batches go by index, however many streams they touch, and though the tables were small when it was planned; to plan each
anew would take longer than most of them take. Such plans cost so much on paper that jit would compile each of them.
"""

REBUILD: Mapping[str, str] = {
    "client_connection_check_interval": "1s",
    "idle_in_transaction_session_timeout": "10s",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_maintenance_workers": "0",
    "max_parallel_workers_per_gather": "0",
}
"""A rebuild that is killed must not hold its lock until its statement is done, nor one that is silent hold the gate;
and each of its connections keeps to one core.
"""

MIGRATION: Mapping[str, str] = {"lock_timeout": "250ms"}
"""An open transaction must not make everybody else wait behind a migration that waits for it."""

VERIFY: Mapping[str, str] = {"client_connection_check_interval": "1s"}
"""One that is killed does not go on reading."""

TRANSACTION: Mapping[str, str] = {"client_connection_check_interval": "1s"}
"""Behind a pooler a statement is not cancelled: its connection is closed, which the server is to notice."""

SET = """
select pg_catalog.set_config(name, case
    when name = 'synchronous_commit' and pg_catalog.current_setting(name) = 'remote_apply' then 'remote_apply'
    else value
end, {is_local})
from (values {settings}) as relied_on (name, value)
where pg_catalog.current_setting(name, true) is not null
"""
"""Without those that the server's version does not know. `remote_apply` waits for more than `on` does."""


def set_statement(settings: Mapping[str, str], is_local: bool) -> str:
    """One query that sets all of REQUIRED_SETTINGS, and `settings` over it: for the session, or for the transaction."""
    rows = ", ".join(
        f"({_setting_text(name)}, {_setting_text(value)})" for name, value in {**REQUIRED_SETTINGS, **settings}.items()
    )
    return SET.format(is_local="true" if is_local else "false", settings=rows)


def connection_options(settings: Mapping[str, str]) -> str:
    """What a new session begins with. The inherited limit is lifted first: it holds for this query, too."""
    return f"set statement_timeout = 0; {set_statement(settings, is_local=False)}"


def _setting_text(value: str) -> str:
    assert not {"'", "\\"} & set(value), "a setting of ours needs no quoting"
    return f"'{value}'"


def connect(
    conninfo: str, settings: Mapping[str, str] | None = None, *, autocommit: bool = False, **parameters: Any
) -> psycopg.Connection:
    """A connection that has set REQUIRED_SETTINGS, and `settings` over it; `parameters` are libpq's.

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
    """The same for asyncio, of a class of connections; in autocommit unless told otherwise."""
    connection = await kind.connect(conninfo, autocommit=True, **parameters)
    try:
        await connection.execute(connection_options(settings or {}).encode())
        await connection.set_autocommit(autocommit)
    except BaseException:
        await connection.close()
        raise
    return connection
