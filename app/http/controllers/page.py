"""Serves the page at `/` and its files from app/page; they load and run nothing from other hosts."""

import gzip
import hashlib
import importlib.resources
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from app.errors import NotFound
from app.http.services import Services
from app.http.wire.conditional_requests import ReadContext
from app.http.wire.content_negotiation import wants_gzip

FOLDER = importlib.resources.files("app") / "page"
MEDIA_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src {images}; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PICTURES_POLICY = "default-src 'none'; sandbox"
"""An SVG that is opened as a document must not run scripts."""
ASSET_HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
IMAGE_SOURCES_META = b'name="image-sources" content=""'
PRELOADS = b"<!-- modules -->"
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class PageFile(Struct, frozen=True):
    """A file ready to be sent."""

    content: bytes
    gzipped: bytes
    kind: str
    policy: str
    etag: str


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _page_file(name: str, content: bytes, policy: str) -> PageFile:
    etag = hashlib.sha256(content).hexdigest()[:16]
    return PageFile(content, gzip.compress(content, mtime=0), MEDIA_TYPES[name.rpartition(".")[2]], policy, etag)


FILES = {name: _page_file(name, content, PICTURES_POLICY) for name, content in _files(FOLDER) if name != "index.html"}


MODULES = sorted(name for name in FILES if name.endswith(".js") and "/" not in name)


@cache
def render_index(images: str) -> PageFile:
    """The page's HTML. It states which image sources its policy allows, so that its scripts try no others.

    It preloads all modules, so that a browser does not wait for one module to find the next.
    """
    content = (FOLDER / "index.html").read_bytes()
    assert content.count(IMAGE_SOURCES_META) == content.count(PRELOADS) == 1, "index.html has each placeholder once"
    content = content.replace(IMAGE_SOURCES_META, f'name="image-sources" content="{escape(images)}"'.encode())
    content = content.replace(
        PRELOADS, "".join(f'<link rel="modulepreload" href="page/{n}">' for n in MODULES).encode()
    )
    return _page_file("index.html", content, PAGE_POLICY.format(images=f"'self' {images}".rstrip()))


@get("/", include_in_schema=False)
async def serve_page(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """Serve the page. Behind a gateway that strips a prefix, redirect to the slash that relative addresses need."""
    prefix = request.headers.get("X-Forwarded-Prefix", "")
    if PREFIX.fullmatch(prefix) and request.headers.get("X-Forwarded-Path", "").partition("?")[0] == prefix:
        query = request.scope["query_string"].decode("latin-1")
        location = f"{prefix}/{'?' if query else ''}{query}"
        return Response(b"", status_code=307, headers={"Location": location, "Cache-Control": "no-cache"})
    return _file_response(render_index(services.settings.page_images), request)


@get("/page/{path:path}", include_in_schema=False)
async def serve_page_asset(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    found = FILES.get(path.removeprefix("/"))
    if found is None:
        raise NotFound(f"The page has no file {path.removeprefix('/')}.")
    return _file_response(found, request)


def _file_response(file: PageFile, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The file, compressed if the browser accepts gzip, or 304 if the browser already has it."""
    compress = wants_gzip(request.headers.get("Accept-Encoding", ""))
    etag = f'"{file.etag}{"-gzip" if compress else ""}"'
    headers = {**ASSET_HEADERS, **html_headers(file.policy), "ETag": etag}
    full = Response(file.gzipped if compress else file.content, media_type=file.kind, headers=headers)
    conditions = {"if_match": request.headers.get("If-Match"), "if_none_match": request.headers.get("If-None-Match")}
    response = ReadContext(request=request, **conditions).respond(full)
    if compress and response is full:
        response.headers["Content-Encoding"] = "gzip"
    return response


def html_headers(policy: str) -> dict[str, str]:
    """The security headers of every page, with its content security policy."""
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
