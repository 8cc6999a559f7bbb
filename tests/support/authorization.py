"""Requests that need a token, valid tokens, and worthless ones."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt

from tests.support.sample_items import an_item

NEWEST_SECRET, OLDER_SECRET, FOREIGN_SECRET = (
    f"{name}-secret-of-thirty-two-bytes-or-more" for name in ("newest", "older", "foreign")
)
ADMIN_TOKEN = "an-admin-token-of-thirty-two-bytes-or-more"
OWNER, OTHER, ADMIN = "7e0d", "11ab", "ad01"
OWNER_REQUESTS = [
    ("PUT", "/items/{id}"),
    ("PATCH", "/items/{id}/status?new_status=swapped"),
    ("POST", "/items/{id}/restore?version=1"),
    ("DELETE", "/items/{id}"),
    ("GET", "/items/{id}/history"),
    ("GET", "/items/{id}/audit-trail"),
    ("POST", "/items"),
    ("POST", "/items/import"),
]
ADMIN_REQUESTS = [
    ("POST", "/items/{id}/rebuild"),
    ("GET", "/events"),
    ("GET", "/projections"),
    ("GET", "/projections/owners"),
    ("GET", "/projections/owners/lag"),
    ("POST", "/projections/owners/verify"),
    ("POST", "/projections/owners/resume"),
    ("POST", "/projections/owners/rebuild"),
]


def token(
    subject: str | None = OWNER, secret: str = NEWEST_SECRET, seconds: float = 24 * 3600, **claims: object
) -> str:
    """A token as the platform issues it: without iat, iss and aud."""
    known = {"sub": subject, "email": "o@example.org", "exp": int(time.time() + seconds), "type": "access", **claims}
    return jwt.encode({name: value for name, value in known.items() if value is not None}, secret, "HS256")


WORTHLESS_TOKENS: dict[str, str | None] = {
    "none": None,
    "expired": token(seconds=-60),
    "refresh": token(type="refresh"),
    "forged": token(secret=FOREIGN_SECRET),
    "unsigned": jwt.encode({"sub": OWNER, "exp": int(time.time()) + 24 * 3600, "type": "access"}, "", "none"),
    "without an end": token(exp=None),
    "of nobody": token(subject=None),
    "of an empty name": token(subject=""),
    "not yet": token(nbf=int(time.time()) + 24 * 3600),
    "for others": token(aud="others"),
    "for nobody": token(aud=""),
    "no token": "spade",
}


def send(
    client: httpx.Client,
    request: tuple[str, str],
    bearer: str | None,
    item: dict[str, Any],
    conditions: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send a request about an item. It is valid, so only the token can make it fail."""
    method, pattern = request
    path = pattern.format(id=item["id"], then=item["created_at"], position=item["position"])
    body: dict[tuple[str, str], Any] = {
        ("PUT", "/items/{id}"): {"name": f"Spade {time.time_ns()}"},
        ("POST", "/items"): an_item(owner_id=OWNER),
        ("POST", "/items/import"): [an_item(owner_id=OWNER)],
    }
    headers = {**(conditions or {}), **({} if bearer is None else {"Authorization": f"Bearer {bearer}"})}
    return client.request(method, path, json=body.get(request), headers=headers)
