"""Gives each request an id, which its events carry, and writes an access log line if logs are JSON."""

import logging
import time
from typing import Any
from uuid import uuid4

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.postgres.in_doubt import COMMIT_DOUBT, CommitDoubt
from app.http.wire.trace_context import header_of, traceparent_of
from app.observability.json_logs import ACCESS_LOGGER, FACTS

LONGEST_REQUEST_ID = 128


def with_request_id(app: ASGIApp) -> ASGIApp:
    """Give every request to `app` an id (`X-Request-ID`: the caller's, or a new one), and log its outcome.

    Commits are tracked for the duration of the request, so that a failure after a commit is reported as such.
    """

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state: dict[str, Any] = dict(scope.get("state") or {})
        state["request_id"] = request_id
        scope["state"] = state
        began = time.perf_counter()
        status = 0

        async def send_known(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        token = COMMIT_DOUBT.set(CommitDoubt())
        try:
            await app(scope, receive, send_known)
        finally:
            COMMIT_DOUBT.reset(token)
            if ACCESS_LOGGER.isEnabledFor(logging.INFO):
                _log_request(scope, state, status, time.perf_counter() - began)

    return known


def _log_request(scope: Any, state: dict[str, Any], status: int, seconds: float) -> None:
    """Log the route's template: a path may name a person. `status` is 0 if the client left before the response."""
    actor, trace = state.get("actor"), traceparent_of(scope)
    facts = {
        "request_id": state["request_id"],
        "method": scope["method"],
        "route": scope.get("path_template"),
        "item_id": scope.get("path_params", {}).get("item_id"),
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "actor": actor.subject if actor else None,
        "trace_id": trace and trace.split("-")[1],
    }
    ACCESS_LOGGER.info("request", extra={FACTS: {name: value for name, value in facts.items() if value is not None}})


def _request_id(scope: Any) -> str:
    given = header_of(scope, b"x-request-id")
    usable = 0 < len(given) <= LONGEST_REQUEST_ID and given.isascii() and given.isprintable()
    return given if usable else str(uuid4())
