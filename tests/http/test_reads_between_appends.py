"""What is appended between two statements of one request is in none of its parts."""

from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.background.independent_fold import fold_slice
from app.engine.background.verify import verify
from app.engine.queries.documents import Documents
from app.engine.store.high_water_mark import current_instant_after_appends
from app.engine.store.live_fold import Document
from app.main import PROJECTIONS
from tests.support.appending import append
from tests.support.in_process_service import in_process_service
from tests.support.workload import SPADE, SWAPPED, catch_up_all

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("path", "member"), [("history", "history"), ("audit-trail", "audit_trail")])
async def test_the_events_of_an_item_end_with_the_version_that_the_etag_names(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, path: str, member: str
) -> None:
    item, *_ = append(connection, None, [SPADE])
    get = Documents.get

    async def get_before_an_append(documents: Documents, document_id: int) -> Document | None:
        found = await get(documents, document_id)
        append(connection, item, [SWAPPED])
        return found

    monkeypatch.setattr(Documents, "get", get_before_an_append)
    async with in_process_service(conninfo, monkeypatch, projector="off") as service, service.client() as client:
        answer = await client.get(f"/items/{item}/{path}")
    assert answer.headers["ETag"] == '"1"'
    assert [entry["version"] for entry in answer.json()[member]] == [1]


@pytest.mark.parametrize("sort", ["newest", "name"])
async def test_the_first_page_is_as_of_the_instant_of_the_next_one(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    """An item comes after the first look, and before the instant that the pages have in common."""
    items = [append(connection, None, [SPADE])[0] for _ in range(3)]

    async def now_after_an_append(opened: AsyncConnection, *rest: Any) -> Any:
        items.append(append(connection, None, [SPADE])[0])
        return await current_instant_after_appends(opened, *rest)

    monkeypatch.setattr("app.engine.queries.documents.current_instant_after_appends", now_after_an_append)
    seen, address = [], f"/items?limit=2&sort={sort}"
    async with in_process_service(conninfo, monkeypatch, projector="off") as service, service.client() as client:
        while address:
            answer = await client.get(address)
            seen += [item["id"] for item in answer.json()]
            address = answer.links.get("next", {}).get("url", "")
    assert len(items) == 4
    assert sorted(seen) == items


@pytest.mark.parametrize("read_model", PROJECTIONS, ids=lambda each: each.name)
async def test_a_verification_compares_documents_and_events_of_one_moment(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, read_model: Any
) -> None:
    item, *_ = append(connection, None, [SPADE])
    appended: list[Any] = []
    await catch_up_all(conninfo)

    async def fold_after_an_append(*given: Any) -> Any:
        if len(appended) < 2:
            appended.append(append(connection, item, [SWAPPED]))
            appended.append(append(connection, None, [SPADE]))
            await catch_up_all(conninfo)
        return await fold_slice(*given)

    monkeypatch.setattr("app.engine.background.verify.fold_slice", fold_after_an_append)
    found = await verify(conninfo, read_model)
    assert appended
    assert (found.checked, found.differing) == (1, [])
