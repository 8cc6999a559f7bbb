"""The issuer's public keys over real HTTP: algorithms, rotation, absence; and what production refuses to start with."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError, Unauthenticated, Unavailable
from app.http.auth import public_keys, tokens
from app.http.auth.actor import Actor
from app.http.auth.tokens import Authenticator
from app.settings import Settings
from tests.support.patience import PATIENCE_SECONDS
from tests.support.token_issuer import KEYS, Issuer, public_key, serving, signed, with_keys

LONG = "a-secret-of-at-least-thirty-two-bytes"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for the keys that were asked for as long as that takes; the issuer answers, or says that it cannot."""
    monkeypatch.setattr(public_keys, "REFETCH_PAUSE_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks for the keys again after a twentieth of a second."""
    monkeypatch.setattr(public_keys, "RETRY_SECONDS", 0.05)


@pytest.mark.parametrize("algorithm", KEYS)
def test_tokens_signed_by_the_issuers_keys_are_good(issuer: Issuer, algorithm: str) -> None:
    bearer = f"Bearer {signed(algorithm, algorithm)}"
    assert with_keys(issuer, lambda known: known.actor_of(bearer)) == Actor("alice")


def test_a_key_of_the_same_name_that_is_not_the_issuers_is_refused(issuer: Issuer) -> None:
    forged = signed("ES256", "ES256", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Unauthenticated, match="not valid"):
        with_keys(issuer, lambda known: known.actor_of(f"Bearer {forged}"))


def test_a_public_key_is_not_taken_for_a_shared_secret(issuer: Issuer) -> None:
    """The classic confusion: HS256 over what everybody can read."""
    forged = jwt.encode({"sub": "alice", "exp": time.time() + 600, "type": "access"}, "x" * 32, "HS256")
    with pytest.raises(Unauthenticated):
        with_keys(issuer, lambda known: known.actor_of(f"Bearer {forged}"))


@pytest.mark.usefixtures("impatient")
def test_a_key_that_the_issuer_has_added_is_found_at_once(issuer: Issuer) -> None:
    newer = ec.generate_private_key(ec.SECP256R1())

    async def rotate(known: Authenticator) -> Actor:
        await known.actor_of(f"Bearer {signed('ES256', 'ES256')}")
        assert issuer.keys is not None
        issuer.keys.append(public_key("ES256", "newer", newer))
        return await known.actor_of(f"Bearer {signed('ES256', 'newer', newer)}")

    assert with_keys(issuer, rotate) == Actor("alice")


@pytest.mark.usefixtures("impatient")
def test_the_old_keys_serve_while_the_issuer_is_away(issuer: Issuer) -> None:
    async def lose(known: Authenticator) -> Actor:
        await known.actor_of(f"Bearer {signed('RS256', 'RS256')}")
        issuer.keys = None
        with pytest.raises(Unauthenticated):
            await known.actor_of(f"Bearer {signed('RS256', 'unknown')}")
        return await known.actor_of(f"Bearer {signed('RS256', 'RS256')}")

    assert with_keys(issuer, lose) == Actor("alice")


@pytest.mark.usefixtures("impatient")
def test_whatever_the_issuer_answers_its_next_answer_is_heard(issuer: Issuer) -> None:
    right, odd = issuer.keys, [{**public_key("ES256", "ES256"), "kid": ["x"]}]

    async def mend(known: Authenticator) -> Actor:
        with pytest.raises(Unavailable):
            await known.actor_of(f"Bearer {signed('ES256', 'ES256')}")
        issuer.keys = right
        return await known.actor_of(f"Bearer {signed('ES256', 'ES256')}")

    issuer.keys = odd
    assert with_keys(issuer, mend) == Actor("alice")


@pytest.mark.parametrize("subject", [" ", tokens.ADMIN])
def test_nobody_is_called_like_nobody_or_like_the_admin_token(subject: str) -> None:
    claims = {"sub": subject, "exp": int(time.time()) + 600, "type": "access"}
    known = Authenticator(Settings(auth="jwt", jwt_secrets=LONG))
    with pytest.raises(Unauthenticated, match="names nobody"):
        asyncio.run(known.actor_of(f"Bearer {jwt.encode(claims, LONG, 'HS256')}"))


@pytest.mark.usefixtures("impatient")
def test_before_the_first_keys_nobody_is_told_that_their_token_is_bad(
    issuer: Issuer,
) -> None:
    issuer.keys = None
    with pytest.raises(Unavailable):
        with_keys(issuer, lambda known: known.actor_of(f"Bearer {signed('RS256', 'RS256')}"))


def test_unknown_keys_do_not_make_us_ask_the_issuer_each_time(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_keys, "RETRY_SECONDS", 600.0)

    async def pester(known: Authenticator) -> None:
        await known.actor_of(f"Bearer {signed('RS256', 'RS256')}")
        monkeypatch.setattr(public_keys, "REFETCH_PAUSE_SECONDS", 0.01)
        for number in range(20):
            with pytest.raises(Unauthenticated):
                await known.actor_of(f"Bearer {signed('RS256', f'unknown {number}')}")

    with_keys(issuer, pester)
    assert issuer.asked == 1


REFUSED: dict[str, dict[str, str]] = {
    "CATALOG_AUTH=off": {},
    "CATALOG_JWT_SECRETS holds a secret of fewer than 32 bytes": {
        "CATALOG_AUTH": "jwt",
        "CATALOG_JWT_SECRETS": f"{LONG},short",
    },
    "CATALOG_ADMIN_TOKEN holds a secret of fewer than 32 bytes": {
        "CATALOG_AUTH": "jwt",
        "CATALOG_JWT_SECRETS": LONG,
        "CATALOG_ADMIN_TOKEN": "short",
    },
    "needs CATALOG_JWT_SECRETS or CATALOG_JWKS_URL": {"CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": " , "},
    "fsync=off": {"CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": LONG},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_production_refuses_to_start(server: EmbeddedPostgres, conninfo: str, reason: str) -> None:
    """The tests' server runs without fsync, which is the last that is looked at."""
    environment = {**os.environ, "CATALOG_ENV": "production", "DATABASE_URL": conninfo, **REFUSED[reason]}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert len([line for line in refused.stderr.splitlines() if not line.startswith("Database: ")]) == 1
    assert all(secret not in refused.stderr for secret in (LONG, "short,", ",short"))


def test_authentication_that_could_accept_nothing_is_refused_outside_production_too() -> None:
    with pytest.raises(SetupError):
        Authenticator(Settings(auth="jwt"))
