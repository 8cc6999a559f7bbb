"""Absolute addresses of ours, as the public finds them: a gateway may have taken away the front of the path."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request

from app.settings import Settings


def address_of(request: Request[Any, Any, Any], settings: Settings, path: str, **query: object) -> str:
    """`path` with those parameters that are not None, under CATALOG_PUBLIC_URL, else under the address asked."""
    root = (settings.catalog_public_url or str(request.base_url)).rstrip("/")
    given = {name: value for name, value in query.items() if value is not None}
    return f"{root}{path}?{urlencode(given)}" if given else f"{root}{path}"
