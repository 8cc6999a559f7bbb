"""docs/http-api.md is complete: it names each endpoint, parameter, error type and status of the OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

import app.main
from app.domain.erasure import NothingToErase
from app.errors import CatalogError, SetupError
from app.http.wire.problem_details import problem_body
from tests.support.doc_pages import page

BASE = "/api/v2"
HTTP_API = page("docs/http-api.md")
NOT_OVER_HTTP = (SetupError, NothingToErase)
"""Console errors, their subclasses included."""

assert app.main  # its imports define every error


@pytest.fixture(scope="module")
def paths(service: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Path, method, operation."""
    described: dict[str, dict[str, dict[str, Any]]] = httpx.get(f"{service}/schema/openapi.json").json()["paths"]
    return described


def section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", HTTP_API.text, re.DOTALL | re.MULTILINE)
    return str(text)


def test_each_endpoint_is_in_the_table(paths: dict[str, dict[str, dict[str, Any]]]) -> None:
    described = {
        f"{method.upper()} {path.removeprefix(BASE)}"
        for path, operations in paths.items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^` ]*)`", section("Endpoints"))) == described


def test_each_parameter_and_header_is_named(paths: dict[str, dict[str, dict[str, Any]]]) -> None:
    names = {
        parameter["name"]
        for operations in paths.values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path"
    }
    code = " ".join(HTTP_API.inline_code())
    assert [name for name in sorted(names) if not re.search(rf"(?<![\w-]){name}(?![\w-])", code)] == []


def test_each_status_is_named(paths: dict[str, dict[str, dict[str, Any]]]) -> None:
    statuses = {status for operations in paths.values() for each in operations.values() for status in each["responses"]}
    assert [status for status in sorted(statuses) if status not in HTTP_API.text] == []


def error_classes(base: type[CatalogError] = CatalogError) -> Iterator[type[CatalogError]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__.startswith("app."):
            yield from error_classes(each)


def status_and_type(error_class: type[CatalogError]) -> tuple[str, str]:
    """As a client receives them; the type without its prefix."""
    error = error_class.__new__(error_class)
    CatalogError.__init__(error, "detail")
    problem = msgspec.json.decode(problem_body(error), type=dict[str, Any])
    return str(problem["status"]), problem["type"].removeprefix("urn:swappo:catalog:")


def test_each_error_type_stands_in_the_table_beside_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", section("Errors"), re.MULTILINE)
    named = {(status, kind) for status, kinds in rows for kind in re.findall(r"`([a-z-]+)`", kinds)}
    over_http = {each for each in error_classes() if each is not CatalogError and not issubclass(each, NOT_OVER_HTTP)}
    assert {status_and_type(each) for each in over_http} <= named
