"""Who asks is known before anything is read: shown by locks, behind which whatever is read would wait."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.authorization import (
    ADMIN,
    ADMIN_REQUESTS,
    NEWEST_SECRET,
    OTHER,
    OWNER,
    OWNER_REQUESTS,
    WORTHLESS_TOKENS,
    send,
    token,
)
from tests.support.databases import database_like
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

LOCK_TIMEOUT_SECONDS = 1
"""What waits for a lock is answered 503 after so long, so that a mistake does not hang the test."""

LOCKS = """
select format('lock table %%I.%%I in access exclusive mode', nspname, relname)
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where nspname = 'catalog' and relkind in ('r', 'p') and not relispartition and relname ~ %(which)s
"""


@pytest.fixture(scope="module")
def locked_conninfo(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    with database_like(server, template) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def guarded(locked_conninfo: str) -> Iterator[httpx.Client]:
    environment = {
        "DATABASE_URL": locked_conninfo,
        "CATALOG_AUTH": "jwt",
        "CATALOG_JWT_SECRETS": NEWEST_SECRET,
        "CATALOG_ADMIN_SUBJECTS": ADMIN,
        "CATALOG_PROJECTOR": "off",
        "CATALOG_LOCK_TIMEOUT_SECONDS": str(LOCK_TIMEOUT_SECONDS),
    }
    with running_service(environment) as (url, _), httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def item(guarded: httpx.Client) -> dict[str, Any]:
    created = guarded.post("/items", json=an_item(owner_id=OWNER), headers={"Authorization": f"Bearer {token()}"})
    assert created.status_code == 201, created.text
    return {**created.json(), "position": created.headers["X-Position"]}


@contextmanager
def locked(conninfo: str, which: str) -> Iterator[None]:
    """Nobody reads the tables of catalog whose names match meanwhile."""
    with psycopg.connect(conninfo) as connection:
        statements = [statement.encode() for (statement,) in connection.execute(LOCKS, {"which": which}).fetchall()]
        while not took(connection, statements):
            connection.rollback()
        yield


def took(connection: psycopg.Connection, statements: list[bytes]) -> bool:
    """Whether all the locks were taken; the service's background may hold one table and wait for another."""
    try:
        for statement in statements:
            connection.execute(statement)
    except psycopg.errors.DeadlockDetected:
        return False
    return True


@pytest.fixture
def every_table_locked(item: dict[str, Any], locked_conninfo: str) -> Iterator[None]:
    with locked(locked_conninfo, "."):
        yield


@pytest.mark.usefixtures("every_table_locked")
@pytest.mark.parametrize("request_", [*OWNER_REQUESTS, *ADMIN_REQUESTS, ("GET", "/events/stream")], ids=" ".join)
@pytest.mark.parametrize("kind", ["none", "expired", "forged"])
def test_without_a_good_token_nothing_of_the_database_is_touched(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], kind: str
) -> None:
    assert_problem(send(guarded, request_, WORTHLESS_TOKENS[kind], item), 401)


@pytest.mark.usefixtures("every_table_locked")
@pytest.mark.parametrize("request_", [*ADMIN_REQUESTS, ("GET", "/events/stream")], ids=" ".join)
def test_who_is_no_admin_is_refused_before_anything_is_read(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str]
) -> None:
    assert_problem(send(guarded, request_, token(OTHER), item), 403)


@pytest.mark.parametrize("request_", OWNER_REQUESTS, ids=" ".join)
def test_who_is_not_the_owner_is_refused_without_an_event_being_read(
    guarded: httpx.Client, item: dict[str, Any], locked_conninfo: str, request_: tuple[str, str]
) -> None:
    with locked(locked_conninfo, "^log$"):
        assert_problem(send(guarded, request_, token(OTHER), item), 403)


@pytest.mark.parametrize(
    "path", ["/items/2147483647/history", "/items/{id}/history?colour=red", "/items/0/audit-trail"]
)
def test_without_a_token_nobody_learns_what_else_is_wrong(
    guarded: httpx.Client, item: dict[str, Any], path: str
) -> None:
    assert_problem(guarded.get(path.format(id=item["id"])), 401)


GIVEN = f"Authorization: Bearer {token()}"
NDJSON, JSON = "Content-Type: application/x-ndjson", "Content-Type: application/json"
HEADS = [
    (401, "POST", "/items/import", [NDJSON]),
    (401, "POST", "/items/import", [NDJSON, "Authorization: Bearer spade"]),
    (401, "POST", "/items/import?colour=red", ["Content-Type: text/csv"]),
    (401, "POST", "/items", [JSON]),
    (401, "PUT", "/items/1", [JSON]),
    (401, "PATCH", "/items/1/status", [JSON]),
    (413, "POST", "/items/import", [NDJSON, GIVEN]),
    (413, "POST", "/items", [JSON, GIVEN]),
    (413, "PUT", "/items/1", [JSON, GIVEN]),
    (415, "POST", "/items/import", ["Content-Type: text/csv", GIVEN]),
    (415, "POST", "/items/import", [NDJSON, "Content-Encoding: gzip", GIVEN]),
    (415, "POST", "/items/import", ["Content-Type: application/json; charset=utf-16", GIVEN]),
    (422, "POST", "/items/import?colour=red", [NDJSON, GIVEN]),
]


@pytest.mark.usefixtures("every_table_locked")
@pytest.mark.parametrize(("status", "method", "path", "headers"), HEADS)
def test_what_the_head_of_a_request_tells_is_answered_without_its_body(
    guarded: httpx.Client, status: int, method: str, path: str, headers: list[str]
) -> None:
    """The client waits for `100 Continue` before it sends the body, and is told at once instead."""
    address = guarded.base_url
    head = [f"{method} /api/v2{path} HTTP/1.1", f"Host: {address.host}", *headers]
    head += ["Content-Length: 1000000000", "Expect: 100-continue", "", ""]
    with socket.create_connection((address.host, address.port or 0), timeout=60) as connection:
        connection.sendall("\r\n".join(head).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 %d " % status)
