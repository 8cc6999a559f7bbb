"""Whatever a server, a database, a role or a URL sets for its sessions, the catalog works: each setting that a user may
change is walked, with an unusual value, as pg_settings lists them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.session_settings import REQUIRED_SETTINGS, connect
from app.main import PROJECTIONS, install
from tests.support.cli_process import catalog
from tests.support.databases import database_like
from tests.support.operator_commands import fetch_value, json_answer, printed_text
from tests.support.patience import until_equal
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item, created, present
from tests.support.service_process import running_service

ROUNDS = 3
EVENTS = 67
"""In the life of an item and beside it."""
NDJSON = {"Content-Type": "application/x-ndjson"}
PRECISE = {"location_lat": 52.520006599999996, "location_lon": 13.404953999999998}
"""Degrees that take all the digits of a double."""

LEFT_OUT = {
    "default_transaction_read_only": "an operator's brake on changes: a test of its own",
    "role": "not a setting to be walked: another role has other rights",
    "session_authorization": "the same",
    "max_stack_depth": "a limit of the server's",
    "temp_file_limit": "the same",
    "ignore_checksum_failure": "for a server whose disk is broken",
    "zero_damaged_pages": "the same",
    "ignore_system_indexes": "the same",
    "allow_system_table_mods": "unsafe for every program",
    "wal_consistency_checking": "a debugging aid of the server's",
    "backtrace_functions": "the same",
    "dynamic_library_path": "where the server finds its own programs",
    "extension_control_path": "the same",
    "extension_destdir": "the same",
    "local_preload_libraries": "the same",
    "session_preload_libraries": "the same",
    "default_table_access_method": "there is no other than heap",
    "transaction_isolation": "of one transaction, not of a session",
    "transaction_read_only": "the same",
    "transaction_deferrable": "the same",
}
STRINGS = {
    "DateStyle": ("German, DMY", "SQL, DMY", "Postgres, YMD", "ISO, DMY"),
    "TimeZone": ("America/St_Johns", "Pacific/Chatham"),
    "application_name": ("somebody",),
    "client_encoding": ("LATIN1", "SQL_ASCII"),
    "createrole_self_grant": ("set, inherit",),
    "default_tablespace": ("elsewhere",),
    "default_text_search_config": ("simple",),
    "lc_messages": ("POSIX",),
    "lc_monetary": ("POSIX",),
    "lc_numeric": ("POSIX",),
    "lc_time": ("POSIX",),
    "restrict_nonsystem_relation_kind": ("view, foreign-table",),
    "search_path": ("shadows, pg_catalog", ""),
    "temp_tablespaces": ("elsewhere",),
    "timezone_abbreviations": ("India",),
}
NUMBERS = {
    "statement_timeout": "50",
    "lock_timeout": "20",
    "transaction_timeout": "200",
    "idle_session_timeout": "200",
    "idle_in_transaction_session_timeout": "50",
    "wal_sender_timeout": "1000",
    "client_connection_check_interval": "1000",
}
"""Where the least would not be the most trouble."""
SETTABLE = """
select name, vartype, setting, enumvals, min_val, max_val
from pg_settings
where context in ('user', 'superuser')
    and name !~ '^(log_|trace_|debug_print|debug_pretty)'
"""
SHADOWS = """
create schema shadows;
create function shadows.lower(text) returns text language sql return 'shadow';
create function shadows.clock_timestamp() returns timestamptz language sql return '2000-01-01Z'::timestamptz;
create function shadows.jsonb_typeof(jsonb) returns text language sql return 'shadow'
"""
"""What a search path may lead to instead of Postgres's own."""


def unusual(connection: psycopg.Connection, turn: int) -> dict[str, str]:
    """A value for each setting that a user may change: at the first turn all are unusual, later those with names."""
    values: dict[str, str] = {}
    for name, vartype, setting, enumvals, least, most in connection.execute(SETTABLE).fetchall():
        if name in LEFT_OUT:
            continue
        if vartype == "bool":
            values |= {name: "off" if setting == "on" else "on"} if turn == 0 else {}
        elif vartype == "enum":
            others = [value for value in enumvals if value != setting] or enumvals
            values[name] = others[turn % len(others)]
        elif vartype == "string":
            assert name in STRINGS, f"{name} is new: what is an unusual value of it?"
            values[name] = STRINGS[name][turn % len(STRINGS[name])]
        elif turn == 0:
            values[name] = NUMBERS.get(name) or _least(float(setting), float(least), float(most))
    return values


def _least(setting: float, least: float, most: float) -> str:
    return f"{least if least != setting else min(least + 1, most):.15g}"


def options_of(values: Mapping[str, str]) -> str:
    return " ".join(
        f"-c {name}={value}".replace(" ", "\\ ").replace("-c\\ ", "-c ", 1) for name, value in values.items()
    )


