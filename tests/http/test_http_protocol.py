"""What arrives over a socket is read to its end, or refused: in order, in bounded memory, and as a problem."""

import os
import re
from collections.abc import Iterator
from itertools import count, repeat
from pathlib import Path

import httpx
import pytest

from tests.support.metrics_page import open_streams
from tests.support.patience import until_equal
from tests.support.raw_http_client import answer_to_bytes, connected
from tests.support.raw_requests import (
    ALIVE,
    CHUNKED,
    CHUNKS,
    H2C,
    HOST,
    ITEM,
    LENGTH,
    LIVE,
    POST,
    PUT,
    WEBSOCKET,
    WHOLE,
)
from tests.support.service_process import Process, resident_mebibytes, running_service

HEAD_BYTES, ADDRESS_BYTES, FIELDS = 32 * 1024, 16 * 1024, 100


@pytest.fixture(scope="module")
def own(module_conninfo: str) -> Iterator[tuple[str, Process]]:
    """A service of this module's own, and its process: what it costs can be measured. Its event streams are never
    silent for long."""
    program = (
        "from app.http.wire import server_sent_events as events; events.KEEP_ALIVE_EVERY_SECONDS = 0.2; "
        "from app.cli.catalog import main; main()"
    )
    with running_service({"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}, program) as started:
        yield started


def processor_seconds(process: Process) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET, H2C.replace(b"h2c", b"foo/2")])
@pytest.mark.parametrize("framed", [LENGTH + b"\r\n" + ITEM, CHUNKED + b"\r\n" + CHUNKS])
@pytest.mark.parametrize("piece", [1_000_000, 61])
def test_an_upgrade_that_is_not_made_loses_no_body_and_nothing_after_it(
    service: str, upgrade: bytes, framed: bytes, piece: int
) -> None:
    """RFC 9110, 7.8. curl and Java's HttpClient ask so for HTTP/2 by themselves."""
    sent = POST + upgrade + framed + ALIVE + upgrade.join([LIVE, b"\r\n"]) + POST + upgrade + framed
    with connected(service) as raw:
        for at in range(0, len(sent), piece):
            raw.send(sent[at : at + piece])
        assert [raw.answer().status for _ in range(4)] == [201, 200, 200, 201]


def test_an_upgrade_goes_with_other_methods_with_closing_and_with_expecting_to_continue(service: str) -> None:
    with connected(service) as raw:
        raw.send(POST + H2C + LENGTH + b"Expect: 100-continue\r\n\r\n")
        assert raw.answer().status == 100
        raw.send(ITEM)
        created = raw.answer()
        assert created.status == 201
        item_id = int(created.headers["location"].rpartition("/")[2])
        raw.send(PUT % item_id + H2C + b'Content-Length: 15\r\n\r\n{"name":"Rake"}')
        assert b'"name": "Rake"' in raw.answer().body
        raw.send(b"DELETE /api/v2/items/%d HTTP/1.1\r\n" % item_id + HOST + H2C + b"\r\n")
        assert raw.answer().status == 204
        raw.send(b"HEAD /health/live HTTP/1.1\r\n" + HOST + H2C + b"\r\n")
        assert raw.answer("HEAD").status == 200
        raw.send(POST + H2C.replace(b"Upgrade,", b"Upgrade, close,") + WHOLE)
        assert raw.answer().headers["connection"] == "close"
        assert raw.is_closed()


