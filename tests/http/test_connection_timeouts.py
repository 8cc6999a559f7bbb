"""A connection that keeps the service waiting is ended, with an answer where there is something to answer."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.patience import until
from tests.support.raw_http_client import RawConnection, connected
from tests.support.raw_requests import ALIVE, CHUNKED, H2C, HOST, ITEM, LIVE, POST, WHOLE
from tests.support.sample_items import an_item
from tests.support.service_process import Process, resident_mebibytes, running_service

IMPORT = b"POST /api/v2/items/import HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\n"
IMPATIENT = """if True:
    import app.http.server.limits as limits
    limits.CONNECTION_CHECK_SECONDS = 0.1
    limits.FIRST_BYTE_SECONDS = 0.5
    limits.KEEP_ALIVE_SECONDS = 1.0
    limits.HEAD_SECONDS = limits.BODY_SILENT_SECONDS = limits.STALLED_CLIENT_SECONDS = 0.5
    limits.BODY_SECONDS = 1.0
    limits.LINGER_SECONDS = 0.5
    limits.CONNECTIONS = 50
    from app.cli.catalog import main
    main()
"""


@pytest.fixture(scope="module")
def impatient(module_conninfo: str) -> Iterator[tuple[str, Process]]:
    """A service that waits for nothing longer than a second."""
    with running_service({"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}, IMPATIENT) as started:
        yield started


@pytest.fixture
def url(impatient: tuple[str, Process]) -> str:
    return impatient[0]


def drip(raw: RawConnection, piece: bytes, seconds: float) -> None:
    """Send a piece again and again, as long as the other side takes it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            raw.send(piece)
        except OSError:
            return
        time.sleep(0.02)


def test_a_connection_that_sends_nothing_is_closed(url: str) -> None:
    with connected(url) as raw:
        assert raw.is_closed()


def test_one_that_sends_blank_lines_alone_sends_nothing(url: str) -> None:
    with connected(url) as raw:
        drip(raw, b"\r\n", 2)
        assert raw.is_closed()


def test_a_connection_is_kept_between_requests_for_its_time(url: str) -> None:
    with connected(url) as raw:
        for _ in range(2):
            raw.send(ALIVE)
            assert raw.answer().status == 200
            began = time.monotonic()
        assert raw.is_closed()
        assert time.monotonic() - began > 0.8


@pytest.mark.parametrize("begin", [b"G", b"GET /", LIVE, LIVE + b"X: ", b"\r\nGET / HTTP/1.1\r\nHo"])
@pytest.mark.parametrize("before", [b"", ALIVE, POST + H2C + WHOLE])
def test_half_a_head_is_answered_408(url: str, before: bytes, begin: bytes) -> None:
    with connected(url) as raw:
        raw.send(before + begin)
        if before:
            assert raw.answer().status < 300
        assert "head" in raw.answer().problem(408)["detail"]
        assert raw.is_closed()


def test_a_head_has_its_time_as_a_whole(url: str) -> None:
    with connected(url) as raw:
        raw.send(LIVE + b"X: ")
        drip(raw, b"a", 2)
        raw.answer().problem(408)


HALF = [
    POST + b"Content-Length: 1000\r\n\r\n",
    POST + b"Content-Length: 1000\r\n\r\n" + ITEM[:30],
    POST + H2C + b"Content-Length: 1000\r\n\r\n" + ITEM[:30],
    POST + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
    POST + CHUNKED + b"\r\n5\r\n" + ITEM[:3],
    POST + CHUNKED + b"\r\n5\r\n" + ITEM[:5] + b"\r\n0\r\n",
    IMPORT + CHUNKED + b"\r\n5\r\n",
]


@pytest.mark.parametrize("half", HALF)
def test_half_a_body_is_answered_408_and_nothing_is_stored(url: str, half: bytes) -> None:
    before = httpx.get(f"{url}/api/v2/stats").json()
    with connected(url) as raw:
        raw.send(half)
        answer = raw.answer()
        if b"Expect" in half:
            assert answer.status == 100
            answer = raw.answer()
        assert "Nothing of the body came" in answer.problem(408)["detail"]
        assert raw.is_closed()
    assert httpx.get(f"{url}/api/v2/stats").json() == before


@pytest.mark.parametrize("piece", [b"1\r\n \r\n", b"0"])
def test_a_body_has_its_time_as_a_whole(url: str, piece: bytes) -> None:
    with connected(url) as raw:
        raw.send(POST + CHUNKED + b"\r\n")
        drip(raw, piece, 3)
        assert "The body took more than" in raw.answer().problem(408)["detail"]


