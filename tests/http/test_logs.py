"""Logs for machines: a JSON object a line, by which request, route and actor are found, and nothing that is private."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from app.postgres import EmbeddedPostgres
from tests.conftest import database_like, free_port, wait_until_healthy
from tests.items import an_item

SECRET = "the-secret-of-the-log-tests-of-32-bytes"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
LEFT_OUT = "a description that no log may hold"


class Logged:
    """A client of a service, and what that has written when it has ended."""

    def __init__(self, url: str, process: subprocess.Popen[str], conninfo: str) -> None:
        self.conninfo = conninfo
        claims = {"sub": "alice", "exp": int(time.time()) + 600, "type": "access"}
        self.token = jwt.encode(claims, SECRET, "HS256")
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=f"{url}/api/v2", headers=headers, timeout=30)
        self._process = process

    def text(self) -> str:
        self.client.close()
        self._process.terminate()
        _, written = self._process.communicate(timeout=30)
        assert self._process.returncode == 0
        return written

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def logged(server: EmbeddedPostgres, template: str) -> Iterator[Logged]:
    port = free_port()
    with database_like(server, template) as conninfo:
        environment = {
            "DATABASE_URL": conninfo,
            "CATALOG_LOG": "json",
            "CATALOG_AUTH": "jwt",
            "CATALOG_JWT_SECRETS": SECRET,
        }
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_until_healthy(f"http://127.0.0.1:{port}", process)  # type: ignore[arg-type]
                yield Logged(f"http://127.0.0.1:{port}", process, conninfo)
            finally:
                process.terminate()


def about(lines: list[dict[str, Any]], request_id: str) -> dict[str, Any]:
    (line,) = [line for line in lines if line.get("request_id") == request_id]
    return line


def test_a_request_is_one_line_of_who_and_what_and_how_long(logged: Logged) -> None:
    asked = {"X-Request-ID": "asked-1", "traceparent": TRACEPARENT}
    created = logged.client.post("/items", json=an_item(owner_id="alice", description=LEFT_OUT), headers=asked)
    assert created.status_code == 201
    assert created.headers["X-Request-ID"] == "asked-1"
    line = about(logged.lines(), "asked-1")
    assert line.pop("time")
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "info",
        "logger": "catalog.access",
        "message": "request",
        "request_id": "asked-1",
        "method": "POST",
        "route": "/api/v2/items",
        "status": 201,
        "actor": "alice",
        "trace_id": TRACE,
    }


def test_no_log_holds_a_body_or_a_token_or_who_owns_what(logged: Logged) -> None:
    logged.client.post("/items", json=an_item(owner_id="alice", description=LEFT_OUT))
    logged.client.post("/items", json=an_item(owner_id="alice", description=LEFT_OUT, category=""))
    logged.client.get("/items/owner/somebody%20private", params={"as_of": "2026-01-01"})
    written = logged.text()
    assert "catalog.access" in written
    for private in (LEFT_OUT, logged.token, SECRET, "somebody"):
        assert private not in written


def test_events_carry_the_request_and_the_trace_they_belong_to(logged: Logged) -> None:
    asked = {"X-Request-ID": "asked-2", "traceparent": TRACEPARENT}
    item = logged.client.post("/items", json=an_item(owner_id="alice"), headers=asked).json()
    nonsense = {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01", "X-Request-ID": "x" * 200}
    changed = logged.client.put(f"/items/{item['id']}", json={"name": "Rake"}, headers=nonsense)
    assert changed.headers["X-Request-ID"] != "x" * 200
    with psycopg.connect(logged.conninfo) as connection:
        stored = connection.execute("select metadata from catalog.events order by position").fetchall()
    assert [(metadata["correlation_id"], metadata.get("traceparent")) for (metadata,) in stored] == [
        ("asked-2", TRACEPARENT),
        (changed.headers["X-Request-ID"], None),
    ]
    lines = logged.lines()
    assert "trace_id" not in about(lines, changed.headers["X-Request-ID"])
    assert about(lines, changed.headers["X-Request-ID"])["item_id"] == item["id"]


def test_what_clients_get_wrong_is_logged_by_its_status_and_not_as_an_error(logged: Logged) -> None:
    missing = logged.client.get("/items/999999", headers={"X-Request-ID": "asked-3"})
    assert missing.status_code == 404
    lines = logged.lines()
    assert about(lines, "asked-3")["status"] == 404
    assert {line["level"] for line in lines} == {"info"}
