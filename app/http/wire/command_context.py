"""Reads the parameters and headers of every command: its actor, its conditions and its idempotency key."""

from typing import Any

from litestar import Request
from msgspec import Struct

from app.engine.events.event import Metadata
from app.engine.store.idempotency import IdempotencyKey
from app.http.auth.actor import Actor
from app.http.auth.guards import DEMO_USER, current_actor
from app.http.wire.conditional_requests import (
    Conditions,
    ExpectedVersion,
    IfMatch,
    IfNoneMatchOnCommand,
    parse_conditions,
)
from app.http.wire.request_headers import IdempotencyKeyHeader, UserIdParameter, idempotency_of, metadata_of


class CommandContext(Struct, frozen=True, kw_only=True):
    """The parameters and headers that every command takes. Each is parsed when a handler asks for it.

    So a handler decides which of several faults of a request is reported. A command that creates items takes no
    `expected_version`.
    """

    request: Request[Any, Any, Any]
    user_id: UserIdParameter = DEMO_USER
    expected_version: ExpectedVersion = None
    if_match: IfMatch = None
    if_none_match: IfNoneMatchOnCommand = None
    idempotency_key: IdempotencyKeyHeader = None

    @property
    def actor(self) -> Actor:
        return current_actor(self.request, self.user_id)

    @property
    def metadata(self) -> Metadata:
        return metadata_of(self.request, self.actor)

    def parse_conditions(self) -> Conditions | None:
        """Raises Malformed for a header that is no list of entity tags."""
        return parse_conditions(self.if_match, self.if_none_match, self.expected_version)

    def parse_idempotency_key(self, body: bytes) -> IdempotencyKey | None:
        """`body` is the request's body or its digest. Raises Malformed for a key that cannot be stored."""
        return idempotency_of(self.request, self.actor, self.idempotency_key, body)
