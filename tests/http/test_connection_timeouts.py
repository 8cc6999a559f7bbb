"""A connection that keeps the service waiting is ended, with an answer where there is something to answer."""

import select
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.support.patience import until
from tests.support.raw_http_client import RawConnection, connected
from tests.support.raw_requests import ALIVE, CHUNKED, H2C, HOST, ITEM, LIVE, POST, WHOLE
from tests.support.sample_items import an_item
from tests.support.service_process import ENDS_WITHIN_SECONDS, Process, running_service

MAIN = "from app.cli.catalog import main; main()"
IMPORT = b"POST /api/v2/items/import HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\n"
IMPATIENT = """if True:
    import app.http.server.limits as limits
    limits.CONNECTION_CHECK_SECONDS = 0.1
    limits.FIRST_BYTE_SECONDS = 0.5
    limits.KEEP_ALIVE_SECONDS = 3.0
    limits.HEAD_SECONDS = limits.BODY_SILENT_SECONDS = 0.5
    limits.LINGER_SECONDS = 0.5
    from app.cli.catalog import main
    main()
"""
NO_BODY_AS_A_WHOLE = """if True:
    import app.http.server.limits as limits
    limits.CONNECTION_CHECK_SECONDS = 0.1
    limits.BODY_SECONDS = limits.LINGER_SECONDS = 0.5
    from app.cli.catalog import main
    main()
"""
"""A body may pause for the product's half minute, and must come within half a second."""
CONNECTIONS = 20
FEW_CONNECTIONS = f"import app.http.server.limits as limits; limits.CONNECTIONS = {CONNECTIONS}; " + MAIN
WAITS_LONG = """if True:
    import app.http.server.limits as limits, app.http.server.server as server
    limits.FIRST_BYTE_SECONDS = limits.HEAD_SECONDS = limits.BODY_SILENT_SECONDS = limits.LINGER_SECONDS = 600.0
    server.STOPS_WITHIN_SECONDS = 600
    from app.cli.catalog import main
    main()
"""
"""Whoever is waited for at the end holds the service for longer than a test waits."""


@pytest.fixture(scope="module")
def impatient(module_conninfo: str) -> Iterator[tuple[str, Process]]:
    """A service that waits for a client for half a second, and between two requests for three."""
    with running_service({"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}, IMPATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def hasty_url(module_conninfo: str) -> Iterator[str]:
    environment = {"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment, NO_BODY_AS_A_WHOLE) as (url, _):
        yield url


@pytest.fixture
def url(impatient: tuple[str, Process]) -> str:
    return impatient[0]


def drip(raw: RawConnection, piece: bytes, *further: tuple[RawConnection, bytes]) -> None:
    """Send a piece again and again until the service says something on that connection, or closes it.

    Who is `further` sends too, as steadily.
    """

    def is_said() -> bool:
        with suppress(OSError):
            for other, its_piece in ((raw, piece), *further):
                other.send(its_piece)
        return is_readable(raw)

    until(is_said, "the service says nothing to who goes on sending")


def is_readable(raw: RawConnection) -> bool:
    """Whether there is something to read, or the connection has ended."""
    return bool(select.select([raw.socket], [], [], 0)[0])


def outlast_a_silent_connection(url: str) -> None:
    """Wait until a connection that is opened now and sends nothing is closed."""
    with connected(url) as silent:
        assert silent.is_closed()


def test_a_connection_that_sends_nothing_is_closed(url: str) -> None:
    with connected(url) as raw:
        assert raw.is_closed()


def test_one_that_sends_blank_lines_alone_sends_nothing(url: str) -> None:
    with connected(url) as raw:
        drip(raw, b"\r\n")
        assert raw.is_closed()


def test_a_connection_is_kept_between_requests_for_its_time(url: str) -> None:
    with connected(url) as raw:
        assert raw.answer_to(ALIVE).status == 200
        outlast_a_silent_connection(url)
        assert raw.answer_to(ALIVE).status == 200, "between requests it has more time than before the first"
        assert raw.is_closed()


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
        drip(raw, b"a")
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
def test_a_body_has_its_time_as_a_whole(hasty_url: str, piece: bytes) -> None:
    with connected(hasty_url) as raw:
        raw.send(POST + CHUNKED + b"\r\n")
        drip(raw, piece)
        assert "The body took more than" in raw.answer().problem(408)["detail"]


def test_an_import_that_keeps_sending_may_take_longer(hasty_url: str) -> None:
    """It goes on while another body, begun later, has used up its time."""
    row = httpx.Request("POST", "http://x", json=an_item()).content + b"\n"
    with connected(hasty_url) as importing, connected(hasty_url) as other:
        importing.send(IMPORT + CHUNKED + b"\r\n")
        other.send(POST + CHUNKED + b"\r\n")
        drip(other, b"1\r\n \r\n", (importing, b"%x\r\n%b\r\n" % (len(row), row)))
        other.answer().problem(408)
        importing.send(b"0\r\n\r\n")
        answer = importing.answer()
        assert answer.status == 200, answer
        assert importing.answer_to(ALIVE).status == 200


def test_a_body_that_nobody_reads_ends_the_connection(url: str, hasty_url: str) -> None:
    """A request for the health has none; what was announced may be no request."""
    with connected(url) as raw:
        raw.send(LIVE + b"Content-Length: 1000\r\n\r\n")
        assert raw.answer().status == 200
        assert raw.is_closed()
    with connected(hasty_url) as raw:
        raw.send(IMPORT.replace(b"x-ndjson", b"xml") + CHUNKED + b"\r\n")
        assert raw.answer().status == 415
        drip(raw, b"1\r\n \r\n")
        assert raw.is_closed()


def test_who_waits_for_an_answer_or_has_asked_for_a_stream_is_not_timed(url: str) -> None:
    with connected(url) as raw:
        raw.send(b"GET /api/v2/events/stream HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET / HT")
        assert raw.answer().status == 200
        for _ in range(3):
            outlast_a_silent_connection(url)
        assert not raw.has_ended()


def test_connections_beyond_the_most_are_answered_503_and_there_is_room_again_when_some_have_gone(
    module_conninfo: str,
) -> None:
    environment = {"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}
    with running_service(environment, FEW_CONNECTIONS) as (url, _), ExitStack() as stack:
        some = stack.enter_context(ExitStack())
        for n in range(CONNECTIONS):
            (some if n % 2 else stack).enter_context(connected(url)).send(b"G")
        with connected(url) as refused:
            answer = refused.answer()
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert b"Too many connections" in answer.body
            assert refused.is_closed()
        assert not is_answered(url)
        some.close()
        until(lambda: is_answered(url), "who has gone keeps others out")


def is_answered(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_a_service_that_is_told_to_stop_does_not_wait_for_who_sends_nothing(module_conninfo: str) -> None:
    with (
        running_service({"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}, WAITS_LONG) as (url, process),
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
        process.terminate()
        assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
        assert silent.is_closed()
