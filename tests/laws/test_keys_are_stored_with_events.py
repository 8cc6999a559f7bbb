"""The events of a command and its idempotency key are stored together: without one there is not the other."""

import json

import httpx
import psycopg

from tests.support.operator_commands import fetch_value
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service

KEYS_CANNOT_BE_STORED = """
create or replace function catalog.store_idempotent_outcome(p_idempotency_key jsonb, p_outcome jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'no room' using errcode = '53100';
end
$$
"""


def test_where_a_key_cannot_be_stored_no_event_is_stored_either(conninfo: str, connection: psycopg.Connection) -> None:
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30, headers={"Idempotency-Key": "a key"}) as api,
    ):
        item = created(api)
        api.headers["Idempotency-Key"] = "another key"
        connection.execute(KEYS_CANNOT_BE_STORED)
        answers = [
            api.post("/items", json=an_item()),
            api.put(f"/items/{item['id']}", json={"name": "Rake"}),
            api.delete(f"/items/{item['id']}"),
            api.post(
                "/items/import",
                content=json.dumps(an_item()).encode(),
                headers={"Content-Type": "application/x-ndjson"},
            ),
        ]
    assert [answer.is_success for answer in answers] == [False] * 4
    assert fetch_value(connection, "select count(*) from catalog.log") == 1
    assert fetch_value(connection, "select count(*) from catalog.idempotency_keys") == 1
