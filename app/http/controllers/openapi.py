"""Serves the OpenAPI description at /schema/openapi.json, and Swagger UI, which loads nothing from other hosts."""

import base64
import hashlib
import importlib.resources
import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, Server
from litestar.params import FromPath

from app.errors import NotFound
from app.http.auth.guards import TOKEN_SCHEME
from app.http.controllers.page import html_headers

SWAGGER_UI = importlib.resources.files("app.http") / "swagger_ui"
NO_FAVICON = "<link rel='icon' href='data:,'>"
SWAGGER_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data:;"
    " connect-src 'self'{api}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
INLINE = re.compile(rb"<(script|style)(?: type='text/javascript')?>(.*?)</\1>", re.DOTALL)


class SwaggerPage(SwaggerRenderPlugin):
    """Litestar's Swagger UI without the OAuth2 redirect page, which bearer tokens do not need."""

    def receive_router(self, router: Router) -> None:
        """Register no further page."""


def openapi_config(version: str, public_url: str | None = None) -> OpenAPIConfig:
    """`public_url` is the service's address for clients; without it, they use the address of the description."""
    return OpenAPIConfig(
        title="Swappo Catalog",
        version=version,
        description="Items that people swap. Every change is an event; time is a query parameter.",
        servers=[Server(url=public_url.rstrip("/") if public_url else "/")],
        path="/schema",
        openapi_router=Router(
            path="/schema",
            route_handlers=[],
            include_in_schema=False,
            before_request=refuse_other_pages,
            after_request=partial(add_security_policy, public_url),
        ),
        components=Components(security_schemes={"BearerToken": TOKEN_SCHEME}),
        use_handler_docstrings=True,
        render_plugins=[
            SwaggerPage(
                path="/",
                js_url="assets/swagger-ui-bundle.js",
                css_url="assets/swagger-ui.css",
                standalone_preset_js_url="assets/swagger-ui-standalone-preset.js",
                favicon=NO_FAVICON,
            ),
            JsonRenderPlugin(path="/openapi.json"),
        ],
    )


def refuse_other_pages(request: Request[Any, Any, Any]) -> None:
    """Answer unknown paths below /schema with a problem; Litestar would answer with an HTML page."""
    if request.path_params:
        raise NotFound(f"Nothing is at {request.url.path}.")


def add_security_policy(public_url: str | None, response: Response[Any]) -> Response[Any]:
    """Allow the page to run its inline scripts and the service's files, and to call only the service.

    The service may be called at its own address and at `public_url`.
    """
    response.headers["Cache-Control"] = "no-cache"
    if response.media_type == MediaType.HTML:
        response.headers.update(html_headers(content_security_policy(response.content, public_url)))
    return response


def content_security_policy(page: bytes, public_url: str | None) -> str:
    """The content security policy that allows a page its inline scripts and styles, by their hashes."""
    inline: dict[bytes, str] = {b"script": "", b"style": ""}
    for kind, text in INLINE.findall(page):
        inline[kind] += f" 'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
    public = urlsplit(public_url or "")
    origin = f" {public.scheme}://{public.netloc}" if public.netloc else ""
    return SWAGGER_POLICY.format(scripts=inline[b"script"], styles=inline[b"style"], api=origin)


PAGE_FILES = {
    name: ((SWAGGER_UI / name).read_bytes(), kind)
    for name, kind in {
        "swagger-ui-bundle.js": "text/javascript",
        "swagger-ui-standalone-preset.js": "text/javascript",
        "swagger-ui.css": "text/css",
    }.items()
}


@get(["/assets/{name:str}", "/schema/assets/{name:str}"], include_in_schema=False)
async def serve_swagger_asset(name: FromPath[str]) -> Response[bytes]:
    """Serve Swagger UI's files: relative to /schema they lie beside it, relative to /schema/ below it."""
    if name not in PAGE_FILES:
        raise NotFound(f"The page has no file {name}.")
    content, kind = PAGE_FILES[name]
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=3600"})
