"""The caching table has rows for each operation of the OpenAPI document, and for each route that it leaves out."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from app.http.middleware.http_semantics import with_options_support
from app.main import create_app
from app.settings import Settings
from tests.support.caching_demands import METHODS, missing_rows
from tests.support.caching_rows import API, NONE
from tests.support.caching_table import TABLE

BLAME = f"{API}/items/{{item_id}}/blame"


@pytest.fixture(scope="module")
def application() -> Litestar:
    """The application before the middlewares are put around it. It is not connected to anything."""
    applications: list[Litestar] = []

    def keep(application: Litestar) -> ASGIApp:
        applications.append(application)
        return with_options_support(application)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.main.with_options_support", keep)
        create_app("dbname=nothing", Settings())
    (application,) = applications
    return application


@pytest.fixture(scope="module")
def document(application: Litestar) -> dict[str, Any]:
    described: dict[str, Any] = application.openapi_schema.to_schema()
    return described


@pytest.fixture(scope="module")
def undocumented(application: Litestar, document: dict[str, Any]) -> list[str]:
    """The operations that the document leaves out."""
    return [
        f"{method} {route.path_format}"
        for route in application.routes
        if isinstance(route, HTTPRoute)
        for method in sorted(route.methods)
        if method.lower() in METHODS and method.lower() not in document["paths"].get(route.path_format, {})
    ]


def test_each_operation_and_each_other_route_has_its_rows(document: dict[str, Any], undocumented: list[str]) -> None:
    assert {"GET /", "GET /page/{path}", "GET /schema", "GET /assets/{name}"} <= {*undocumented}
    assert missing_rows(document, undocumented, TABLE) == []


def test_an_operation_whose_rows_are_lost_is_named(document: dict[str, Any], undocumented: list[str]) -> None:
    demanded = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    for operation in (*demanded, *undocumented):
        lacks = missing_rows(document, undocumented, [row for row in TABLE if row.operation != operation])
        assert {each.split(": ")[0] for each in lacks} == {f"add to tests/support/caching_table.py {operation}"}


def test_no_row_is_of_an_operation_that_does_not_exist(application: Litestar) -> None:
    paths = {route.path_format for route in application.routes}
    assert {row.operation.partition(" ")[2] for row in TABLE} <= paths


def test_a_new_operation_without_rows_is_named_with_what_to_add() -> None:
    responses: dict[str, Any] = {status: {} for status in ("200", "304", "404", "412")}
    described = {"parameters": [{"name": "as_of", "in": "query"}], "responses": responses}
    lacks = missing_rows({"paths": {BLAME: {"get": described}}}, ["GET /about"], TABLE)
    assert f"add to tests/support/caching_table.py GET {BLAME}: a row with as_of={{unsettled}} in its address" in lacks
    assert f"add to tests/support/caching_table.py GET {BLAME}: an ETag, or no 304 in the document" in lacks
    assert "add to tests/support/caching_table.py GET /about: a row as anonymous" in lacks


@pytest.mark.parametrize("condition", sorted({row.condition for row in TABLE} - {NONE}))
def test_a_condition_that_the_table_lacks_is_demanded(document: dict[str, Any], condition: str) -> None:
    rest = [row for row in TABLE if row.condition != condition]
    lacks = missing_rows(document, [], rest)
    assert lacks != []
    assert all(condition in each for each in lacks)


@pytest.mark.parametrize("lost", ["settled", "unsettled", "future", "missing", "invalid"])
def test_a_case_that_the_table_lacks_is_demanded(document: dict[str, Any], lost: str) -> None:
    lacks = missing_rows(document, [], [row for row in TABLE if row.case != lost])
    assert any(lost in each for each in lacks)