@pytest.fixture(scope="module")
def elsewhere(server: EmbeddedPostgres) -> Iterator[None]:
    """A tablespace of that name."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("set allow_in_place_tablespaces = on")
        connection.execute("create tablespace elsewhere location ''")
        connection.execute("grant create on tablespace elsewhere to public")
        yield
        connection.execute("drop tablespace elsewhere")


@contextmanager
def set_for_the_database(server: EmbeddedPostgres, values: Mapping[str, str]) -> Iterator[str]:
    """A database of its own that is migrated under these settings."""
    with database_like(server, "template0") as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(SHADOWS)
            connection.execute("grant usage on schema shadows to public")
            for name, value in values.items():
                connection.execute(
                    sql.SQL("alter database {} set {} = {}").format(
                        sql.Identifier(connection.info.dbname), sql.Identifier(name), sql.SQL(_listed(name, value))
                    )
                )
        assert install(conninfo)
        assert not install(conninfo)
        yield conninfo


def _listed(name: str, value: str) -> str:
    """A list of names is not one name with commas in it."""
    return value if name in ("search_path", "temp_tablespaces") and value else f"'{value}'"


@contextmanager
def set_for_the_role(server: EmbeddedPostgres, template: str, values: Mapping[str, str]) -> Iterator[str]:
    with database_like(server, template) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create role unusual superuser login")
        try:
            for name, value in values.items():
                connection.execute(
                    sql.SQL("alter role unusual set {} = {}").format(
                        sql.Identifier(name), sql.SQL(_listed(name, value))
                    )
                )
            yield make_conninfo(conninfo, user="unusual", options="-c application_name=unusual")
        finally:
            connection.execute("drop owned by unusual")
            connection.execute("drop role unusual")


@contextmanager
def set_by_the_url(server: EmbeddedPostgres, template: str, values: Mapping[str, str]) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        yield make_conninfo(conninfo, options=options_of(values))


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_an_item_lives_in_a_database_with_unusual_settings(
    server: EmbeddedPostgres, template: str, elsewhere: None, turn: int, tmp_path: Path
) -> None:
    with psycopg.connect(server.conninfo) as connection:
        values = unusual(connection, turn)
    with set_for_the_database(server, values) as conninfo:
        _live(conninfo, tmp_path)


@pytest.mark.parametrize("way", [set_for_the_role, set_by_the_url])
def test_an_item_lives_in_a_session_with_unusual_settings(
    server: EmbeddedPostgres, template: str, elsewhere: None, way: Any, tmp_path: Path
) -> None:
    with psycopg.connect(server.conninfo) as connection:
        values = unusual(connection, 0)
    with way(server, template, values) as conninfo:
        _live(conninfo, tmp_path)


def _live(conninfo: str, folder: Path) -> None:
    """The essential life of an item, all that asks for it, and what operators and analysts do."""
    with (
        running_service({"DATABASE_URL": conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as api,
    ):
        item = created(api, **PRECISE, name="Garden spade \\ 🚲")
        _is_read_and_changed(api, item)
        _is_imported_and_found(api)
        _is_settled_and_rebuilt(api, item["id"])
    _is_well_for_operators(conninfo, folder)
    _is_shown_to_analysts(conninfo, item["id"])


def _is_read_and_changed(api: httpx.Client, item: dict[str, Any]) -> None:
    assert {name: item[name] for name in PRECISE} == PRECISE
    address = f"/items/{item['id']}"
    given = {"Idempotency-Key": "once"}
    for _ in range(2):
        changed = api.put(address, json={"location_lat": 52.520006599999997 + 1e-14}, headers=given)
        assert changed.status_code == 200, changed.text
    assert api.patch(f"{address}/status", params={"new_status": "swapped"}).status_code == 200
    assert api.put(address, json={"name": "x"}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(address).status_code == 204
    assert api.post(f"{address}/restore", params={"version": 1}).status_code == 200
    now = present(api, item["id"])
    assert (now["name"], now["location_lat"], now["status"]) == (item["name"], PRECISE["location_lat"], "active")
    then = api.get(f"{address}/time-travel", params={"timestamp": item["created_at"]}).json()
    assert then["state_at_time"]["version"] == 1
    listed = api.get("/items", params={"as_of": item["created_at"], "near": "52.5,13.4"}).json()
    assert [(each["id"], each["version"]) for each in listed] == [(item["id"], 1)]
    history = api.get(f"{address}/history").json()
    assert [entry["timestamp"] for entry in history["history"]] == sorted(
        entry["timestamp"] for entry in history["history"]
    )
    datetime.fromisoformat(history["created_at"])


def _is_imported_and_found(api: httpx.Client) -> None:
    rows = [an_item(name=f"Velvet chair {n}", location_lat=50 + n / 70, owner_id="bob") for n in range(60)]
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    imported = api.post("/items/import", content=body, headers=NDJSON)
    assert imported.status_code == 200, imported.text
    for search in ("elvet", "chairs"):
        assert len(api.get("/items", params={"search": search}).json()) == 60
    names, page = (
        [],
        api.get("/items", params={"near": "49.9,13.405", "sort": "nearest", "limit": 7, "owner_id": "bob"}),
    )
    while True:
        names += [each["name"] for each in page.json()]
        if "next" not in page.links:
            break
        page = api.get(page.links["next"]["url"])
    assert names == [row["name"] for row in rows]


def _is_settled_and_rebuilt(api: httpx.Client, item: int) -> None:
    assert api.post(f"/items/{item}/rebuild").json()["changed"] is False
    newest = {"min_position": present_position(api)}
    until_equal(lambda: len(api.get("/events", params={"limit": 100}).json()), EVENTS, "the log was not settled")
    until_equal(lambda: api.get("/owners/bob", params=newest).json().get("total_items"), 60, "not all are counted")
    assert api.get("/stats").json()["active_items"] == 61
    log = api.get("/events", params={"item_id": item}).json()
    assert [entry["time"] for entry in log] == sorted(entry["time"] for entry in log)
    assert api.get("/events/density").status_code == 200
    for name in (each.name for each in PROJECTIONS):
        verified = api.post(f"/projections/{name}/verify", headers={"Accept": "application/json"})
        assert verified.json()["differing"] == [], verified.text


def present_position(api: httpx.Client) -> int:
    return int(api.put("/items/1", json={"category": "garden"}).headers["X-Position"])


def _is_well_for_operators(conninfo: str, folder: Path) -> None:
    for read_model in ("items", "owners"):
        assert [done["projection"] for done in json_answer(conninfo, "rebuild", read_model)] == [read_model]
    assert [each["differing"] for each in json_answer(conninfo, "verify")] == [[]] * len(PROJECTIONS)
    assert json_answer(conninfo, "inspect", "1")["documents"][0]["equal"]
    assert len(catalog("events", "--json", DATABASE_URL=conninfo).stdout.splitlines()) == EVENTS
    backup = catalog("backup", str(folder / "backup"), DATABASE_URL=conninfo)
    assert backup.returncode == 0, backup.stderr
    assert "is forgotten" in printed_text(conninfo, "forget", "alice", "--yes")


def _is_shown_to_analysts(conninfo: str, item: int) -> None:
    """Formats are the analyst's; what there is does not depend on them. Names are written with their schema."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for limit in ("idle_session_timeout", "statement_timeout", "lock_timeout", "transaction_timeout"):
            connection.execute(NO_LIMIT, (limit,))
        if fetch_value(connection, "select current_setting('restrict_nonsystem_relation_kind', true)"):
            return  # somebody wants no views to be read
        created_at = fetch_value(
            connection, "select min(recorded_at)::text from public.item_events where item_id = %s", item
        )
        assert fetch_value(connection, "select count(*) from public.items where owner_id = 'bob'") == 60
        at = "select count(*) from public.item_at(%s, %s::timestamptz)"
        assert fetch_value(connection, at, item, created_at) == 1
        connection.execute("set catalog.as_of = '2020-01-15 10:30+01'")
        assert fetch_value(connection, "select count(*) from public.items") == 0
        connection.execute("reset catalog.as_of")
        assert fetch_value(connection, "select changed from catalog.rebuild_document('items', 2)") is False


