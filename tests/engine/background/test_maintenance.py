"""What a process does to its read models: it registers them as they are, and maintains them if no other one does."""

import asyncio

import psycopg
import pytest

from app.engine.background.checkpoints import register
from app.engine.background.projector import Projector
from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.postgres.advisory_locks import MAINTENANCE_LOCK
from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.operator_commands import fetch_value
from tests.support.workload import SPADE

KEEP_AN_OUTCOME = """
insert into catalog.idempotency_keys (user_id, key, request, answer, stored_at)
values ('ann', %s, '', '{}', clock_timestamp() - %s::interval)
"""
STATES = "select name, state from catalog.projections"
IS_OURS = "select name, fingerprint from catalog.projections"
OLDER_RULES = "update catalog.projections set fingerprint = 'of older rules'"


@pytest.mark.parametrize("another_maintains", [True, False])
def test_maintenance_deletes_outcomes_of_more_than_three_days_unless_another_process_maintains(
    connection: psycopg.Connection, another_maintains: bool
) -> None:
    for key, age in (("old", "73 hours"), ("new", "71 hours")):
        connection.execute(KEEP_AN_OUTCOME, (key, age))
    if another_maintains:
        connection.execute("select pg_advisory_lock(%s)", (MAINTENANCE_LOCK,))
    asyncio.run(Projector(connection.info.dsn, PROJECTIONS).maintain())
    kept = fetch_value(connection, "select array_agg(key order by key) from catalog.idempotency_keys")
    assert kept == (["new", "old"] if another_maintains else ["new"])


@pytest.mark.parametrize("log_has_events", [True, False])
def test_a_new_read_model_is_as_its_rules_want_it_only_over_an_empty_log(
    connection: psycopg.Connection, log_has_events: bool
) -> None:
    """Over a log with events it is rebuilt before it is right."""
    if log_has_events:
        append(connection, None, [SPADE])
    connection.execute("delete from catalog.projections")
    register(connection, PROJECTIONS)
    ours = {each.name: "" if log_has_events else fingerprint(each) for each in PROJECTIONS}
    assert dict(connection.execute(IS_OURS).fetchall()) == ours


def test_rules_that_changed_make_a_rollup_outdated_and_no_inline_projection(connection: psycopg.Connection) -> None:
    """An inline one is written by the installed rules from now on, so it never waits."""
    running = {each.name: "running" for each in PROJECTIONS}
    connection.execute(OLDER_RULES)
    for _ in range(2):
        register(connection, PROJECTIONS)
        outdated = {each.name: "outdated" for each in PROJECTIONS if each.is_async()}
        assert dict(connection.execute(STATES).fetchall()) == running | outdated
    for each in PROJECTIONS:
        connection.execute(
            "update catalog.projections set fingerprint = %s where name = %s", (fingerprint(each), each.name)
        )
    register(connection, PROJECTIONS)
    assert dict(connection.execute(STATES).fetchall()) == running
