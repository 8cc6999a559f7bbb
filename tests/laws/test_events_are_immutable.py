"""Law 7: no one changes or removes an event; old shapes stay readable."""

import psycopg
import pytest

from tests.support.appending import append, error_of
from tests.support.toy_aggregate import ToyBuilt


@pytest.mark.parametrize(
    "statement",
    [
        "update catalog.log set data = '{}' where position = 1",
        "update catalog.log set recorded_at = now()",
        "update catalog.log set type = type where false",
        "delete from catalog.log where position = 1",
        "delete from catalog.log where false",
        "truncate catalog.log",
        "truncate catalog.log cascade",
    ],
)
def test_events_cannot_be_changed_or_removed(log: psycopg.Connection, statement: str) -> None:
    append(log, None, [ToyBuilt(name="duck", weight=3, box="red")])
    before = log.execute("select * from catalog.events order by position").fetchall()
    sqlstate, message = error_of(log, statement)
    assert sqlstate == "SW003"
    assert "events never change" in message
    assert log.execute("select * from catalog.events order by position").fetchall() == before


def test_a_session_that_poses_as_replication_cannot_change_them_either(log: psycopg.Connection) -> None:
    append(log, None, [ToyBuilt(name="duck", weight=3, box="red")])
    log.execute("set session_replication_role = replica")
    try:
        assert error_of(log, "delete from catalog.log")[0] == "SW003"
    finally:
        log.execute("reset session_replication_role")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into catalog.log select * from catalog.events",
        "insert into catalog.log (position, event_id, stream_id, version, type, data, metadata, recorded_at)"
        " values (1, gen_random_uuid(), 1, 99, 'x', '{}', '{}', now())",
    ],
)
def test_a_position_cannot_be_chosen(log: psycopg.Connection, statement: str) -> None:
    sqlstate, _ = error_of(log, statement)
    assert sqlstate == psycopg.errors.GeneratedAlways.sqlstate


@pytest.mark.parametrize(
    ("column", "value"), [("data", "'[]'"), ("data", "'1'"), ("metadata", "'[]'"), ("version", "0"), ("version", "-1")]
)
def test_what_is_no_event_cannot_be_written_past_the_function_either(
    log: psycopg.Connection, column: str, value: str
) -> None:
    values = {
        "event_id": "gen_random_uuid()",
        "stream_id": "1",
        "version": "1000",
        "type": "'x'",
        "data": "'{}'",
        "metadata": "'{}'",
        "recorded_at": "now()",
        column: value,
    }
    statement = f"insert into catalog.log ({', '.join(values)}) values ({', '.join(values.values())})"
    sqlstate, _ = error_of(log, statement)
    assert sqlstate == psycopg.errors.CheckViolation.sqlstate
