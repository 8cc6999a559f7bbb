"""What HTTP asks of every route: Allow, HEAD, OPTIONS, and the headers that keep browsers from harm."""

from typing import Any

import httpx
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import created
from tests.support.service_process import running_service

METHODS = ("get", "post", "put", "patch", "delete")
ENDLESS = "/api/v2/events/stream"
BESIDE = (
    *("/", "/schema", "/schema/", "/schema/openapi.json", "/assets/swagger-ui.css", "/schema/assets/swagger-ui.css"),
    *("/page/main.js", "/page/style.css", "/page/pictures/kite.svg"),
)
"""What the OpenAPI description does not tell of."""
VALUES = {"item_id": "1", "version": "1", "owner_id": "alice", "name": "items"}


@pytest.fixture(scope="module")
def routes(service: str, api: httpx.Client) -> dict[str, set[str]]:
    """The methods of every path, with values in place of its parameters."""
    created(api)
    described: dict[str, Any] = httpx.get(f"{service}/schema/openapi.json").json()["paths"]
    found = {path.format(**VALUES): {m.upper() for m in METHODS if m in item} for path, item in described.items()}
    assert {"/api/v2/items/1", "/api/v2/items/import", "/health", "/metrics"} <= found.keys()
    return {**found, **{path: {"GET"} for path in BESIDE}}


def allowed(response: httpx.Response) -> set[str]:
    return set(response.headers["Allow"].split(", "))


def test_every_path_tells_all_its_methods(service: str, routes: dict[str, set[str]]) -> None:
    with httpx.Client(base_url=service, timeout=30) as client:
        for path, methods in routes.items():
            whole = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
            options = client.options(path)
            assert (options.status_code, options.content, allowed(options)) == (204, b"", whole), path
            for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - whole:
                response = client.request(method, path)
                assert (response.status_code, allowed(response)) == (405, whole), f"{method} {path}"
                if method != "HEAD":
                    assert_problem(response, 405)


def test_options_asks_about_an_address_whatever_its_parameters(api: httpx.Client) -> None:
    response = api.options("/items?search=spade&limit=nonsense")
    assert (response.status_code, allowed(response)) == (204, {"GET", "HEAD", "OPTIONS", "POST"})
    assert_problem(api.options("/nope"), 404)


def test_options_needs_no_token(server: EmbeddedPostgres, template: str) -> None:
    secrets = {"CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": "s" * 32}
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, **secrets}) as (url, _),
    ):
        for path in ("/api/v2/items", "/api/v2/items/1", "/api/v2/events", "/api/v2/projections"):
            assert httpx.options(f"{url}{path}").status_code == 204


def test_head_works_where_get_does_and_nowhere_else(service: str, routes: dict[str, set[str]]) -> None:
    with httpx.Client(base_url=service, timeout=30) as client:
        for path, methods in routes.items():
            head = client.head(path)
            assert head.content == b""
            if "GET" not in methods:
                assert head.status_code == 405, path
            elif path != ENDLESS:
                get = client.get(path)
                assert head.status_code == get.status_code, path
                for name in ("Content-Type", "ETag", "Cache-Control", "Vary"):
                    assert head.headers.get(name) == get.headers.get(name), f"{name} of {path}"


def test_every_answer_forbids_to_guess_its_type_and_every_document_to_load_what_it_should_not(
    service: str, routes: dict[str, set[str]]
) -> None:
    refused = ["/nope", "/schema/nope", "/schema/oauth2-redirect.html", "/page/nope.js", "/assets/nope", "/api/v2/nope"]
    documents = 0
    with httpx.Client(base_url=service, timeout=30) as client:
        for path in (*routes, *refused, "/api/v2/items?limit=x", "/api/v2/items/2147483647"):
            response = client.head(path) if path == ENDLESS else client.get(path)
            assert response.headers.get_list("X-Content-Type-Options") == ["nosniff"], path
            if not response.headers["Content-Type"].startswith("text/html"):
                continue
            documents += 1
            policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'", path
            assert "unsafe" not in response.headers["Content-Security-Policy"], path
            assert response.headers["Referrer-Policy"] == "no-referrer", path
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert documents == 3
    for path in refused:
        assert_problem(httpx.get(f"{service}{path}"), 404)
