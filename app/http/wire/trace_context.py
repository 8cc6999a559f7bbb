"""Reads a request's trace from its `traceparent` header (W3C Trace Context)."""

import re
from typing import Any

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=-|\Z)")
"""W3C Trace Context: version, trace id, parent id, flags; later versions may append fields."""


def traceparent_of(scope: Any) -> str | None:
    """The `traceparent` that the caller sent; None if it is absent or invalid."""
    found = TRACEPARENT.match(header_of(scope, b"traceparent"))
    return found[0] if found else None


def header_of(scope: Any, wanted: bytes) -> str:
    return next((value.decode("latin-1").strip() for name, value in scope["headers"] if name == wanted), "")
