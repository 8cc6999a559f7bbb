"""Who may do what: who asks × which request × with what token, as one table, against a service that asks for tokens."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.authorization import (
    ADMIN,
    ADMIN_REQUESTS,
    ADMIN_TOKEN,
    NEWEST_SECRET,
    OLDER_SECRET,
    OTHER,
    OWNER,
    OWNER_REQUESTS,
    WORTHLESS_TOKENS,
    send,
    token,
)
from tests.support.databases import database_like
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

PUBLIC = [
    ("GET", "/items"),
    ("GET", "/items/{id}"),
    ("GET", "/items/{id}?as_of={then}"),
    ("GET", "/items/{id}/time-travel?timestamp={then}"),
    ("GET", "/items/{id}/versions/1"),
    ("GET", "/items/{id}/diff?from=1"),
    ("GET", f"/items/owner/{OWNER}"),
    ("GET", f"/owners/{OWNER}?min_position={{position}}"),
    ("GET", "/stats"),
    ("GET", "/changes?from={then}"),
    ("GET", "/events/density"),
]


@pytest.fixture(scope="module")
def guarded(server: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    environment = {
        "CATALOG_AUTH": "jwt",
        "CATALOG_JWT_SECRETS": f"{NEWEST_SECRET}, {OLDER_SECRET}",
        "CATALOG_ADMIN_SUBJECTS": ADMIN,
        "CATALOG_ADMIN_TOKEN": ADMIN_TOKEN,
    }
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, **environment}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        yield client


@pytest.fixture
def item(guarded: httpx.Client) -> dict[str, Any]:
    created = guarded.post("/items", json=an_item(owner_id=OWNER), headers={"Authorization": f"Bearer {token()}"})
    assert created.status_code == 201, created.text
    return {**created.json(), "position": created.headers["X-Position"]}


@pytest.mark.parametrize("request_", PUBLIC, ids=" ".join)
@pytest.mark.parametrize("kind", ["good", "none", "expired", "forged"])
def test_reads_of_items_are_public_whatever_the_token(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], kind: str
) -> None:
    assert send(guarded, request_, WORTHLESS_TOKENS.get(kind, token(OTHER)), item).is_success


@pytest.mark.parametrize("request_", OWNER_REQUESTS, ids=" ".join)
@pytest.mark.parametrize(
    ("bearer", "allowed"),
    [
        (token(OWNER), True),
        (token(OWNER, OLDER_SECRET), True),
        ("", True),
        (token(ADMIN), True),
        (ADMIN_TOKEN, True),
        (token(OTHER), False),
    ],
    ids=["the owner", "an older secret", "within the leeway", "an admin", "the admin token", "somebody else"],
)
def test_an_item_is_changed_and_its_past_told_by_its_owner_and_admins(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], bearer: str, allowed: bool
) -> None:
    response = send(guarded, request_, bearer or token(OWNER, seconds=-15), item)
    if allowed:
        assert response.is_success, response.text
    else:
        assert_problem(response, 403)
        assert guarded.get(f"/items/{item['id']}").json()["version"] == 1


CONDITIONS = [{}, {"If-Match": '"7"'}, {"If-Match": '"1"'}, {"If-None-Match": '"1"'}, {"If-None-Match": "*"}]


@pytest.mark.parametrize("request_", OWNER_REQUESTS, ids=" ".join)
def test_who_may_not_is_told_nothing_by_a_condition(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str]
) -> None:
    """Otherwise 412 would tell the version, before 403 says that the item is somebody else's."""
    refused = [send(guarded, request_, token(OTHER), item, conditions) for conditions in CONDITIONS]
    for response in refused:
        assert_problem(response, 403)
    assert {response.content for response in refused} == {refused[0].content}


@pytest.mark.parametrize("request_", ADMIN_REQUESTS, ids=" ".join)
@pytest.mark.parametrize(
    ("bearer", "allowed"),
    [(token(ADMIN), True), (ADMIN_TOKEN, True), (token(OWNER), False), (token(OTHER), False)],
    ids=["an admin", "the admin token", "the owner", "somebody else"],
)
def test_the_log_and_the_projections_are_for_admins(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], bearer: str, allowed: bool
) -> None:
    response = send(guarded, request_, bearer or token(OWNER, seconds=-15), item)
    if allowed:
        assert response.is_success or response.status_code == 409, response.text
    else:
        assert_problem(response, 403)


@pytest.mark.parametrize("request_", [*OWNER_REQUESTS, *ADMIN_REQUESTS], ids=" ".join)
@pytest.mark.parametrize("kind", WORTHLESS_TOKENS)
def test_a_token_that_proves_nothing_is_401_and_nothing_else_is(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], kind: str
) -> None:
    response = send(guarded, request_, WORTHLESS_TOKENS[kind], item)
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert guarded.get(f"/items/{item['id']}").json()["version"] == 1


@pytest.mark.parametrize("second", [token(), token(OTHER), "spade"])
@pytest.mark.parametrize("request_", OWNER_REQUESTS[:5], ids=" ".join)
def test_two_tokens_prove_nothing_not_even_twice_the_same(
    guarded: httpx.Client, item: dict[str, Any], request_: tuple[str, str], second: str
) -> None:
    """A proxy before us may have looked at the other one."""
    with httpx.Client(base_url=guarded.base_url, headers=[("Authorization", f"Bearer {second}")]) as client:
        client.headers = httpx.Headers([*client.headers.multi_items(), ("Authorization", f"Bearer {token()}")])
        problem = assert_problem(send(client, request_, None, item), 401)
    assert problem["detail"] == "Send one Authorization header, not several."


def test_who_acted_is_whose_token_it_was_whatever_the_query_says(guarded: httpx.Client, item: dict[str, Any]) -> None:
    mine = {"Authorization": f"Bearer {token()}"}
    changed = guarded.put(f"/items/{item['id']}?user_id=somebody", json={"name": "Rake"}, headers=mine)
    assert changed.status_code == 200
    trail = guarded.get(f"/items/{item['id']}/audit-trail", headers=mine).json()["audit_trail"]
    assert [entry["user_id"] for entry in trail] == [OWNER, OWNER]


def test_one_line_of_somebody_else_refuses_an_import(guarded: httpx.Client) -> None:
    lines = [an_item(owner_id=OWNER), an_item(owner_id=OTHER)]
    response = guarded.post("/items/import", json=lines, headers={"Authorization": f"Bearer {token()}"})
    problem = assert_problem(response, 403)
    assert problem["index"] == 1


def test_the_past_of_an_item_can_be_walked_by_anybody(guarded: httpx.Client, item: dict[str, Any]) -> None:
    """The versions are public, so is the list of them (RFC 7089)."""
    answer = guarded.get(f"/items/{item['id']}/history", headers={"Accept": "application/link-format"})
    assert answer.status_code == 200


def test_the_openapi_document_says_which_routes_ask_for_a_token(guarded: httpx.Client) -> None:
    described = httpx.get(f"{guarded.base_url}".replace("/api/v2/", "/schema/openapi.json")).json()
    guarded_routes = {
        (method.upper(), path.removeprefix("/api/v2"))
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if operation.get("security")
    }
    named = {
        (method, path.partition("?")[0].replace("{id}", "{item_id}"))
        for method, path in [*OWNER_REQUESTS, *ADMIN_REQUESTS]
    }
    named = {(method, path.replace("/owners", "/{name}")) for method, path in named}
    assert guarded_routes == named | {("GET", "/events/stream")}
