"""Imports that are slow, many or large keep nobody else out, and give everything back: over real sockets."""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psycopg
import pytest

from app.errors import RequestTimeout, TooManyRequests, Unavailable
from app.http.wire import upload_slots
from app.http.wire.upload_slots import UploadPace, UploadSlots
from tests.support.append_gate import imports_held
from tests.support.operator_commands import fetch_value
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import Process, running_service

ROW = json.dumps(an_item()).encode() + b"\n"
LONG_ROW = json.dumps(an_item(description="d " * 2450)).encode() + b"\n"
PROGRAM = """
from app.http.wire import upload_slots
upload_slots.UPLOADS_MAX, upload_slots.UPLOADS_PER_USER_MAX = 4, 2
upload_slots.SLOW_UPLOAD_SECONDS, upload_slots.BYTES_PER_SECOND_MIN, upload_slots.UPLOAD_SECONDS_MAX = {}
from app.cli.catalog import main
main(prog_name="catalog")
"""


class Limited:
    """A service with lowered limits, and raw uploads into it."""

    def __init__(self, url: str, process: Process, folder: str) -> None:
        self.url = httpx.URL(f"{url}/api/v2/items/import")
        self._process = process
        self._folder = folder

    @contextmanager
    def upload(self, user_id: str, body: bytes = ROW) -> Iterator[socket.socket]:
        """Begun, and not ended."""
        head = f"POST {self.url.path}?user_id={user_id} HTTP/1.1\r\nHost: {self.url.host}\r\n"
        head += "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        with socket.create_connection((self.url.host, self.url.port or 0), timeout=30) as connection:
            connection.sendall(head.encode() + chunk(body))
            yield connection

    def send(self, user_id: str, body: bytes = ROW) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"}
        return httpx.post(self.url, params={"user_id": user_id}, content=body, headers=headers, timeout=30)

    def temporary_files(self) -> int:
        """How many files in its TMPDIR, which have no name there, the service holds open."""
        held = 0
        for entry in Path(f"/proc/{self._process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it may be closed meanwhile
                held += os.readlink(entry).startswith(self._folder)
        return held

    def has_given_everything_back(self) -> bool:
        """Whether there is a slot for each that may be, and no file is left."""
        with ExitStack() as stack:
            answers = [stack.enter_context(self.upload(f"probe-{n // 2}")) for n in range(4)]
            for probe in answers:
                probe.sendall(chunk(b""))
            return {status_of(probe) for probe in answers} == {200} and self.temporary_files() == 0


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def status_of(connection: socket.socket) -> int:
    return answer_of(connection)[0]


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """The status, and all that was sent until the head's end and the body's first piece."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        assert piece, f"closed without an answer: {received!r}"
        received += piece
    return int(received.split(b" ", 2)[1]), received


@contextmanager
def limited(conninfo: str, patience: str) -> Iterator[Limited]:
    settings: dict[str, str] = {"CATALOG_IMPORT_LIMIT_MIB": "1", "CATALOG_PROJECTOR": "off", "DATABASE_URL": conninfo}
    settings |= {"CATALOG_LOCK_TIMEOUT_SECONDS": "3600", "CATALOG_STATEMENT_TIMEOUT_SECONDS": "3600"}
    with (
        TemporaryDirectory() as folder,
        running_service({**settings, "TMPDIR": folder}, PROGRAM.format(patience)) as (url, process),
    ):
        yield Limited(url, process, folder)


@pytest.fixture(scope="module")
def patient(module_conninfo: str) -> Iterator[Limited]:
    with limited(module_conninfo, "600, 1, 600") as service:
        yield service


@pytest.fixture(scope="module")
def impatient(module_conninfo: str) -> Iterator[Limited]:
    """It waits for 1.5 seconds, and takes a thousand bytes a second or more, for four seconds."""
    with limited(module_conninfo, "1.5, 1000, 4") as service:
        yield service


def test_slow_imports_of_one_user_do_not_keep_others_out(patient: Limited) -> None:
    with ExitStack() as slow:
        for _ in range(2):
            slow.enter_context(patient.upload("slow"))
        until(lambda: patient.send("slow", b"{").status_code == 429, "all slots of that user are taken")
        refused = patient.send("slow")
        problem = assert_problem(refused, 429)
        assert problem["detail"].startswith("slow has 2 imports under way; nothing was stored.")
        assert refused.headers["Retry-After"] == "1"
        assert patient.send("quick").json()["created"] == 1
    until(lambda: patient.send("slow").status_code == 200, "the slots are free again")


def test_all_together_have_so_many_at_once(patient: Limited) -> None:
    with ExitStack() as slow:
        uploads = [slow.enter_context(patient.upload(f"user-{n // 2}")) for n in range(4)]
        until(lambda: patient.send("another", b"{").status_code == 503, "all slots are taken")
        refused = patient.send("another")
        assert assert_problem(refused, 503)["detail"].startswith("Too many imports are under way")
        assert refused.headers["Retry-After"] == "1"
        uploads[0].sendall(chunk(b""))
        assert status_of(uploads[0]) == 200
        assert patient.send("another").status_code == 200
    until(patient.has_given_everything_back, "all slots are free again")


def test_what_is_complete_waits_for_its_turn_in_its_slot(conninfo: str, connection: psycopg.Connection) -> None:
    """And an import that arrives slowly does not stand before it."""
    with (
        limited(conninfo, "600, 1, 600") as service,
        ThreadPoolExecutor(3) as pool,
        service.upload("slow"),
        imports_held(connection) as waiting,
    ):
        first = pool.submit(service.send, "quick")
        until(lambda: waiting() == 1, "the first is about to be stored")
        others = [pool.submit(service.send, user) for user in ("quick", "other")]
        until(lambda: service.send("another", b"{").status_code == 503, "the others wait behind it")
        assert not first.done()
        connection.execute("select pg_advisory_unlock(catalog.append_gate())")
        assert [sent.result().status_code for sent in (first, *others)] == [200] * 3


def test_files_have_room_together_and_those_of_one_user_have_half_of_it() -> None:
    slots = UploadSlots(100)
    with slots.acquire("hog") as first, slots.acquire("other") as others:
        first.write(150)
        with slots.acquire("hog") as second:
            second.write(50)
            with pytest.raises(TooManyRequests, match="fill half of the disk"):
                first.write(1)
            others.write(200)
            with slots.acquire("third") as third, pytest.raises(Unavailable, match="fill the disk"):
                third.write(1)
        with pytest.raises(TooManyRequests):
            first.write(51)
        first.write(50)


def test_a_file_is_gone_with_its_client(patient: Limited) -> None:
    with patient.upload("hog", LONG_ROW * 180), patient.upload("hog", LONG_ROW * 180):
        until(lambda: patient.temporary_files() == 2, "both are on the disk")
    until(lambda: patient.temporary_files() == 0, "the files are gone")


def test_without_room_an_import_is_refused_and_gives_up_what_it_had(patient: Limited) -> None:
    """It arrives within the limit of one import, and is longer when stored: each backslash is doubled."""
    longest = json.dumps(an_item(description="\\" * 4900)).encode() + b"\n"
    with patient.upload("hog", longest * 90):
        assert_problem(patient.send("hog", longest * 90), 429)
        assert patient.send("other").status_code == 200
    until(patient.has_given_everything_back, "slots and files are given back")


def test_a_trickle_is_ended_with_408_and_gives_everything_back(impatient: Limited) -> None:
    """It sends something all the time, and no line takes long."""
    with impatient.upload("slow", LONG_ROW * 100) as slow:
        until(lambda: impatient.temporary_files() == 1, "it is on the disk")
        status, answer = trickling(slow, b" \n", 0.02)
    assert status == 408
    assert b"connection: close" in answer.lower()
    assert b"application/problem+json" in answer
    until(impatient.has_given_everything_back, "slot and file are given back")


def test_silence_is_ended_with_408(impatient: Limited) -> None:
    with impatient.upload("silent") as silent:
        status, answer = answer_of(silent)
        assert status == 408
        assert b"For 1.5 seconds the body came slower than 1000 bytes a second; nothing was stored." in rest(
            silent, answer
        )


def test_what_never_ends_is_ended_with_408_however_fast_it_comes(impatient: Limited) -> None:
    with impatient.upload("endless") as endless:
        status, answer = trickling(endless, b"\n" * 100, 0.01)
        assert status == 408
        assert b"longer than 4 seconds" in rest(endless, answer)


@pytest.mark.alone
def test_what_comes_fast_enough_is_stored(impatient: Limited) -> None:
    """For longer than the patience of the service."""
    began = time.monotonic()
    with impatient.upload("steady") as steady:
        while time.monotonic() < began + 2:
            steady.sendall(chunk(ROW))
            time.sleep(0.02)
        steady.sendall(chunk(b""))
        assert status_of(steady) == 200


def trickling(connection: socket.socket, piece: bytes, pause_seconds: float) -> tuple[int, bytes]:
    """The answer to whoever goes on sending pieces."""
    connection.settimeout(pause_seconds)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        connection.sendall(chunk(piece))
        try:
            connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        connection.settimeout(30)
        return answer_of(connection)
    raise AssertionError("it was never told to stop")


def rest(connection: socket.socket, received: bytes) -> bytes:
    """All of the answer, to the end of the connection."""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_nothing_of_what_was_given_up_is_stored(impatient: Limited, module_conninfo: str) -> None:
    with psycopg.connect(module_conninfo, autocommit=True) as connection:
        before = fetch_value(connection, "select count(*) from catalog.events")
        with impatient.upload("silent") as silent:
            assert status_of(silent) == 408
        assert fetch_value(connection, "select count(*) from catalog.events") == before


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def then_nothing(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece
    await asyncio.Event().wait()


def test_a_fast_beginning_does_not_pay_for_a_slow_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_slots, "SLOW_UPLOAD_SECONDS", 0.05)

    async def read() -> None:
        pace, body = UploadPace(), then_nothing(*[b" " * 10**7] * 9)
        for _ in range(9):
            assert await pace.next(body)
        with pytest.raises(RequestTimeout):
            await asyncio.wait_for(pace.next(body), PATIENCE_SECONDS)

    asyncio.run(read())


def test_the_end_of_a_body_is_none() -> None:
    async def read() -> None:
        pace, body = UploadPace(), pieces(b"a")
        assert [await pace.next(body), await pace.next(body)] == [b"a", None]

    asyncio.run(read())
