"""Law 6, the other side: a failure after a possible commit is never reported as if nothing had been stored.

The database causes the failure: one of its functions returns a value that no release of the service understands.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from tests.support.operator_commands import fetch_value
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service
from tests.support.stalling_proxy import stalling_proxy

COLUMNS = {
    "an instant beyond datetime's": ("recorded_at", "'infinity'::timestamptz"),
    "documents of another shape": ("documents", "'[1]'::jsonb"),
    "another projection's documents": ("documents", "'{\"others\": {}}'::jsonb"),
    "no document": ("documents", "'{\"items\": null}'::jsonb"),
}
ANSWERED = "stream_id, version, position, recorded_at, documents"
GARBLED = """
create function catalog.{name}({parameters})
returns table (stream_id integer, version integer, "position" bigint, recorded_at timestamptz, documents jsonb)
language sql security definer as $$
select {answered}
from sound.{name}({given})
$$
"""
APPEND = ("append_to_stream", "integer, integer, jsonb, jsonb")
APPEND_ONCE = ("append_idempotent", "jsonb, integer, integer, jsonb, jsonb")


@contextmanager
def garbled(connection: psycopg.Connection, function: tuple[str, str], column: str, value: str) -> Iterator[None]:
    """Wrap an SQL function: it does its work as before, but returns `value` in one column."""
    name, parameters = function
    connection.execute("create schema sound")
    connection.execute(f"alter function catalog.{name}({parameters}) set schema sound".encode())
    given = ", ".join(f"${n}" for n in range(1, parameters.count(",") + 2))
    answered = ANSWERED.replace(column, f"{value} as {column}")
    connection.execute(GARBLED.format(name=name, parameters=parameters, answered=answered, given=given).encode())
    yield
    connection.execute(f"drop function catalog.{name}({parameters})".encode())
    connection.execute(f"alter function sound.{name}({parameters}) set schema catalog".encode())
    connection.execute("drop schema sound")


@pytest.fixture
def api(conninfo: str) -> Iterator[httpx.Client]:
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        yield client


def test_an_answer_that_cannot_be_made_after_a_commit_is_503_and_the_command_is_there(
    api: httpx.Client, connection: psycopg.Connection
) -> None:
    for number, (column, value) in enumerate(COLUMNS.values(), 1):
        key = {"Idempotency-Key": f"key-{number}"}
        with garbled(connection, APPEND_ONCE, column, value):
            with_key = api.post("/items", json=an_item(), headers=key)
        with garbled(connection, APPEND, column, value):
            without = api.post("/items", json=an_item())
        for answer in (with_key, without):
            assert "unknown" in assert_problem(answer, 503)["detail"]
            assert answer.headers["Retry-After"]
        again = api.post("/items", json=an_item(), headers=key)
        assert again.status_code == 201, again.text
        assert again.headers["Idempotent-Replayed"] == "true"
    assert fetch_value(connection, "select count(*) from catalog.streams") == 2 * len(COLUMNS)


def test_changing_deleting_and_restoring_are_told_so_as_well(api: httpx.Client, connection: psycopg.Connection) -> None:
    address = f"/items/{created(api)['id']}"
    with garbled(connection, APPEND, *COLUMNS["an instant beyond datetime's"]):
        for answer in (
            api.put(address, json={"name": "Rake"}),
            api.patch(f"{address}/status", params={"new_status": "swapped"}),
            api.delete(address),
            api.post(f"{address}/restore", params={"version": 1}),
        ):
            assert "unknown" in assert_problem(answer, 503)["detail"]
    assert len(api.get(f"{address}/history").json()["history"]) > 4


def test_a_replayed_answer_that_cannot_be_made_is_told_so_as_well(
    api: httpx.Client, connection: psycopg.Connection
) -> None:
    key = {"Idempotency-Key": "replayed"}
    assert api.post("/items", json=an_item(), headers=key).status_code == 201
    connection.execute('update catalog.idempotency_keys set answer = \'{"another": "shape"}\'')
    assert "unknown" in assert_problem(api.post("/items", json=an_item(), headers=key), 503)["detail"]


def test_what_the_database_refuses_is_not_told_as_unknown(api: httpx.Client, connection: psycopg.Connection) -> None:
    """The error comes before anything is committed, and repeating the command would fail again."""
    connection.execute("revoke execute on function catalog.append_to_stream from catalog_service, public")
    problem = assert_problem(api.post("/items", json=an_item()), 500)
    assert "unknown" not in problem["detail"]


def test_an_import_whose_commit_is_not_answered_is_not_told_as_called_off(conninfo: str) -> None:
    rows = b"".join(json.dumps(an_item(name=f"Chair {n}")).encode() + b"\n" for n in range(3))
    with (
        stalling_proxy(conninfo) as proxy,
        running_service({"DATABASE_URL": proxy.conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        proxy.lose_the_reply_to(b"COMMIT\0", 1)
        answer = api.post("/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"})
        assert "unknown" in assert_problem(answer, 503)["detail"]
        assert fetch_value(connection, "select count(*) from catalog.streams") == 3
