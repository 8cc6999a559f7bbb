"""The demo, run as a user runs it: against a service that is right, one that lies, none, and one of its own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.cli_process import catalog
from tests.support.http_server import Answer, Request, http_server
from tests.support.patience import until
from tests.support.service_process import free_port

PASSED_ON = ("Content-Type", "If-Match", "If-None-Match")
ENDS_WITHIN_SECONDS = 60


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return catalog("demo", *arguments, **environment)


@contextmanager
def lying_service(url: str, lie: Callable[[str, bytes], bytes]) -> Iterator[str]:
    """The address of a server that answers as the service at `url` does, but for what `lie` makes of each body."""

    def respond(request: Request) -> Answer:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        truth = httpx.request(request.method, url + request.path, content=request.body, headers=headers, timeout=30)
        return Answer(
            status=truth.status_code,
            headers={name: truth.headers[name] for name in ("Content-Type", "ETag") if name in truth.headers},
            body=lie(f"{request.method} {request.path}", truth.content),
        )

    with http_server(respond) as address:
        yield address


def processes_naming(text: Path) -> list[str]:
    """The command lines, of all processes, in which `text` occurs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if os.fsencode(text) in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def test_against_a_right_service_every_check_holds(service: str) -> None:
    told = demo("--url", service)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stderr == ""
    held = re.search(r"(\d+) checks held", told.stdout)
    assert held
    assert int(held[1]) >= 50


def test_it_fits_in_eighty_columns_and_is_plain_outside_a_terminal(service: str) -> None:
    told = demo("--url", service, COLUMNS="80")
    assert "\x1b" not in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80


def test_its_requests_can_be_pasted_into_a_shell(service: str) -> None:
    told = demo("--url", service)
    commands = re.findall(r"^  curl -i (?:.*\\\n)*.*(?:\n {9}.*)*$", told.stdout, re.MULTILINE)
    words = [shlex.split(command.replace("$API", f"{service}/api/v2")) for command in commands]
    assert len(words) == told.stdout.count("curl -i") >= 15
    created = words[0]
    assert created[2:5] == ["-X", "POST", f"{service}/api/v2/items?user_id=alice"]
    again = httpx.post(created[4], json=json.loads(created[created.index("-d") + 1]))
    assert (again.status_code, again.json()["name"]) == (201, "Garden spade")


@pytest.mark.parametrize(
    ("request_line", "truth", "lie"),
    [
        ("POST .*/items\\?", b'"active"', b'"swapped"'),
        ("GET .*/audit-trail", b'"name": "Garden spade"', b'"name": "Garden rake"'),
        ("GET .*/history", b'"event_count":2', b'"event_count":3'),
        ("POST .*/rebuild", b'"changed":false', b'"changed":true'),
        ("GET .*/time-travel", b'"Sharp spade"', b'"Garden spade"'),
        ("GET .*/time-travel", b'"event_version":', b'"event":'),
        ("GET .*/versions/5", b"new handle", b"old handle"),
        ("GET .*/audit-trail", b'{"item_id"', b'<p>"item_id"'),
    ],
)
def test_one_wrong_answer_is_shown_beside_the_right_one(
    service: str, request_line: str, truth: bytes, lie: bytes
) -> None:
    told_a_lie = False

    def lying_once(line: str, body: bytes) -> bytes:
        nonlocal told_a_lie
        if told_a_lie or truth not in body or not re.match(request_line, line):
            return body
        told_a_lie = True
        return body.replace(truth, lie)

    with lying_service(service, lying_once) as url:
        told = demo("--url", url)
    assert told_a_lie
    assert told.returncode == 1
    assert re.search(r"✗.*\n +expected  .+\n +came  ", told.stdout)
    assert "checks held" not in told.stdout
    assert "Traceback" not in told.stderr


def test_the_same_through_an_honest_proxy_holds(service: str) -> None:
    """So that what fails above is the lie."""
    with lying_service(service, lambda _, body: body) as url:
        assert demo("--url", url).returncode == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "http://[", "ftp://127.0.0.1:{port}"])
def test_where_nothing_listens_it_says_so_in_one_sentence(url: str) -> None:
    told = demo("--url", url.format(port=free_port()))
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1
    assert "cannot be reached" in told.stderr


def test_without_a_url_it_starts_a_service_of_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    told = demo(TMPDIR=str(tmp_path), DATABASE_URL="postgresql://127.0.0.1:1/nobody-listens", CATALOG_POSTGRES_PORT="1")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "checks held" in told.stdout
    assert told.stderr.startswith("Database: an embedded Postgres in a temporary folder")
    assert list(tmp_path.iterdir()) == []
    assert processes_naming(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_while_its_service_starts_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "app.cli", "demo"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL) as running:
        until(lambda: processes_naming(tmp_path) or running.poll() is not None, "it starts no server")
        assert running.poll() is None
        running.send_signal(number)
        assert running.wait(timeout=ENDS_WITHIN_SECONDS) == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert processes_naming(tmp_path) == []


def test_a_service_that_cannot_start_is_one_sentence(tmp_path: Path) -> None:
    told = demo(TMPDIR=str(tmp_path), CATALOG_POSTGRES_BIN="/nonexistent")
    assert told.returncode == 1
    assert "did not start" in told.stderr
    assert "Traceback" not in told.stderr
    assert list(tmp_path.iterdir()) == []
