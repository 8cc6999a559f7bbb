"""Logs for machines: a JSON object a line, by which request, route and actor are found, and nothing that is private."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.patience import until
from tests.support.sample_items import an_item
from tests.support.service_process import free_port, wait_until_healthy

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
                wait_until_healthy(f"http://127.0.0.1:{port}", process)
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


def written_by(environment: dict[str, str], *program: str) -> tuple[int, list[dict[str, Any]]]:
    """How a service ended that could not start, and all that it wrote, on either stream."""
    command = [sys.executable, *(program or ("-m", "app.cli")), "serve", "--port", "0"]
    ran = subprocess.run(
        command,
        env={"CATALOG_LOG": "json", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()]


def test_every_line_from_the_start_to_the_stop_is_an_object(tmp_path: Path) -> None:
    """With a database of its own: it is installed, rebuilt, and stopped with the service."""
    port = free_port()
    environment = {"CATALOG_LOG": "json", "CATALOG_DATA_DIR": str(tmp_path / "data"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v2", timeout=30) as client:
                assert client.post("/projections/owners/rebuild").status_code == 202
                until(lambda: client.get("/projections/owners").json()["last_rebuild"], "the rebuild did not end")
            with socket.create_connection(("127.0.0.1", port)) as odd:
                odd.sendall(b"no HTTP at all\r\n\r\n")
                assert b"400" in odd.recv(1000)
        finally:
            process.terminate()
        written, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    lines = [json.loads(line) for line in written.splitlines()]
    said = [line["message"] for line in lines if line["logger"] != "catalog.access"]
    assert said[0].startswith("starting, version ")
    assert said[1] == f"Database: the embedded Postgres in {tmp_path}/data."
    assert said[2:4] == ["the schema has been installed", f"serving on http://127.0.0.1:{port}"]
    assert any(message.startswith("a rebuild of owners ended") for message in said)
    refused = [line for line in lines if line["logger"] == "catalog.access" and line["status"] == 400]
    assert [(line["method"], line.get("route")) for line in refused] == [("-", None)]
    assert "no HTTP" not in written
    assert ("uvicorn.error", "Invalid HTTP request received.") in [(line["logger"], line["message"]) for line in lines]
    assert said[-1] == "stopped"
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))


def test_a_start_that_fails_says_so_in_an_object() -> None:
    status, lines = written_by({"DATABASE_URL": "host=127.0.0.1 port=9 dbname=nowhere"})
    assert status == 1
    refused = [line["message"] for line in lines if line["level"] == "error"]
    assert [message.partition(":")[0] for message in refused] == ["the database cannot be reached"]


def test_a_setting_that_cannot_be_used_is_refused_in_an_object() -> None:
    status, lines = written_by({"CATALOG_POOL_SIZE": "many"})
    assert status == 1
    assert [(line["level"], line["message"].partition("=")[0]) for line in lines] == [("error", "CATALOG_POOL_SIZE")]


def test_what_nobody_caught_and_what_python_warns_of_are_objects_too() -> None:
    program = """if True:
        import threading, warnings
        import app.cli.catalog
        def broken(*_):
            warnings.warn("this will go away", DeprecationWarning, stacklevel=1)
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
            raise RuntimeError("a mistake of ours")
        app.cli.catalog.check_authentication = broken
        app.cli.catalog.main()
    """
    status, lines = written_by({"PYTHONWARNINGS": "always::DeprecationWarning:__main__"}, "-c", program)
    assert status == 1
    caught = [line["exception"]["type"] for line in lines if "exception" in line]
    assert caught == ["ZeroDivisionError", "RuntimeError"]
    assert any(line["logger"] == "py.warnings" and "this will go away" in line["message"] for line in lines)
