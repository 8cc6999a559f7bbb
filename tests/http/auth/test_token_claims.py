"""Tokens that are signed by the right secret and are refused all the same (RFC 8725), and those of the wrong kind."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.errors import Unauthenticated
from app.http.auth.actor import Actor
from app.http.auth.tokens import Authenticator
from app.settings import Settings

SECRET = "a-secret-of-at-least-thirty-two-bytes"
SOON = int(time.time()) + 24 * 3600
GOOD = {"sub": "alice", "exp": SOON, "type": "access"}


def encoded(part: str | dict[str, Any]) -> str:
    text = part if isinstance(part, str) else json.dumps(part)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def forged(claims: str | dict[str, Any], header: str | dict[str, Any]) -> str:
    """A token of just this text, signed by our secret."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    signature = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def token(claims: str | dict[str, Any] | None = None, /, **header: Any) -> str:
    return forged(GOOD if claims is None else claims, {"alg": "HS256", "typ": "JWT", **header})


def claiming(**claims: Any) -> str:
    return token({**GOOD, **claims})


def actor_of(authorization: str) -> Actor:
    return asyncio.run(Authenticator(Settings(auth="jwt", jwt_secrets=SECRET)).actor_of(authorization))


def named(time: Any) -> str:
    """The time in the name of a test, which may not depend on when the test was collected."""
    return repr(time).replace(str(SOON), "SOON")


ACCEPTED = {
    "as the platform issues it": token(),
    "with a fraction of a second": claiming(exp=SOON + 0.5),
    "good since a moment ago": claiming(nbf=int(time.time()) - 5, iat=int(time.time()) - 5.5),
    "begun within the leeway": claiming(nbf=time.time() + 15, iat=time.time() + 15),
    "with claims of its own": claiming(email="a@example.org", iss="platform", roles=["x"], deep={"a": {"a": 1}}),
    "with a key id": token(kid="2026"),
}

AUDIENCES: tuple[Any, ...] = ("", [], None, "catalog", ["catalog"], {}, 0, False)
NO_TIMES: tuple[Any, ...] = ("0", str(SOON), "", None, True, False, [0], {}, 10**400, float("nan"), 1e308)
KEY_IDS: tuple[Any, ...] = (1, None, ["x"], {"x": 1}, True)
ALGORITHMS: tuple[Any, ...] = ("none", "None", "", "hs256", "HS384", "HS512", "RS256", None, 1, ["HS256"])
NO_OBJECTS = ("[]", "null", "1", '"alice"', "", "{", "[" * 2000, '{"alg":' * 900, "{}")

REFUSED = {
    **{f"for the audience {aud!r}": claiming(aud=aud) for aud in AUDIENCES},
    **{f"until {named(exp)}": claiming(exp=exp) for exp in (*NO_TIMES, SOON * 1000, -SOON)},
    "until infinity": token('{"sub": "alice", "type": "access", "exp": Infinity}'),
    "until 1e400": token('{"sub": "alice", "type": "access", "exp": 1e400}'),
    **{f"from {named(nbf)}": claiming(nbf=nbf) for nbf in (*NO_TIMES, SOON)},
    **{f"issued at {named(iat)}": claiming(iat=iat) for iat in (*NO_TIMES, SOON)},
    **{
        f"of {sub!r}": claiming(sub=sub)
        for sub in (None, 7, True, ["alice"], {"alice": 1}, "", " ", "\u3000", "a" * 101, "a\0b", "\ud800", "admin")
    },
    **{
        f"of the type {type_!r}": claiming(type=type_)
        for type_ in ("refresh", "Access", "", None, ["access"], {"access": 1}, 1)
    },
    "of two subjects": token(f'{{"sub": "mallory", "exp": {SOON}, "type": "access", "sub": "alice"}}'),
    "of two subjects, one escaped": token(f'{{"sub": "m", "exp": {SOON}, "type": "access", "s\\u0075b": "alice"}}'),
    "of two ends": token(f'{{"sub": "alice", "exp": 1, "type": "access", "exp": {SOON}}}'),
    "with a twin within": token(f'{{"sub": "alice", "exp": {SOON}, "type": "access", "x": {{"a": 1, "a": 2}}}}'),
    "of two algorithms": forged(GOOD, '{"alg": "none", "alg": "HS256"}'),
    **{f"critical: {crit!r}": token(crit=crit) for crit in (["exp"], [], ["b64"], None, "b64", [1], {"b64": 1})},
    **{f"with b64 {b64!r}": token(b64=b64) for b64 in (False, True)},
    **{f"with the kid {kid!r}": token(kid=kid) for kid in KEY_IDS},
    **{f"by {alg!r}": token(alg=alg) for alg in ALGORITHMS},
    "by the key that it brings": token(alg="RS256", jwk={"kty": "oct", "k": "AAAA"}, jku="http://127.0.0.1:1/"),
    "without an algorithm": forged(GOOD, {"typ": "JWT"}),
    **{f"claiming {claims:.9}": token(claims) for claims in NO_OBJECTS},
    **{f"headed {head:.9}": forged(GOOD, head) for head in NO_OBJECTS},
    "in white space": f" {token()}\t{token()}",
    "with a space within": token().replace(".", " .", 1),
    "with a line break": f"{token()}\n",
    "with a hard space": f"{token()}\xa0",
    "with a part more": f"{token()}.{encoded('x')}",
    "with a part less": token().rpartition(".")[0],
    "without its signature": token().rpartition(".")[0] + ".",
    "of dots": "..",
    "of five parts": "a.b.c.d.e",
    "of letters that are none": "äöü.äöü.äöü",
    "too long": "a" * 9000,
    "by another's key": jwt.encode(GOOD, rsa.generate_private_key(65537, 2048), "RS256"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ACCEPTED)
def test_a_token_is_good(kind: str) -> None:
    assert actor_of(f"Bearer {ACCEPTED[kind]}") == Actor("alice")


@pytest.mark.parametrize("kind", REFUSED)
def test_a_token_is_refused(kind: str) -> None:
    with pytest.raises(Unauthenticated):
        actor_of(f"Bearer {REFUSED[kind]}")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", " Bearer"])
def test_the_scheme_is_read_as_http_has_it(scheme: str) -> None:
    assert actor_of(f"{scheme} {token()} ") == Actor("alice")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer\t{}", "Bearer{}"])
def test_without_a_bearer_token_nobody_is_known(authorization: str) -> None:
    with pytest.raises(Unauthenticated, match="Send a bearer token"):
        actor_of(authorization.format(token()))
