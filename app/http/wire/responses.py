"""Answers made of stored bytes: documents leave as they are stored, neither decoded nor encoded on the way."""

from typing import Any

import msgspec
from litestar import MediaType, Response
from msgspec import Struct

IMMUTABLE = "public, max-age=31536000, immutable"
"""The Cache-Control of what can never change."""


class ItemDocument(Struct):
    """Stands for an item's document in the OpenAPI description; the composition root says what is in it."""


def json_response(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """JSON bytes as an answer that caches must ask again for, unless `headers` say otherwise."""
    named = {"Cache-Control": "no-cache", **(headers or {})}
    return Response(content, status_code=status, media_type=MediaType.JSON, headers=named)


def struct_response(value: Struct, headers: dict[str, str] | None = None) -> Response[Any]:
    """A struct of ours as JSON, raw parts included."""
    return json_response(msgspec.json.encode(value), headers=headers)


def etag_header(version: int) -> dict[str, str]:
    """The header that names the version of what is answered."""
    return {"ETag": f'"{version}"'}


def add_members(document: bytes, **members: Any) -> bytes:
    """A JSON object's bytes with further members at its end."""
    return document.rstrip()[:-1] + b", " + msgspec.json.encode(members)[1:]
