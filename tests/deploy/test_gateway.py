"""The gateway lets browsers send and see every header that the service reads and answers."""

import re

import httpx
import yaml

from tests.support.kubernetes_manifests import DEPLOY, Object, environment_of, needs_kustomize, only_manifest
from tests.support.paths import ROOT
from tests.support.sample_items import an_item

SEEN_BY_ALL = {
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
}
"""Of an answer, browsers show these to a page from elsewhere unasked."""
NOBODY_NEEDS = {
    *("Date", "Vary", "Allow", "Connection", "Transfer-Encoding", "X-Accel-Buffering", "Host"),
    *("Accept-Encoding", "Content-Encoding"),
}
"""Said to what lies between, or by it; or by the browser alone, which a page cannot set."""
HEADER = re.compile(r'"((?:[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+)|ETag|Link|Location|Authorization|Accept|Vary)"')


def cors() -> Object:
    (plugin,) = yaml.safe_load_all((DEPLOY / "gke" / "gateway.yaml").read_text())
    config: Object = plugin["config"]
    return config


def test_the_gateway_lets_through_every_header_that_the_code_names() -> None:
    http = ROOT / "app" / "http"
    files = {*http.rglob("*.py")} - {http / "controllers" / "page.py"}  # the page asks its own origin
    named = {name for path in files for name in HEADER.findall(path.read_text())}
    assert {"ETag", "If-Match", "X-As-Of", "Authorization", "Last-Event-ID"} <= named
    let_through = {*cors()["headers"], *cors()["exposed_headers"]}
    assert named - SEEN_BY_ALL - NOBODY_NEEDS <= let_through


def test_the_gateway_lets_through_what_the_description_asks_for_and_what_is_answered(api: httpx.Client) -> None:
    description = httpx.get(f"{str(api.base_url).removesuffix('/api/v2/')}/schema/openapi.json").json()
    operations = [each for path in description["paths"].values() for each in path.values()]
    asked = {each["name"] for one in operations for each in one.get("parameters", []) if each["in"] == "header"}
    assert {"If-Match", "If-None-Match"} <= asked <= set(cors()["headers"])
    methods = {method.upper() for path in description["paths"].values() for method in path}
    assert methods <= set(cors()["methods"])
    created = api.post("/items", json=an_item())
    path = f"/items/{created.json()['id']}"
    then = created.json()["created_at"]
    answers = [
        created,
        api.get(path),
        api.get(path, params={"as_of": then}),
        api.get(f"{path}/versions/1"),
        api.get(f"{path}/time-travel", headers={"Accept-Datetime": "Thu, 15 Jan 2026 10:30:00 GMT"}),
        api.get(path, params={"min_position": int(created.headers["X-Position"])}),
        api.get("/items", params={"status": "any", "limit": 1}),
        api.post("/items/import", json=[an_item()]),
        api.post("/projections/owners/rebuild"),
    ]
    seen = {name for answer in answers for name in answer.headers}
    kept = {name.lower() for name in (*cors()["exposed_headers"], *SEEN_BY_ALL, *NOBODY_NEEDS)}
    assert {"etag", "link", "location", "x-position", "x-as-of"} <= seen
    assert seen - {"server"} <= kept


@needs_kustomize
def test_the_gateways_settings_are_those_of_the_service() -> None:
    assert only_manifest("Service")["metadata"]["annotations"] == {"konghq.com/plugins": "catalog-cors"}
    assert only_manifest("KongPlugin", "catalog-cors")["plugin"] == "cors"
    assert (environment_of("catalog-service")["CATALOG_PUBLIC_URL"] or "").endswith("/catalog"), "which it strips"
