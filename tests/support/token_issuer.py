"""An issuer of tokens for tests: its keys, what it signs, and its key set over real HTTP."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.concurrency import cancel_and_wait
from app.http.auth.tokens import Authenticator
from app.settings import Settings
from tests.support.http_server import Answer, Request, http_server

T = TypeVar("T")

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public_key(algorithm: str, key_id: str, key: Any = None) -> dict[str, Any]:
    described = jwt.get_algorithm_by_name(algorithm).to_jwk((key or KEYS[algorithm]).public_key(), as_dict=True)
    return {**described, "kid": key_id, "alg": algorithm, "use": "sig"}


def signed(algorithm: str, key_id: str, key: Any = None) -> str:
    claims = {"sub": "alice", "exp": int(time.time()) + 600, "type": "access"}
    return jwt.encode(claims, key or KEYS[algorithm], algorithm, headers={"kid": key_id})


class Issuer:
    """What the issuer serves just now: keys, or nothing (None)."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] | None = [public_key(algorithm, algorithm) for algorithm in KEYS]
        self.asked = 0
        self.url = ""


@contextmanager
def serving() -> Iterator[Issuer]:
    issuer = Issuer()

    def respond(_: Request) -> Answer:
        issuer.asked += 1
        status = 503 if issuer.keys is None else 200
        return Answer(status=status, body=json.dumps({"keys": issuer.keys}).encode())

    with http_server(respond) as address:
        issuer.url = f"{address}/jwks"
        yield issuer


def with_keys(issuer: Issuer, ask: Callable[[Authenticator], Awaitable[T]]) -> T:
    """What comes of it, while the keys are refreshed in the background."""

    async def run() -> T:
        authenticator = Authenticator(Settings(auth="jwt", jwks_url=issuer.url))
        assert authenticator.public_keys is not None
        refreshing = asyncio.create_task(authenticator.public_keys.run())
        try:
            return await ask(authenticator)
        finally:
            await cancel_and_wait(refreshing)

    return asyncio.run(run())
