"""An issuer's key set that is slow, endless, compressed, elsewhere or unsound, sent by raw sockets."""

import asyncio
import gzip
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519

from app.errors import SetupError, Unauthenticated
from app.http.auth import public_keys
from app.http.auth.actor import Actor
from app.http.auth.public_keys import (
    KEYS_MAX,
    LARGEST_KEY_SET_BYTES,
    PublicKeys,
    UnusableKey,
    fetch_key_set,
    usable_keys,
)
from app.http.auth.tokens import Authenticator
from tests.support.patience import PATIENCE_SECONDS
from tests.support.token_issuer import KEYS, public_key, serving, signed, with_keys

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MIB = bytes(1024 * 1024)


class Answering:
    """Who answers every request with pieces, as many as the client takes."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], pause_seconds: float) -> None:
        self._pieces = pieces
        self._pause_seconds = pause_seconds
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/jwks"
        self.asked = 0
        self.sent_bytes = 0

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.asked += 1
                with connection, suppress(OSError):
                    connection.recv(65536)
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        for piece in self._pieces():
            connection.sendall(piece)
            self.sent_bytes += len(piece)
            if self._pause_seconds and self._stopped.wait(self._pause_seconds):
                return

    def stop(self) -> None:
        self._stopped.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def answering(pieces: Callable[[], Iterator[bytes]], pause_seconds: float = 0.0) -> Iterator[Answering]:
    issuer = Answering(pieces, pause_seconds)
    thread = threading.Thread(target=issuer.run)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.stop()
        thread.join()


def fetch(url: str) -> bytes:
    async def run() -> bytes:
        async with httpx.AsyncClient(timeout=public_keys.FETCHED_WITHIN_SECONDS) as client:
            return await fetch_key_set(client, url)

    return asyncio.run(run())


def chunks(*bodies: bytes) -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in bodies:
        yield b"%x\r\n%b\r\n" % (len(body), body)


SLOW: dict[str, Callable[[], Iterator[bytes]]] = {
    "a byte at a time of its body": lambda: iter([HEAD + b"Content-Length: 1000\r\n\r\n", *repeat(b" ", 1000)]),
    "a byte at a time of its head": lambda: iter([HEAD, *repeat(b"X", 1000)]),
    "a chunk at a time": lambda: chunks(*repeat(b" ", 1000)),
    "nothing": lambda: iter([]),
}


@pytest.mark.parametrize("kind", SLOW)
def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """However steadily it goes on: it is the whole that counts."""
    monkeypatch.setattr(public_keys, "FETCHED_WITHIN_SECONDS", 1.0)
    with answering(SLOW[kind], pause_seconds=0.02) as issuer, pytest.raises((UnusableKey, httpx.HTTPError)) as refused:
        fetch(issuer.url)
    assert kind == "nothing" or "takes longer than 1 seconds" in str(refused.value)
    assert issuer.sent_bytes < 1000


ENDLESS: dict[str, Callable[[], Iterator[bytes]]] = {
    "bytes": lambda: iter([HEAD + b"Content-Length: 400000000\r\n\r\n", *repeat(MIB, 400)]),
    "chunks": lambda: chunks(*repeat(MIB, 400)),
    "headers": lambda: iter([HEAD, *repeat(b"X-Again: %b\r\n" % (b"x" * 1000), 400_000)]),
    "a header": lambda: iter([HEAD + b"X: ", *repeat(b"x" * 1024, 400_000)]),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_that_is_too_long_is_given_up(kind: str) -> None:
    with answering(ENDLESS[kind]) as issuer, pytest.raises((UnusableKey, httpx.HTTPError)):
        fetch(issuer.url)
    assert issuer.sent_bytes < 20 * len(MIB)


def test_an_answer_of_just_the_limit_is_read_and_one_byte_more_is_not() -> None:
    with answering(lambda: iter([HEAD + b"Connection: close\r\n\r\n" + b" " * LARGEST_KEY_SET_BYTES])) as issuer:
        assert len(fetch(issuer.url)) == LARGEST_KEY_SET_BYTES
    with (
        answering(lambda: iter([HEAD + b"Connection: close\r\n\r\n" + b" " * (LARGEST_KEY_SET_BYTES + 1)])) as issuer,
        pytest.raises(UnusableKey, match="larger than"),
    ):
        fetch(issuer.url)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_nothing_is_decompressed(encoding: str) -> None:
    bomb = gzip.compress(MIB * 4)
    head = HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(bomb))
    with answering(lambda: iter([head + bomb])) as issuer, pytest.raises(UnusableKey, match="compressed"):
        fetch(issuer.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving() as elsewhere:
        head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(lambda: iter([head])) as issuer, pytest.raises(httpx.HTTPStatusError):
            fetch(issuer.url)
        assert (issuer.asked, elsewhere.asked) == (1, 0)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "keys", "ftp://issuer/keys", "https://", "http://issuer:x", "//issuer/keys"]
)
def test_an_address_that_nothing_can_be_fetched_from_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SetupError, match="CATALOG_JWKS_URL"):
        PublicKeys(url)


SHORT = rsa.generate_private_key(65537, 1024)
P384 = ec.generate_private_key(ec.SECP384R1())


def without(key: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in names}


def okp(curve: str, key: Any) -> dict[str, Any]:
    raw = jwt.utils.base64url_encode(key.public_key().public_bytes_raw()).decode()
    return {"kty": "OKP", "crv": curve, "x": raw}


UNSOUND: dict[str, Any] = {
    "an RSA key of 1024 bits": public_key("RS256", "odd", SHORT),
    "one that does not say its algorithm": without(public_key("RS256", "odd", SHORT), "alg"),
    "RS512": {**public_key("RS256", "odd"), "alg": "RS512"},
    "PS256": {**public_key("RS256", "odd"), "alg": "PS256"},
    "ES256 on P-384": {**public_key("ES384", "odd", P384), "alg": "ES256"},
    "ES384": public_key("ES384", "odd", P384),
    "X25519": {**okp("X25519", x25519.X25519PrivateKey.generate()), "kid": "odd", "alg": "EdDSA"},
    "an algorithm of another type": {**public_key("RS256", "odd"), "alg": "ES256"},
    "an algorithm that is none": {**public_key("RS256", "odd"), "alg": 256},
    "one for encryption": {**public_key("RS256", "odd"), "use": "enc"},
    "one for encryption by key_ops": {**public_key("RS256", "odd"), "key_ops": ["wrapKey"]},
    "key_ops that are none": {**public_key("RS256", "odd"), "key_ops": "verify"},
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "odd", "alg": "HS256"},
    "a shared secret by the name of a public key": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "odd", "alg": "RS256"},
    "a private key": jwt.get_algorithm_by_name("EdDSA").to_jwk(KEYS["EdDSA"], as_dict=True) | {"kid": "odd"},
    "a kid that is none": {**public_key("RS256", "odd"), "kid": ["odd"]},
    "a kid that is null": {**public_key("RS256", "odd"), "kid": None},
    "a point that is not on the curve": {**public_key("ES256", "odd"), "y": "AAAA"},
    "a modulus that is none": {**public_key("RS256", "odd"), "n": 7},
    "an even exponent": {**public_key("RS256", "odd"), "e": "Ag"},
    "nothing of a key": {"kid": "odd"},
    "a number": 7,
    "null": None,
}


@pytest.mark.parametrize("kind", UNSOUND)
def test_an_unsound_key_is_left_out_and_named(caplog: pytest.LogCaptureFixture, kind: str) -> None:
    body = json.dumps({"keys": [UNSOUND[kind], public_key("EdDSA", "good")]}).encode()
    with caplog.at_level(logging.WARNING, "catalog"):
        assert [key.key_id for key in usable_keys(body)] == ["good"]
    (record,) = caplog.records
    name = "odd" if isinstance(UNSOUND[kind], dict) and UNSOUND[kind].get("kid") else ""
    assert name in record.getMessage()
    assert "c2VjcmV0" not in record.getMessage()


SOUND: dict[str, dict[str, Any]] = {
    "without alg": without(public_key("RS256", "k"), "alg"),
    "without alg, on P-256": without(public_key("ES256", "k"), "alg"),
    "without use and key_ops": without(public_key("EdDSA", "k"), "use", "key_ops"),
    "Ed448": {**okp("Ed448", ed448.Ed448PrivateKey.generate()), "kid": "k", "alg": "EdDSA"},
    "with members that nobody knows": {**public_key("RS256", "k"), "x5c": ["…"], "x": 1},
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_key_is_kept(caplog: pytest.LogCaptureFixture, kind: str) -> None:
    assert [key.key_id for key in usable_keys(json.dumps({"keys": [SOUND[kind]]}).encode())] == ["k"]
    assert caplog.records == []


MANY = [public_key("EdDSA", str(n)) for n in range(KEYS_MAX + 1)]
NO_KEY_SETS = (b"", b"[]", b"null", b"{}", b'{"keys": null}', b'{"keys": {}}', b'{"keys": []}', b"[" * 100_000, b"\xff")


@pytest.mark.parametrize("body", [*NO_KEY_SETS, json.dumps({"keys": MANY}).encode()], ids=range(len(NO_KEY_SETS) + 1))
def test_what_is_no_key_set_is_refused_whole(body: bytes) -> None:
    with pytest.raises((UnusableKey, ValueError, RecursionError)):
        usable_keys(body)


@pytest.mark.parametrize("broken", [[], [UNSOUND["a shared secret"]], [UNSOUND["an RSA key of 1024 bits"]], MANY, [7]])
def test_an_answer_without_a_usable_key_does_not_take_the_good_ones_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: list[Any]
) -> None:
    monkeypatch.setattr(public_keys, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(public_keys, "REFETCH_PAUSE_SECONDS", PATIENCE_SECONDS)

    async def lose(known: Authenticator) -> Actor:
        await known.actor_of(f"Bearer {signed('RS256', 'RS256')}")
        issuer.keys = broken
        with pytest.raises(Unauthenticated):  # which is when they are asked for again
            await known.actor_of(f"Bearer {signed('RS256', 'unknown')}")
        return await known.actor_of(f"Bearer {signed('RS256', 'RS256')}")

    with serving() as issuer:
        assert with_keys(issuer, lose) == Actor("alice")
    assert "the last ones stay in use" in caplog.text


def test_a_token_of_a_short_rsa_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as issuer:
        assert issuer.keys is not None
        issuer.keys.append(public_key("RS256", "short", SHORT))
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            weak = signed("RS256", "short", SHORT)

        async def ask(known: Authenticator) -> Actor:
            assert await known.actor_of(f"Bearer {signed('RS256', 'RS256')}") == Actor("alice")
            monkeypatch.setattr(public_keys, "REFETCH_PAUSE_SECONDS", 0.1)  # the keys are there: no need to wait long
            return await known.actor_of(f"Bearer {weak}")

        with pytest.raises(Unauthenticated):
            with_keys(issuer, ask)


def test_two_keys_of_one_name_serve_both() -> None:
    """While keys are exchanged an issuer may have two that are called alike, or not called anything."""
    newer = rsa.generate_private_key(65537, 2048)
    with serving() as issuer:
        issuer.keys = [public_key("RS256", "k"), public_key("RS256", "k", newer), public_key("ES256", "k")]
        tokens = (signed("RS256", "k"), signed("RS256", "k", newer), signed("ES256", "k"))

        async def all_of_them(known: Authenticator) -> list[Actor]:
            return [await known.actor_of(f"Bearer {token}") for token in tokens]

        assert with_keys(issuer, all_of_them) == [Actor("alice")] * 3
