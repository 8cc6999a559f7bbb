"""Answers that nobody takes are given up, and only so much of them is held in memory."""

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from tests.support.patience import until
from tests.support.raw_http_client import connected
from tests.support.raw_requests import ALIVE, HOST
from tests.support.sample_items import an_item
from tests.support.service_process import Process, resident_mebibytes, running_service

GIVES_UP_SOON = """if True:
    import app.http.server.limits as limits
    limits.CONNECTION_CHECK_SECONDS = 0.1
    limits.STALLED_CLIENT_SECONDS = 0.5
    from app.cli.catalog import main
    main()
"""
HOLDS_LITTLE = """if True:
    import app.http.server.limits as limits
    limits.CONNECTION_CHECK_SECONDS = 0.1
    limits.UNSENT_BYTES = 10_000_000
    from app.cli.catalog import main
    main()
"""


def test_an_answer_that_nobody_takes_is_given_up(conninfo: str) -> None:
    """A hundred items of the largest kind are half a megabyte; each client asks for them many times over."""
    largest = an_item(description="rake " * 1000, category="largest")
    with running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}, GIVES_UP_SOON) as (url, process):
        with httpx.Client(base_url=f"{url}/api/v2") as api:
            rows = b"\n".join([httpx.Request("POST", "http://x", json=largest).content] * 100)
            api.post("/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"}).raise_for_status()
        memory = resident_mebibytes(process.pid)
        with ExitStack() as stack:
            for _ in range(2):
                raw = stack.enter_context(connected(url))
                raw.send((b"GET /api/v2/items?category=largest HTTP/1.1\r\n" + HOST + b"\r\n") * 30)
                assert raw.socket.recv(1) == b"H", "it is answered"
            grown = [0.0]

            def is_given_up() -> bool:
                grown.append(resident_mebibytes(process.pid) - memory)
                return connections(process) <= 1

            until(is_given_up, "connections whose clients take nothing are open")
            assert max(grown) < 40


def test_of_answers_that_nobody_takes_only_so_much_is_held(conninfo: str) -> None:
    """Four megabytes are an answer; who takes his gets it meanwhile."""
    largest = an_item(image_urls=["https://images.example/" + "a" * 2000] * 20)
    rows = b"\n".join([httpx.Request("POST", "http://x", json=largest).content] * 100)
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}, HOLDS_LITTLE) as (url, process),
        ExitStack() as stack,
    ):
        imported = httpx.post(
            f"{url}/api/v2/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"}
        )
        assert imported.status_code == 200, imported.text
        for _ in range(8):
            raw = stack.enter_context(connected(url))
            assert raw.answer_to(ALIVE).status == 200
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.send(b"GET /api/v2/items HTTP/1.1\r\n" + HOST + b"\r\n")
        until(lambda: connections(process) <= 3, "the answers of all are held")
        assert len(httpx.get(f"{url}/api/v2/items").json()) == 100


def connections(process: Process) -> int:
    """TCP connections that the service has accepted and not closed."""
    established = 0
    inodes = {
        line.split()[9] for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines() if " 01 " in line
    }
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            established += str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]") in inodes
    return established