def test_an_import_that_keeps_sending_may_take_longer(url: str) -> None:
    row = httpx.Request("POST", "http://x", json=an_item()).content + b"\n"
    with connected(url) as raw:
        raw.send(IMPORT + CHUNKED + b"\r\n")
        drip(raw, b"%x\r\n%b\r\n" % (len(row), row), 2)
        raw.send(b"0\r\n\r\n")
        answer = raw.answer()
        assert answer.status == 200, answer
        assert raw.answer_to(ALIVE).status == 200


def test_a_body_that_nobody_reads_ends_the_connection(url: str) -> None:
    """A request for the health has none; what was announced may be no request."""
    with connected(url) as raw:
        raw.send(LIVE + b"Content-Length: 1000\r\n\r\n")
        assert raw.answer().status == 200
        assert raw.is_closed()
    with connected(url) as raw:
        raw.send(IMPORT.replace(b"x-ndjson", b"xml") + CHUNKED + b"\r\n")
        assert raw.answer().status == 415
        drip(raw, b"1\r\n \r\n", 3)
        assert raw.is_closed()


def test_who_waits_for_an_answer_or_has_asked_for_a_stream_is_not_timed(url: str) -> None:
    with connected(url) as raw:
        raw.send(b"GET /api/v2/events/stream HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET / HT")
        assert raw.answer().status == 200
        raw.socket.settimeout(1.5)
        with pytest.raises(TimeoutError):
            raw.read_to_end()


def test_an_answer_that_nobody_takes_is_given_up(impatient: tuple[str, Process]) -> None:
    """A hundred items of the largest kind are half a megabyte; each client asks for them many times over."""
    url, process = impatient
    largest = an_item(description="rake " * 1000, category="largest")
    with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api:
        rows = b"\n".join([httpx.Request("POST", "http://x", json=largest).content] * 100)
        api.post("/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"}).raise_for_status()
    memory = resident_mebibytes(process.pid)
    with ExitStack() as stack:
        for _ in range(2):
            raw = stack.enter_context(connected(url))
            raw.send((b"GET /api/v2/items?category=largest HTTP/1.1\r\n" + HOST + b"\r\n") * 30)
        until(lambda: connections(process) >= 2, "they are not open")
        assert resident_mebibytes(process.pid) - memory < 40
        until(lambda: connections(process) <= 1, "connections whose clients take nothing are open")


def test_of_answers_that_nobody_takes_only_so_much_is_held(conninfo: str) -> None:
    """Four megabytes are an answer; who takes his gets it meanwhile."""
    holding_little = """if True:
        import app.http.server.limits as limits
        limits.CONNECTION_CHECK_SECONDS = 0.1
        limits.UNSENT_BYTES = 10_000_000
        from app.cli.catalog import main
        main()
    """
    largest = an_item(image_urls=["https://images.example/" + "a" * 2000] * 20)
    rows = b"\n".join([httpx.Request("POST", "http://x", json=largest).content] * 100)
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_PROJECTOR": "off"}, holding_little) as (url, process),
        ExitStack() as stack,
    ):
        imported = httpx.post(
            f"{url}/api/v2/items/import", content=rows, headers={"Content-Type": "application/x-ndjson"}, timeout=30
        )
        assert imported.status_code == 200, imported.text
        for _ in range(8):
            raw = stack.enter_context(connected(url))
            assert raw.answer_to(ALIVE).status == 200
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.send(b"GET /api/v2/items HTTP/1.1\r\n" + HOST + b"\r\n")
        until(lambda: connections(process) <= 3, "the answers of all are held")
        assert len(httpx.get(f"{url}/api/v2/items", timeout=30).json()) == 100


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


def test_connections_beyond_the_most_are_answered_503_and_there_is_room_again_when_some_have_gone(
    impatient: tuple[str, Process],
) -> None:
    url, _ = impatient
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connected(url)).send(b"G")
        with connected(url) as refused:
            answer = refused.answer()
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert b"Too many connections" in answer.body
            assert refused.is_closed()
        until(lambda: is_answered(url), "silent connections keep others out")


def is_answered(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_a_service_that_is_told_to_stop_does_not_wait_for_who_sends_nothing(module_conninfo: str) -> None:
    with (
        running_service({"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}) as (url, process),
        connected(url) as silent,
        connected(url) as half,
        connected(url) as early,
        connected(url) as lingering,
    ):
        half.send(LIVE)
        early.send(LIVE + b"Content-Length: 1000\r\n\r\n")
        assert early.answer().status == 200
        lingering.send(b"\x16")
        lingering.answer().problem(400)
        began = time.monotonic()
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - began < 5
        assert silent.is_closed()
