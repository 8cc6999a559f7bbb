"""A query that would read too much is refused (422), says which parameter makes it so, and what would be accepted."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.response_shapes import assert_fields_refused
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

LOWERED = """if True:
    from app.engine.queries import listing
    from app.http.controllers import items
    listing.WALKED_MAX = listing.CANDIDATES_MAX = listing.CANDIDATES_IN_LAST_STEP_MAX = 5
    listing.OFFSET_MAX = listing.OFFSET_BY_DISTANCE_MAX = 5
    items.SHELF_ITEMS_MAX = 5
    items.MIB = 600
    from app.cli.catalog import main
    main()
"""


@pytest.fixture(scope="module")
def small(module_conninfo: str) -> Iterator[httpx.Client]:
    """A service that reads five documents at most; ann has five items, of bob's seven the last one is for C++.
    A shelf holds some ten kilobytes, which is less than eve's five items have."""
    environment = {"DATABASE_URL": module_conninfo, "CATALOG_PROJECTOR": "off"}
    with (
        running_service(environment, LOWERED) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client,
    ):
        for owner, names in {"bob": ["Rake"] * 6 + ["Book on C++"], "ann": ["Hoe"] * 5}.items():
            for name in names:
                assert client.post("/items", json=an_item(owner_id=owner, name=name)).status_code == 201
        large = an_item(owner_id="eve", name="Anvil", description="a" * 5000, status="archived")
        for _ in range(5):
            assert client.post("/items", json=large).status_code == 201
        yield client


@pytest.mark.parametrize(
    ("path", "pointer", "source"),
    [
        ("/items?search=%2B%2B", "/search", "query"),
        ("/items?search=%2B%2B&sort=name&status=any", "/search", "query"),
        ("/items?search=%2B&near=52.5,13.4&sort=nearest", "/search", "query"),
        ("/items?offset=6", "/offset", "query"),
        ("/items?offset=6&near=52.5,13.4&sort=nearest", "/offset", "query"),
        ("/items/owner/bob", "/owner_id", "path"),
        ("/items/owner/eve", "/owner_id", "path"),
    ],
)
def test_it_is_refused_by_the_parameter_that_makes_it_so(
    small: httpx.Client, path: str, pointer: str, source: str
) -> None:
    problem = assert_fields_refused(small.get(path), pointer)
    assert problem["type"] == "urn:swappo:catalog:too-expensive"
    assert problem["title"] == "The query would take too long"
    assert problem["errors"][0]["source"] == source


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/items?search=%2B%2B&owner_id=ann", 0),
        ("/items?search=ook+c%2B%2B", 1),
        ("/items?search=d&limit=5", 5),
        ("/items?search=ha&limit=5&sort=name", 5),
        ("/items?search=rakes&owner_id=bob&limit=1", 1),
        ("/items?offset=5", 7),
        ("/items?offset=2147483647&owner_id=ann", 0),
        ("/items/owner/ann", 5),
    ],
)
def test_less_is_answered(small: httpx.Client, path: str, number: int) -> None:
    response = small.get(path)
    assert response.status_code == 200, response.text
    assert len(response.json()) == number


def test_a_cursor_leads_as_far_as_there_is_something(small: httpx.Client) -> None:
    page, ids = small.get("/items?limit=2"), []
    while True:
        ids += [item["id"] for item in page.json()]
        if "next" not in page.links:
            break
        page = small.get(page.links["next"]["url"])
    assert ids == list(range(12, 0, -1))
