"""Builds public URLs of this service; a gateway may have stripped a prefix of the path."""

import re
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from app.settings import Settings

HOST_NAME = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def next_page_header(request: Request[Any, Any, Any], settings: Settings, **query: object) -> dict[str, str]:
    """The Link header to the next page: the requested path with these parameters."""
    path = request.scope["path"].rstrip("/")
    return {"Link": f'<{public_url_of(request, settings, path, **query)}>; rel="next"'}


def public_url_of(request: Request[Any, Any, Any], settings: Settings, path: str, **query: object) -> str:
    """The URL of `path` with the parameters that are not None, under CATALOG_PUBLIC_URL, else under the request's host.

    It is relative if the request's Host is not a valid name; Litestar's `base_url` fails on some of those.
    """
    host = request.headers.get("Host", "")
    asked = f"{request.scope['scheme']}://{host}" if HOST_NAME.fullmatch(host) else ""
    root = settings.public_url.rstrip("/") if settings.public_url else asked
    given = {name: value for name, value in query.items() if value is not None}
    return f"{root}{path}?{urlencode(given)}" if given else f"{root}{path}"
