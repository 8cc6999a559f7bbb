"""Verifies the platform's bearer tokens: PyJWT checks their signatures by shared secrets or by the issuer's keys.

A token holds the user (`sub`), the expiry (`exp`) and the purpose (`type: access`). The other checks follow RFC 8725: a
token is refused if two readers could understand it differently, or if it is meant for another service.
"""

import hmac
import json
import time
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import jwt
import msgspec
from jwt.utils import base64url_decode
from msgspec import UNSET, Meta, Struct, UnsetType

from app.constraints import UserId
from app.errors import SetupError, Unauthenticated
from app.http.auth.actor import Actor
from app.http.auth.public_keys import PUBLIC_KEY_ALGORITHMS, PublicKeys
from app.settings import Settings

S = TypeVar("S", bound=Struct)

LEEWAY_SECONDS = 30
SHARED_KEY_ALGORITHM = "HS256"
JWS = jwt.PyJWS(algorithms=[SHARED_KEY_ALGORITHM, *PUBLIC_KEY_ALGORITHMS])
SHORTEST_SECRET_BYTES = 32
"""The length of an HS256 signature (RFC 7518, 3.2)."""
LONGEST_TOKEN_CHARACTERS = 8192
ADMIN = "admin"
"""The user id in the log for requests with CATALOG_ADMIN_TOKEN."""

LATEST_EXPIRY = 253402300799
"""The end of the year 9999: a larger number is not meant as seconds."""
NumericDate = Annotated[float, Meta(ge=0, le=LATEST_EXPIRY)]
"""Seconds since 1970 in UTC; it may have a fraction (RFC 7519, 2)."""


class Header(Struct, frozen=True):
    """A token's header: how it is signed."""

    alg: str
    kid: str | UnsetType = UNSET
    crit: Any = UNSET
    """Extensions that a reader of the token must support (RFC 7515, 4.1.11); this service supports none."""
    b64: Any = UNSET
    """An extension that changes what is signed (RFC 7797)."""


class Claims(Struct, frozen=True):
    """The claims of a token."""

    sub: str
    exp: NumericDate
    type: Any = None
    nbf: NumericDate | UnsetType = UNSET
    iat: NumericDate | UnsetType = UNSET
    aud: Any = UNSET
    """The audience. The platform's tokens have none, so a token with one is for another service."""


class Authenticator:
    """Finds the user of a bearer token."""

    def __init__(self, settings: Settings) -> None:
        """Raises SetupError without a secret or a URL of keys: no token could be accepted."""
        self._secrets = settings.signing_secrets
        self.public_keys = PublicKeys(settings.jwks_url) if settings.jwks_url else None
        self._admins = frozenset(settings.admin_ids)
        self._admin_token = (settings.admin_token or "").encode()
        if not (self._secrets or self.public_keys):
            raise SetupError("CATALOG_AUTH=jwt needs CATALOG_JWT_SECRETS or CATALOG_JWKS_URL")

    async def actor_of(self, authorization: str | None) -> Actor:
        """The user of an Authorization header.

        Raises Unauthenticated, whose text reveals no more than the sender may know, and Unavailable until the issuer's
        keys have been fetched.
        """
        token = _bearer_token(authorization)
        if self._admin_token and hmac.compare_digest(token.encode(), self._admin_token):
            return Actor(ADMIN, is_admin=True)
        if len(token) > LONGEST_TOKEN_CHARACTERS:
            raise Unauthenticated("The token is too long.")
        try:
            subject = _subject(await self._claims(token))
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, RecursionError):
            raise Unauthenticated("The token is not valid.") from None
        return Actor(subject, is_admin=subject in self._admins)

    async def _claims(self, token: str) -> Claims:
        header = _read_header(token)
        if header.alg == SHARED_KEY_ALGORITHM and self._secrets:
            return _verify(token, self._secrets, SHARED_KEY_ALGORITHM)
        if header.alg in PUBLIC_KEY_ALGORITHMS and self.public_keys:
            keys = await self.public_keys.get(header.alg, None if header.kid is UNSET else header.kid)
            return _verify(token, keys, header.alg)
        raise jwt.InvalidAlgorithmError("the service has no key for this algorithm")


def _bearer_token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip(" \t").partition(" ")
    token = token.lstrip(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send a bearer token.")
    return token


def _read_header(token: str) -> Header:
    """The header of a token that is not verified yet. It only chooses the keys to verify with."""
    header = _decode_strictly(base64url_decode(token.partition(".")[0]), Header)
    if header.crit is not UNSET or header.b64 is not UNSET:
        raise jwt.InvalidTokenError("the token requires an extension")
    return header


def _verify(token: str, keys: Iterable[str | jwt.PyJWK], algorithm: str) -> Claims:
    """The claims of a token that one of the keys signed.

    The newest secret comes first. A token of an older secret is valid until that secret is removed from the settings.
    """
    for key in keys:
        try:
            return _decode_strictly(JWS.decode(token, key, algorithms=[algorithm]), Claims)
        except jwt.InvalidSignatureError:
            pass
    raise jwt.InvalidSignatureError


def _decode_strictly(text: bytes, struct: type[S]) -> S:
    """Decode JSON as the struct. A repeated name is refused, because readers differ in which value they take.

    Raises ValueError, RecursionError and the errors of msgspec.
    """
    json.loads(text, object_pairs_hook=_refuse_duplicate_names)
    return msgspec.json.decode(text, type=struct)


def _refuse_duplicate_names(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name is repeated")


def _subject(claims: Claims) -> str:
    now = time.time()
    if claims.exp <= now - LEEWAY_SECONDS:
        raise Unauthenticated("The token has expired.")
    if any(begins is not UNSET and begins > now + LEEWAY_SECONDS for begins in (claims.nbf, claims.iat)):
        raise Unauthenticated("The token is not valid yet.")
    if claims.aud is not UNSET:
        raise Unauthenticated("The token is for another audience.")
    if claims.type != "access":
        raise Unauthenticated("This is not an access token.")
    try:
        subject = msgspec.convert(claims.sub, UserId)
    except msgspec.ValidationError:
        raise Unauthenticated("The token names nobody.") from None
    if not subject.strip() or subject == ADMIN:
        raise Unauthenticated("The token names nobody.")
    return subject


def check_authentication(settings: Settings) -> None:
    """Raises SetupError for unusable settings, and in production also for unsafe ones."""
    if settings.auth == "jwt":
        Authenticator(settings)
    if settings.env != "production":
        return
    if settings.auth == "off":
        raise SetupError("CATALOG_ENV=production refuses to run with CATALOG_AUTH=off")
    secrets = {
        "CATALOG_JWT_SECRETS": settings.signing_secrets,
        "CATALOG_ADMIN_TOKEN": (settings.admin_token,) if settings.admin_token else (),
    }
    for name, held in secrets.items():
        if any(len(secret.encode()) < SHORTEST_SECRET_BYTES for secret in held):
            raise SetupError(f"{name} holds a secret of fewer than {SHORTEST_SECRET_BYTES} bytes")
