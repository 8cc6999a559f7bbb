"""Which secret, which admin and which setting counts when a token is verified, at the edges of what is accepted."""

import asyncio
import json
import time
from typing import Any

import jwt
import pytest
from msgspec import Struct

from app.errors import SetupError, Unauthenticated
from app.http.auth import tokens
from app.http.auth.actor import Actor
from app.http.auth.public_keys import usable_keys
from app.http.auth.tokens import ADMIN, LEEWAY_SECONDS, Authenticator, check_authentication
from app.settings import Settings
from tests.support.token_issuer import KEYS, public_key
from tests.support.token_issuer import signed as signed_by_issuer

NEWEST = "the-newest-secret-of-thirty-two-bytes"
OLDER = "an-older-secret-of-thirty-two-bytes!!"
UNKNOWN = "an-unknown-secret-of-thirty-two-bytes"
ADMIN_TOKEN = "the-admins-token-of-thirty-two-bytes-"
JUST_LONG_ENOUGH = "é" * 16
"""32 bytes."""
NOW = 1_800_000_000.0


def settings(**others: Any) -> Settings:
    return Settings(**{"auth": "jwt", "jwt_secrets": f"{NEWEST}, {OLDER}", **others})


def signed(secret: str = NEWEST, /, **claims: Any) -> str:
    return jwt.encode({"sub": "alice", "exp": NOW + 600, "type": "access", **claims}, secret, "HS256")


def actor_of(authorization: str | None, **others: Any) -> Actor:
    return asyncio.run(Authenticator(settings(**others)).actor_of(authorization))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.parametrize("secret", [NEWEST, OLDER])
def test_a_token_of_each_secret_is_good(secret: str) -> None:
    assert actor_of(f"Bearer {signed(secret)}") == Actor("alice", is_admin=False)


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        actor_of(f"Bearer {signed(UNKNOWN)}")


def test_a_secret_is_for_its_own_algorithm_only() -> None:
    other = jwt.encode({"sub": "alice", "exp": NOW + 600, "type": "access"}, NEWEST * 2, "HS512")
    with pytest.raises(Unauthenticated, match="not valid"):
        actor_of(f"Bearer {other}", jwt_secrets=NEWEST * 2)


def test_without_secrets_a_token_by_a_secret_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        actor_of(f"Bearer {signed()}", jwt_secrets="", jwks_url="https://issuer.example/keys")


def known_issuer() -> Authenticator:
    """It has fetched the keys of the issuer already."""
    known = Authenticator(settings(jwks_url="https://issuer.example/keys"))
    assert known.public_keys is not None
    described = [public_key(algorithm, algorithm) for algorithm in KEYS]
    known.public_keys._keys = usable_keys(json.dumps({"keys": described}).encode())
    return known


@pytest.mark.parametrize("algorithm", KEYS)
def test_beside_secrets_a_token_of_the_issuers_key_is_good(algorithm: str) -> None:
    authorization = f"Bearer {signed_by_issuer(algorithm, algorithm)}"
    assert asyncio.run(known_issuer().actor_of(authorization)) == Actor("alice")
    assert asyncio.run(known_issuer().actor_of(f"Bearer {signed()}")) == Actor("alice")


@pytest.mark.parametrize("subject", ["abel", "administrator", "Admin", "zoe"])
def test_a_name_that_only_resembles_the_admin_tokens_is_a_name(subject: str) -> None:
    assert actor_of(f"Bearer {signed(sub=subject)}") == Actor(subject)


def test_admins_are_whom_the_settings_name() -> None:
    named = {"admin_subjects": "alice, root"}
    assert actor_of(f"Bearer {signed()}", **named) == Actor("alice", is_admin=True)
    assert actor_of(f"Bearer {signed(sub='bob')}", **named) == Actor("bob", is_admin=False)


def test_the_admin_token_is_an_admins_only_where_it_is_set() -> None:
    assert actor_of(f"Bearer {ADMIN_TOKEN}", admin_token=ADMIN_TOKEN) == Actor(ADMIN, is_admin=True)
    assert actor_of(f"Bearer {signed()}", admin_token=ADMIN_TOKEN) == Actor("alice")
    for authorization in (f"Bearer {ADMIN_TOKEN}x", f"Bearer {ADMIN_TOKEN[:-1]}"):
        with pytest.raises(Unauthenticated):
            actor_of(authorization, admin_token=ADMIN_TOKEN)
    with pytest.raises(Unauthenticated):
        actor_of(f"Bearer {ADMIN_TOKEN}")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", *(f"{scheme} {ADMIN_TOKEN}" for scheme in ("Basic", "Digest", "Bear", "Bearers"))],
)
def test_without_a_bearer_token_nobody_acts(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated, match="Send a bearer token"):
        actor_of(authorization, admin_token=ADMIN_TOKEN)


