"""Fetches the issuer's public keys from a URL (RFC 7517) in the background, within limits, and keeps the sound ones.

The server at that URL may be slow, broken or taken over for a while. The last good keys stay in use then.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.errors import SetupError, Unauthenticated, Unavailable

logger = logging.getLogger("catalog")

PUBLIC_KEY_ALGORITHMS = ("RS256", "ES256", "EdDSA")
SHORTEST_RSA_BITS = 2048
"""RFC 7518, 3.3."""

REFRESH_SECONDS = 600.0
RETRY_SECONDS = 10.0
"""The shortest time between two fetches, whatever tokens arrive."""
FETCHED_WITHIN_SECONDS = 5.0
"""From the first packet to the last byte of the body."""
REFETCH_PAUSE_SECONDS = 2.0
"""How long a request whose token names an unknown key waits for the next fetch."""
LARGEST_KEY_SET_BYTES = 256 * 1024
KEYS_MAX = 100
LOGGED_CHARACTERS = 100


class UnusableKey(Exception):
    """The issuer's response, or one of its keys, cannot be used; the message says why."""


class PublicKeys:
    """The issuer's keys, refreshed in the background. The old keys stay in use while the issuer fails."""

    def __init__(self, url: str) -> None:
        """Raises SetupError for an unusable URL."""
        self._url = _check_url(url)
        self._keys: Sequence[jwt.PyJWK] | None = None
        self._wanted = asyncio.Event()
        self._fetched = asyncio.Condition()

    async def run(self) -> None:
        """Fetch the keys now, every ten minutes, and when a token names an unknown key."""
        async with httpx.AsyncClient(timeout=FETCHED_WITHIN_SECONDS) as client:
            while True:
                self._wanted.clear()
                await self._refresh(client)
                await asyncio.sleep(RETRY_SECONDS)
                pause = REFRESH_SECONDS - RETRY_SECONDS if self._keys is not None else 0.0
                try:
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()
                except TimeoutError:
                    pass

    async def _refresh(self, client: httpx.AsyncClient) -> None:
        try:
            self._keys = usable_keys(await fetch_key_set(client, self._url))
        except Exception as error:  # any failure of the issuer is temporary: the next response may be good
            kept = "there are none yet" if self._keys is None else "the last ones stay in use"
            reason = str(error) or type(error).__name__
            logger.warning("the issuer's keys cannot be fetched just now, %s: %s", kept, reason)
        async with self._fetched:
            self._fetched.notify_all()

    async def get(self, algorithm: str, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """The keys of that algorithm and id, at least one.

        Raises Unavailable until keys have been fetched, Unauthenticated if there is no such key.
        """
        if not (found := self._find(algorithm, key_id)):
            await self._refetch()
            found = self._find(algorithm, key_id)
        if self._keys is None:
            raise Unavailable("The issuer's keys have not been fetched yet; try again.")
        if not found:
            raise Unauthenticated("The token is signed by an unknown key.")
        return found

    def _find(self, algorithm: str, key_id: str | None) -> Sequence[jwt.PyJWK]:
        return [key for key in self._keys or () if (key.algorithm_name, key.key_id) == (algorithm, key_id)]

    async def _refetch(self) -> None:
        self._wanted.set()
        try:
            async with asyncio.timeout(REFETCH_PAUSE_SECONDS), self._fetched:
                await self._fetched.wait()
        except TimeoutError:
            pass


def _check_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SetupError(f"CATALOG_JWKS_URL is not a URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SetupError("CATALOG_JWKS_URL must be a URL that begins with https:// or http://")
    return url


async def fetch_key_set(client: httpx.AsyncClient, url: str) -> bytes:
    """The body at `url`. Raises UnusableKey, or an error of httpx.

    Redirects are not followed. Nothing is decompressed, because a small response may become very large in memory.
    """
    try:
        async with (
            asyncio.timeout(FETCHED_WITHIN_SECONDS),
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}, follow_redirects=False) as response,
        ):
            response.raise_for_status()
            if (encoding := response.headers.get("Content-Encoding", "identity")) != "identity":
                raise UnusableKey(
                    f"the response is compressed ({encoding[:LOGGED_CHARACTERS]}), which was not asked for"
                )
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_KEY_SET_BYTES:
                    raise UnusableKey(f"the response is larger than {LARGEST_KEY_SET_BYTES} bytes")
            return bytes(body)
    except TimeoutError:
        raise UnusableKey(f"the response takes longer than {FETCHED_WITHIN_SECONDS:g} seconds") from None


def usable_keys(body: bytes) -> Sequence[jwt.PyJWK]:
    """The usable keys of a JWK Set, at least one; for each unusable key the reason is logged.

    Raises UnusableKey if there is none or the set is unreadable.
    """
    found = msgspec.json.decode(body)
    keys = found.get("keys") if isinstance(found, Mapping) else None
    if not isinstance(keys, list):
        raise UnusableKey("the response is not a JWK Set")
    if len(keys) > KEYS_MAX:
        raise UnusableKey(f"the response holds more than {KEYS_MAX} keys")
    usable = [*_usable(keys)]
    if not usable:
        raise UnusableKey("the response holds no key that can be used")
    return usable


def _usable(keys: list[Any]) -> Iterator[jwt.PyJWK]:
    for number, key in enumerate(keys):
        try:
            yield _usable_key(key)
        except Exception as error:  # an unknown kind of key must not make the others unusable
            name = key.get("kid", number) if isinstance(key, Mapping) else number
            logger.warning("the issuer's key %.100r is not used: %.300s", name, error)


def _usable_key(described: Any) -> jwt.PyJWK:
    """Parse a key. Raises UnusableKey, or an error of PyJWT or cryptography, for a key that must not verify tokens."""
    if not isinstance(described, dict):
        raise UnusableKey("it is not a JSON object")
    if not isinstance(described.get("kid", ""), str):
        raise UnusableKey("its kid is not a string")
    if described.get("use", "sig") != "sig":
        raise UnusableKey("it is not for signatures (use)")
    operations = described.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("it is not for checking signatures (key_ops)")
    if described.get("kty") == "oct" or {"d", "k"} & described.keys():
        raise UnusableKey("it is a secret, and every reader of this address knows it")
    key = jwt.PyJWK(described)
    if (reason := _explain_unsound(key.algorithm_name, key.key)) is not None:
        raise UnusableKey(reason)
    return key


def _explain_unsound(algorithm: str | None, key: Any) -> str | None:
    match algorithm, key:
        case "RS256", RSAPublicKey():
            return None if key.key_size >= SHORTEST_RSA_BITS else f"it has {key.key_size} bits, fewer than 2048"
        case "ES256", EllipticCurvePublicKey():
            return None if isinstance(key.curve, SECP256R1) else f"ES256 is on the curve P-256, not {key.curve.name}"
        case "EdDSA", Ed25519PublicKey() | Ed448PublicKey():
            return None
        case _:
            return f"its algorithm is none of {', '.join(PUBLIC_KEY_ALGORITHMS)}, or not one of its type"
