"""A search as of an instant finds an item by the words and the place that it had then and has no more."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from app.engine.background.rebuild import rebuild
from projections.items import Items
from tests.support.sample_items import created
from tests.support.service_process import running_service


def rebuild_one(api: httpx.Client, item_id: int, _: str) -> None:
    api.post(f"/items/{item_id}/rebuild").raise_for_status()


def rebuild_all(_: httpx.Client, __: int, conninfo: str) -> None:
    asyncio.run(rebuild(conninfo, Items))


WRITTEN: dict[str, Callable[[httpx.Client, int, str], None]] = {
    "by its events": lambda *_: None,
    "by a rebuild of the item": rebuild_one,
    "by a rebuild of all": rebuild_all,
}
THEN = ({"search": "zither"}, {"search": "strings"}, {"search": "Zithers rusty"}, {"near": "10,20", "within_km": "1"})
NOW = ({"search": "yodel"}, {"search": "throat"}, {"near": "50,60", "within_km": "1"})


@pytest.mark.parametrize("written", WRITTEN)
def test_what_was_replaced_is_found_as_of_then_and_not_now(conninfo: str, written: str) -> None:
    with (
        running_service({"DATABASE_URL": conninfo}) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", timeout=30) as api,
    ):
        old = {"name": "Zither", "description": "Rusty strings.", "location_lat": 10, "location_lon": 20}
        item = created(api, **old)
        for change in ({"name": "Yodel"}, {"description": "A throat."}, {"location_lat": 50, "location_lon": 60}):
            api.put(f"/items/{item['id']}", json=change).raise_for_status()
        WRITTEN[written](api, item["id"], conninfo)

        def found(asked: dict[str, str], **when: str) -> list[int]:
            return [each["id"] for each in api.get("/items", params={**asked, **when}).json()]

        for asked in THEN:
            assert found(asked, as_of=item["created_at"]) == [item["id"]], asked
            assert found(asked) == [], asked
        for asked in NOW:
            assert found(asked) == [item["id"]], asked
            assert found(asked, as_of=item["created_at"]) == [], asked
