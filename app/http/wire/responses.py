"""Builds responses. Stored documents are sent as stored bytes, neither decoded nor encoded."""

from typing import Any

import msgspec
from litestar import MediaType, Response
from msgspec import Struct

IMMUTABLE = "public, max-age=31536000, immutable"
"""The Cache-Control of a response that never changes."""
NO_STORE = "no-store"
"""The Cache-Control of a response that no cache may keep."""
PRIVATE = "private, no-cache"
"""The Cache-Control of a response that only the client's own cache may keep, and must revalidate."""


class ItemDocument(Struct):
    """Stands for an item's document in the OpenAPI description; the composition root supplies its schema."""


def json_response(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """A response of JSON bytes; caches must revalidate it unless `headers` say otherwise."""
    named = {"Cache-Control": "no-cache", **(headers or {})}
    return Response(content, status_code=status, media_type=MediaType.JSON, headers=named)


def struct_response(value: Struct, headers: dict[str, str] | None = None) -> Response[Any]:
    """A struct as JSON, including its `Raw` fields."""
    return json_response(msgspec.json.encode(value), headers=headers)


def keep_private(response: Response[Any]) -> Response[Any]:
    """Forbid shared caches to keep a response that depends on the actor.

    It is the `after_request` of every route with a guard, and applies whether or not authentication is on.
    """
    headers = response.headers
    if "Allow" in headers:
        return response  # the answer to OPTIONS, which is the same for every actor
    if headers.get("Cache-Control") != NO_STORE:
        headers["Cache-Control"] = PRIVATE
    headers["Vary"] = f"{headers['Vary']}, Authorization" if "Vary" in headers else "Authorization"
    return response


def etag_header(version: int) -> dict[str, str]:
    """The ETag header of a version."""
    return {"ETag": f'"{version}"'}


def add_members(document: bytes, **members: Any) -> bytes:
    """A JSON object's bytes with further members at its end."""
    return document.rstrip()[:-1] + b", " + msgspec.json.encode(members)[1:]