def test_a_token_is_good_until_the_leeway_behind_its_end() -> None:
    assert actor_of(f"Bearer {signed(exp=NOW - LEEWAY_SECONDS + 0.5)}") == Actor("alice")
    for exp in (NOW - LEEWAY_SECONDS, NOW - 3600, 0):
        with pytest.raises(Unauthenticated, match="has expired"):
            actor_of(f"Bearer {signed(exp=exp)}")


def test_seconds_are_those_of_the_years_1970_to_9999() -> None:
    latest = 253_402_300_799
    assert actor_of(f"Bearer {signed(exp=latest, nbf=0, iat=0.5)}") == Actor("alice")
    for claims in ({"exp": latest + 1}, {"nbf": -0.5}, {"iat": -1}):
        with pytest.raises(Unauthenticated, match="The token is not valid"):
            actor_of(f"Bearer {signed(**claims)}")


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_is_good_from_the_leeway_before_its_beginning(claim: str) -> None:
    assert actor_of(f"Bearer {signed(**{claim: NOW + LEEWAY_SECONDS})}") == Actor("alice")
    for begins in (NOW + LEEWAY_SECONDS + 0.5, NOW + 3600):
        with pytest.raises(Unauthenticated, match="not valid yet"):
            actor_of(f"Bearer {signed(**{claim: begins})}")


@pytest.mark.parametrize(("claim", "value", "reason"), [
    ("aud", "catalog", "another audience"),
    ("type", "refresh", "not an access token"),
    ("sub", "a" * 101, "names nobody"),
    ("sub", " ", "names nobody"),
    ("sub", ADMIN, "names nobody"),
])  # fmt: skip
def test_what_is_wrong_with_a_signed_token_is_said(claim: str, value: str, reason: str) -> None:
    with pytest.raises(Unauthenticated, match=reason):
        actor_of(f"Bearer {signed(**{claim: value})}")


def test_a_token_at_the_limit_is_read_and_one_character_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed()
    monkeypatch.setattr(tokens, "LONGEST_TOKEN_CHARACTERS", len(token))
    assert actor_of(f"Bearer {token}") == Actor("alice")
    monkeypatch.setattr(tokens, "LONGEST_TOKEN_CHARACTERS", len(token) - 1)
    with pytest.raises(Unauthenticated, match="too long"):
        actor_of(f"Bearer {token}")


def test_the_longest_token_has_eight_kibibytes_and_a_secret_at_least_the_length_of_a_signature() -> None:
    assert (tokens.LONGEST_TOKEN_CHARACTERS, tokens.SHORTEST_SECRET_BYTES, LEEWAY_SECONDS) == (8192, 32, 30)


@pytest.mark.parametrize("struct", [tokens.Header, tokens.Claims])
def test_what_was_read_of_a_token_never_changes(struct: type[Struct]) -> None:
    assert struct.__struct_config__.frozen


UNSAFE = {
    "refuses to run with CATALOG_AUTH=off": {"auth": "off"},
    "CATALOG_JWT_SECRETS holds a secret of fewer than 32 bytes": {"jwt_secrets": f"{NEWEST}, {JUST_LONG_ENOUGH[:-1]}x"},
    "CATALOG_ADMIN_TOKEN holds a secret of fewer than 32 bytes": {"admin_token": "short"},
}


@pytest.mark.parametrize("reason", UNSAFE)
def test_unsafe_settings_are_refused_in_production_alone(reason: str) -> None:
    check_authentication(settings(**UNSAFE[reason]))
    with pytest.raises(SetupError, match=reason):
        check_authentication(settings(env="production", **UNSAFE[reason]))


def test_without_authentication_no_secret_is_needed() -> None:
    check_authentication(Settings(auth="off"))


def test_safe_settings_are_good_in_production() -> None:
    check_authentication(settings(env="production"))
    check_authentication(settings(env="production", jwt_secrets=JUST_LONG_ENOUGH, admin_token=JUST_LONG_ENOUGH))


@pytest.mark.parametrize("env", ["production", "development"])
def test_authentication_that_could_accept_nothing_is_refused_everywhere(env: str) -> None:
    with pytest.raises(SetupError, match="needs CATALOG_JWT_SECRETS or CATALOG_JWKS_URL"):
        check_authentication(settings(env=env, jwt_secrets=" , ", admin_token=ADMIN_TOKEN))