@pytest.mark.parametrize(
    "head",
    [
        LIVE + b"X: %b\r\n\r\n" % (b"a" * (HEAD_BYTES - len(LIVE) - 7)),
        LIVE + b"X: 1\r\n" * (FIELDS - 1) + b"\r\n",
        b"GET /health/live#%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * (ADDRESS_BYTES - 13)),
    ],
    ids=["bytes", "fields", "address"],
)
@pytest.mark.parametrize("piece", [1_000_000, 1000])
def test_a_head_at_its_limit_is_read_and_a_byte_or_a_field_more_is_refused(
    service: str, head: bytes, piece: int
) -> None:
    larger = head.replace(b"X: 1", b"X: 1\r\nX: 1", 1) if b"X: 1" in head else head.replace(b"a" * 9, b"a" * 10, 1)
    with connected(service) as raw:
        for each in (head, larger):
            for at in range(0, len(each), piece):
                raw.send(each[at : at + piece])
        assert raw.answer().status == 200
        raw.answer().problem(414 if b"#" in head else 431)
        assert raw.is_closed()


@pytest.mark.alone
@pytest.mark.parametrize(
    ("begin", "filling", "status"),
    [
        (LIVE + b"X: ", b"a", 431),
        (LIVE, b"X: y\r\n", 431),
        (b"GET /", b"a", 414),
        (b"", b"\r\n", 431),
        (POST + CHUNKED + b"\r\n", b"0", 431),
        (POST + CHUNKED + b"\r\n5;", b"a", 431),
        (POST + CHUNKED + b"\r\n0\r\nT: ", b"a", 431),
        (POST + CHUNKED + b"\r\n0\r\n", b"T: a\r\n", 431),
        (POST + H2C + CHUNKED + b"\r\n0\r\n", b"T: a\r\n", 431),
        (ALIVE + LIVE + b"X: ", b"a", 431),
    ],
)
def test_what_has_no_end_is_refused_after_work_in_proportion_to_its_bytes(
    own: tuple[str, Process], begin: bytes, filling: bytes, status: int
) -> None:
    """The answer arrives though the client sends twenty megabytes first, and is not drowned in a reset."""
    url, process = own
    before, memory = processor_seconds(process), resident_mebibytes(process.pid)
    with connected(url) as raw:
        raw.send(begin + filling * (20_000_000 // len(filling)))
        if begin.startswith(ALIVE):
            assert raw.answer().status == 200
        raw.answer().problem(status)
        assert raw.is_closed()
    assert processor_seconds(process) - before < 1
    assert resident_mebibytes(process.pid) - memory < 10


@pytest.mark.alone
def test_a_head_that_comes_byte_by_byte_costs_no_more_than_its_packets(own: tuple[str, Process]) -> None:
    url, process = own
    before = processor_seconds(process)
    with connected(url) as raw:
        for _ in range(HEAD_BYTES // 4):
            raw.send(b"A: ")
        raw.answer().problem(400)
    with connected(url) as raw:
        raw.send(LIVE + b"X: ")
        for _ in range(HEAD_BYTES):
            raw.send(b"a")
        raw.answer().problem(431)
    assert processor_seconds(process) - before < 5


def test_trailer_fields_are_none_of_the_heads(service: str) -> None:
    """Else whoever checks the head could be got round."""
    trailing = CHUNKS.replace(b"Trailer: 1", b"If-Match: nonsense\r\nX-Request-ID: smuggled")
    answer = answer_to_bytes(service, POST + CHUNKED + b"\r\n", trailing)
    assert answer.status == 201
    assert answer.headers["x-request-id"] != "smuggled"


def test_pipelined_requests_are_answered_in_their_order_and_few_are_read_ahead(own: tuple[str, Process]) -> None:
    """Nobody reads the answers until all is sent that the service takes."""
    url, process = own
    memory = resident_mebibytes(process.pid)
    with connected(url) as raw:
        each = LIVE + b"X-Request-ID: %06d\r\n\r\n"
        taken = raw.send_until_full(b"".join(each % number for number in range(at, at + 1000)) for at in count(0, 1000))
        assert resident_mebibytes(process.pid) - memory < 10
        for number in range(min(1000 * taken, 3000)):
            assert raw.answer().headers["x-request-id"] == f"{number:06}"


def test_requests_behind_an_event_stream_wait_outside_and_the_stream_ends_with_its_client(
    own: tuple[str, Process],
) -> None:
    url, process = own
    memory = resident_mebibytes(process.pid)
    with connected(url) as raw:
        raw.send(b"GET /api/v2/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.answer().status == 200
        raw.send_until_full(repeat(POST + WHOLE))
        assert resident_mebibytes(process.pid) - memory < 10
        assert open_streams(url) == 1
    until_equal(lambda: open_streams(url), 0, "the stream goes on without its client")
    assert answer_to_bytes(url, ALIVE).status == 200


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /health/live HTTP/9.9", 505),
        (b"GET /health/live HTTP/2.0", 505),
        (b"GET /health/live HTTP/0.9", 505),
        (b"GET /health/live", 505),
        (b"GET /health/live http/1.1", 400),
        (b"GET /health live HTTP/1.1", 400),
        (b"get /health/live HTTP/1.1", 400),
        (b"GET\t/health/live HTTP/1.1", 400),
        (b"GET /h\xc3\xa9 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"GET health HTTP/1.1", 400),
        (b"GET x:80 HTTP/1.1", 400),
        (b"GET ftp://x/ HTTP/1.1", 400),
        (b"GET http:///health/live HTTP/1.1", 400),
        (b"CONNECT x:80 HTTP/1.1", 405),
        (b"PRI * HTTP/2.0", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x00", 400),
    ],
)
def test_a_request_line_that_is_none_is_refused_as_a_problem(service: str, request_line: bytes, status: int) -> None:
    with connected(service) as raw:
        raw.send(request_line + b"\r\nHost: x\r\n\r\n")
        raw.answer().problem(status)
        assert raw.is_closed()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health/live HTTP/1.1\r\n\r\n",
        LIVE + b"Host: y\r\n\r\n",
        LIVE + b"A: b\0c\r\n\r\n",
        LIVE + b"A: \x01\r\n\r\n",
        LIVE + b"A : b\r\n\r\n",
        LIVE + b": b\r\n\r\n",
        LIVE + b"A\x80: b\r\n\r\n",
        LIVE + b"A: b\r\n c\r\n\r\n",
        LIVE + b"A: b\nC: d\r\n\r\n",
        LIVE + b"Content-Length: x\r\n\r\n",
        LIVE + b"Content-Length: -1\r\n\r\n",
        LIVE + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        LIVE + b"Content-Length: 99999999999999999999\r\n\r\n",
        LIVE + CHUNKED + b"Content-Length: 1\r\n\r\n",
        POST + CHUNKED + b"\r\nzz\r\n",
        POST + CHUNKED + b"\r\n5\r\n12345678\r\n",
        POST + CHUNKED + b"\r\nffffffffffffffffff\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
        POST + H2C + b"Transfer-Encoding: gzip\r\n\r\n",
        POST + H2C + CHUNKED + b"\r\nzz\r\n",
        POST.replace(b"/items", b"/items/import") + CHUNKED + b"\r\n1\r\n[\r\nzz\r\n",
    ],
)
@pytest.mark.parametrize("piece", [1_000_000, 7])
def test_a_head_or_a_body_that_is_none_is_refused_as_a_problem_in_its_turn(
    service: str, head: bytes, piece: int
) -> None:
    with connected(service) as raw:
        sent = ALIVE + head
        for at in range(0, len(sent), piece):
            raw.send(sent[at : at + piece])
        assert raw.answer().status == 200
        assert "the client" not in raw.answer().problem(400)["detail"]
        assert raw.is_closed()


def test_the_address_of_an_absolute_form_is_the_requests(service: str) -> None:
    """RFC 9112, 3.2.2: whatever Host says."""
    with connected(service) as raw:
        raw.send(POST.replace(b"/api", b"HTTP://user@shop.example:81/api") + WHOLE)
        assert raw.answer().headers["location"].startswith("http://shop.example:81/api/v2/items/")
        for address in (b"http://shop.example", b"http://shop.example?a=b", b"https://shop.example/"):
            raw.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % address)
            assert raw.answer().headers["content-type"].startswith("text/html")
        raw.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.answer().status == 204


@pytest.mark.parametrize("host", [b"x:99999", b"x:y", b"x:-1", b"::1", b"[::1]:65536", b"[::1", b"x:" + b"9" * 5000])
def test_a_host_with_a_port_that_is_none_is_refused(service: str, host: bytes) -> None:
    """Also where the request has another fault, which was answered 500."""
    with connected(service) as raw:
        raw.send(b"GET /api/v2/items?limit=x HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        raw.answer().problem(400)
    with connected(service) as raw:
        raw.send(b"GET http://%b/schema/none HTTP/1.1\r\nHost: x\r\n\r\n" % host)
        raw.answer().problem(400)


@pytest.mark.parametrize("host", [b"", b"x:", b"x:0", b"x:065535", b"[::1]:80", b"[::1]", b"under_score:1"])
def test_any_other_host_is_taken(service: str, host: bytes) -> None:
    with connected(service) as raw:
        raw.send(b"GET /api/v2/items?limit=x HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        assert raw.answer().status == 422


@pytest.mark.parametrize(
    "address", [b"//", b"///x", b"/#", b"/%ff", b"/%00", b"/api/v2/items?a=%ff", b"/..", b"/a;b?#"]
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"QUERY", b"PROPFIND", b"POST"])
def test_odd_addresses_and_methods_do_no_harm(service: str, address: bytes, method: bytes) -> None:
    with connected(service) as raw:
        raw.send(method + b" " + address + b" HTTP/1.1\r\n" + HOST + b"\r\n" + ALIVE)
        assert raw.answer(method.decode()).status < 500
        assert raw.answer().status == 200


def test_http_1_0_is_answered_and_closed_without_a_host(service: str) -> None:
    with connected(service) as raw:
        raw.send(b"GET /health/live HTTP/1.0\r\n\r\n")
        answer = raw.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert raw.is_closed()


def test_an_answer_before_the_body_arrives_whole_and_what_follows_is_not_mistaken(service: str) -> None:
    with connected(service) as raw:
        raw.send(POST + b"Connection: close\r\nContent-Length: 20000000\r\n\r\n" + b"a" * 20_000_000)
        assert raw.answer().status == 413
        assert raw.is_closed()
    with connected(service) as raw:
        raw.send(POST + b"Expect: 100-continue\r\nContent-Length: 20000000\r\n\r\n")
        answer = raw.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert raw.is_closed()


def counted(url: str, series: str) -> int:
    """Requests in the metrics by `method,route,status`, a pattern."""
    method, route, status = series.split(",")
    pattern = rf'http_requests_total{{method="(?:{method})",route="{route}",status="(?:{status})"}} (\d+)'
    return sum(int(found) for found in re.findall(pattern, httpx.get(f"{url}/metrics").text))


def test_refusals_are_counted(own: tuple[str, Process]) -> None:
    url, _ = own
    refusals = r"other|GET,\(none\),400|431"
    before = counted(url, refusals)
    answer_to_bytes(url, b"\x16\x03").problem(400)
    with connected(url) as raw:
        raw.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * HEAD_BYTES)
        assert raw.answer("HEAD").status == 431
        assert raw.is_closed()
    assert counted(url, refusals) == before + 2


def test_a_client_that_leaves_within_its_body_is_no_failure_of_ours(own: tuple[str, Process]) -> None:
    url, _ = own
    before = counted(url, "POST,/api/v2/items,400")
    with connected(url) as raw:
        raw.send(POST + WHOLE[:-1])
    until_equal(lambda: counted(url, "POST,/api/v2/items,400"), before + 1, "it is not counted")
    assert counted(url, "POST,/api/v2/items,500") == 0
