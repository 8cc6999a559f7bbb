"""Bearer tokens as the platform issues them, checked by PyJWT: a ring of shared secrets, or the issuer's public keys.

The platform's tokens say who (`sub`), until when (`exp`) and what for (`type: access`), and nothing else.
"""

import asyncio
import hmac
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import msgspec

from app.actors import Actor
from app.errors import SetupError, Unauthenticated, Unavailable
from app.item import UserId
from app.settings import Settings

logger = logging.getLogger("catalog")

LEEWAY_SECONDS = 30
SHARED = "HS256"
PUBLIC = ("RS256", "ES256", "EdDSA")
SHORTEST_SECRET_BYTES = 32
"""As long as what HS256 computes (RFC 7518, 3.2)."""
LONGEST_TOKEN_CHARACTERS = 8192
ADMIN = "admin"
"""What the log calls whoever has CATALOG_ADMIN_TOKEN."""

KEYS_LAST_SECONDS = 600.0
RETRY_SECONDS = 10.0
"""The keys are not asked for more often, whatever tokens come."""
FETCHED_WITHIN_SECONDS = 5.0
NEW_KEY_WAITS_SECONDS = 2.0
"""How long a token of an unknown key waits for the keys to be asked for again."""


class PublicKeys:
    """The issuer's keys at a URL (RFC 7517), refreshed in the background; the old ones serve while it is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str | None, jwt.PyJWK] | None = None
        self._wanted = asyncio.Event()
        self._fetched = asyncio.Condition()

    async def run(self) -> None:
        """Fetch them now, every ten minutes, and when somebody comes with a key that is not among them."""
        async with httpx.AsyncClient(timeout=FETCHED_WITHIN_SECONDS) as client:
            while True:
                self._wanted.clear()
                await self._fetch(client)
                await asyncio.sleep(RETRY_SECONDS)
                pause = KEYS_LAST_SECONDS - RETRY_SECONDS if self._keys is not None else 0.0
                try:
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()
                except TimeoutError:
                    pass

    async def _fetch(self, client: httpx.AsyncClient) -> None:
        try:
            response = await client.get(self._url)
            response.raise_for_status()
            found = jwt.PyJWKSet.from_dict(response.json()).keys
            self._keys = {key.key_id: key for key in found if key.algorithm_name in PUBLIC}
        except Exception as error:  # whatever somebody else answers, the next answer may be a good one
            logger.warning("the issuer's keys cannot be had just now: %s", error)
        async with self._fetched:
            self._fetched.notify_all()

    async def get(self, key_id: str | None) -> jwt.PyJWK:
        """The key of that name. Raises Unavailable before the first were fetched, Unauthenticated if there is none."""
        if self._keys is None or key_id not in self._keys:
            await self._look_again()
        if self._keys is None:
            raise Unavailable("The issuer's keys cannot be had just now; try again.")
        if key_id not in self._keys:
            raise Unauthenticated("The token is signed by a key that nobody knows.")
        return self._keys[key_id]

    async def _look_again(self) -> None:
        self._wanted.set()
        try:
            async with asyncio.timeout(NEW_KEY_WAITS_SECONDS), self._fetched:
                await self._fetched.wait()
        except TimeoutError:
            pass


class Authenticator:
    """Tells who a bearer token belongs to."""

    def __init__(self, settings: Settings) -> None:
        """Raises SetupError if nothing could ever be accepted."""
        self._secrets = settings.jwt_secrets
        self.public_keys = PublicKeys(settings.catalog_jwks_url) if settings.catalog_jwks_url else None
        self._admins = frozenset(settings.admin_subjects)
        self._admin_token = (settings.catalog_admin_token or "").encode()
        if not (self._secrets or self.public_keys):
            raise SetupError("CATALOG_AUTH=jwt needs CATALOG_JWT_SECRETS or CATALOG_JWKS_URL")

    async def actor_of(self, authorization: str | None) -> Actor:
        """Who sent this Authorization header. Raises Unauthenticated, which tells no more than its bearer may know."""
        scheme, _, token = (authorization or "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send a bearer token.")
        if self._admin_token and hmac.compare_digest(token.encode(), self._admin_token):
            return Actor(ADMIN, is_admin=True)
        if len(token) > LONGEST_TOKEN_CHARACTERS:
            raise Unauthenticated("The token is too long.")
        try:
            subject = _subject(await self._claims(token))
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except jwt.PyJWTError:
            raise Unauthenticated("The token is not valid.") from None
        return Actor(subject, is_admin=subject in self._admins)

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm == SHARED and self._secrets:
            return self._claims_by_secret(token)
        if algorithm in PUBLIC and self.public_keys:
            key = await self.public_keys.get(header.get("kid"))
            return _decoded(token, key, algorithm)
        raise jwt.InvalidAlgorithmError("no key of ours is for this algorithm")

    def _claims_by_secret(self, token: str) -> dict[str, Any]:
        """The newest secret comes first; a token of an older one is good until that leaves the ring."""
        for secret in self._secrets[:-1]:
            try:
                return _decoded(token, secret, SHARED)
            except jwt.InvalidSignatureError:
                pass
        return _decoded(token, self._secrets[-1], SHARED)


def _decoded(token: str, key: str | jwt.PyJWK, algorithm: str) -> dict[str, Any]:
    return jwt.decode(token, key, algorithms=[algorithm], leeway=LEEWAY_SECONDS, options={"require": ["sub", "exp"]})


def _subject(claims: Mapping[str, Any]) -> str:
    if claims.get("type") != "access":
        raise Unauthenticated("This is not an access token.")
    try:
        subject = msgspec.convert(claims["sub"], UserId)
    except msgspec.ValidationError:
        raise Unauthenticated("The token names nobody.") from None
    if not subject.strip() or subject == ADMIN:
        raise Unauthenticated("The token names nobody.")
    return subject


def check_authentication(settings: Settings) -> None:
    """Raises SetupError for settings that cannot work, and in production for those that are not safe."""
    if settings.catalog_auth == "jwt":
        Authenticator(settings)
    if settings.catalog_env != "production":
        return
    if settings.catalog_auth == "off":
        raise SetupError("CATALOG_ENV=production refuses to run with CATALOG_AUTH=off")
    secrets = {
        "CATALOG_JWT_SECRETS": settings.jwt_secrets,
        "CATALOG_ADMIN_TOKEN": (settings.catalog_admin_token,) if settings.catalog_admin_token else (),
    }
    for name, held in secrets.items():
        if any(len(secret.encode()) < SHORTEST_SECRET_BYTES for secret in held):
            raise SetupError(f"{name} holds a secret of fewer than {SHORTEST_SECRET_BYTES} bytes")