NO_LIMIT = "select set_config(name, '0', false) from pg_settings where name = %s"
"""The limits that this session has by accident would end it on a loaded machine."""


def test_every_setting_relied_on_is_set_for_the_session(conninfo: str) -> None:
    with connect(make_conninfo(conninfo, options="-c datestyle=German -c gin_fuzzy_search_limit=1")) as connection:
        for name, value in REQUIRED_SETTINGS.items():
            found = fetch_value(connection, "select current_setting(%s, true)", name)
            assert found in (value, None, *({"safe_encoding"} if name == "backslash_quote" else ())), name


@pytest.mark.parametrize(("given", "is_then"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
def test_a_commit_is_on_the_disk_whatever_is_inherited(conninfo: str, given: str, is_then: str) -> None:
    with connect(make_conninfo(conninfo, options=f"-c synchronous_commit={given}")) as connection:
        assert fetch_value(connection, "show synchronous_commit") == is_then


def test_a_warning_of_the_server_is_heard_whatever_is_inherited(conninfo: str) -> None:
    """The server warns, and does not raise, if no synchronous replica has confirmed a commit."""
    heard: list[str | None] = []
    with connect(make_conninfo(conninfo, options="-c client_min_messages=error")) as connection:
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        connection.execute("do $$ begin raise warning 'not confirmed'; end $$")
    assert heard == ["not confirmed"]


def test_a_database_that_is_closed_to_changes_is_read_and_commands_are_told_so(
    server: EmbeddedPostgres, conninfo: str
) -> None:
    with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
        item = created(api)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))
    with running_service({"DATABASE_URL": conninfo}) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as api:
        assert present(api, item["id"]) == item
        problem = assert_problem(api.post("/items", json=an_item()), 503)
        assert "nothing was changed" in problem["detail"]
        now = datetime.now(UTC).isoformat()
        as_of_now = api.get(f"/items/{item['id']}", params={"as_of": now})
        assert (as_of_now.json(), as_of_now.headers["X-Settled"]) == (item, "false")
        for path in (f"/stats?as_of={item['created_at']}", f"/changes?from={item['created_at']}", "/items?limit=1"):
            assert api.get(path).status_code == 200, path
