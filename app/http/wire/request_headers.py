"""Parses the parameters and headers that commands share: the user, the idempotency key, the metadata of events."""

from hashlib import sha256
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter

from app.engine.events.event import Metadata
from app.engine.store.idempotency import IdempotencyKey
from app.errors import Malformed
from app.http.auth.actor import Actor
from app.http.wire.text_parameters import text_parameter
from app.http.wire.trace_context import traceparent_of

LONGEST_KEY = 255
REPLAYED_HEADER = {"Idempotent-Replayed": "true"}

UserIdParameter = Annotated[
    str,
    text_parameter("Who acts, if authentication is off. Otherwise the token's `sub` acts, and this is ignored.", 100),
]
IdempotencyKeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="Identifies this command for three days: a repeated request gets the first outcome again.",
    ),
]


def metadata_of(request: Request[Any, Any, Any], actor: Actor) -> Metadata:
    """The metadata of a request's events: its user, its id and its trace."""
    return Metadata(
        user_id=actor.subject,
        correlation_id=request.state.request_id,
        traceparent=traceparent_of(request.scope),
    )


def idempotency_of(
    request: Request[Any, Any, Any], actor: Actor, key: str | None, body: bytes
) -> IdempotencyKey | None:
    """The request's idempotency key, with a digest of the request. Raises Malformed for a key that cannot be stored."""
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Malformed(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters.")
    address = f"{request.method} {request.scope['path']}?".encode() + request.scope["query_string"]
    return IdempotencyKey(actor.subject, key, sha256(address + b"\n" + body).hexdigest())
