"""Law 2 for minutes: readers and writers under a steady load notice nothing of rebuilds."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import psycopg
import pytest
from msgspec import Struct

from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildResult
from app.main import PROJECTIONS
from tests.support.patience import until
from tests.support.sample_items import an_item
from tests.support.service_process import running_service
from tests.support.workload import differences, is_caught_up, write_directly

READERS = 3
WRITERS = 3
DIRECT_WRITERS = 2
ROUNDS = 5
LISTED = 50
"""How many of an owner's newest items to check. A listing has 100, some of them newer than those we know of."""

MINUTES = 600.0
"""In seconds: how long a soak test waits before it calls it hanging."""

pytestmark = pytest.mark.soak


Versions = dict[int, tuple[str, int]]
"""For each item its owner, and the last version that an answer contained."""


class Seen(Struct):
    """What one client observed."""

    requests: int = 0
    failed: list[str] = []
    went_back: list[str] = []
    slowest_seconds: float = 0.0

    def timed(self, ask: Callable[[], httpx.Response], expected: int) -> httpx.Response:
        start = time.perf_counter()
        response = ask()
        self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - start)
        self.requests += 1
        if response.status_code != expected:
            self.failed.append(f"{response.request.method} {response.request.url}: {response.text}")
        return response


def write(url: str, seed: int, versions: Versions, start: Barrier, is_done: Callable[[], bool]) -> Seen:
    """Create and change own items; each answer must have the next version."""
    seen, chance = Seen(), random.Random(seed)
    own: list[int] = []
    with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:
        start.wait()
        while not is_done():
            if len(own) < 20 or chance.random() < 0.2:
                item = seen.timed(lambda: client.post("/items", json=an_item(owner_id=f"owner {seed}")), 201).json()
                own.append(item["id"])
            else:
                item_id = chance.choice(own)
                body = {"name": f"name {chance.random()}"}
                item = seen.timed(lambda i=item_id, b=body: client.put(f"/items/{i}", json=b), 200).json()  # type: ignore[misc]
                if item["version"] != versions[item_id][1] + 1:
                    seen.went_back.append(f"wrote {item}")
            versions[item["id"]] = (item["owner_id"], item["version"])
    return seen


def read(url: str, seed: int, versions: Versions, start: Barrier, is_done: Callable[[], bool]) -> Seen:
    """Read items, and all items of an owner: none that was answered before may be missing or older."""
    seen, chance = Seen(), random.Random(seed)
    with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:
        start.wait()
        while not is_done():
            known = dict(versions)
            if not known:
                continue
            item_id = chance.choice(list(known))
            item = seen.timed(lambda i=item_id: client.get(f"/items/{i}"), 200).json()  # type: ignore[misc]
            if item.get("version", 0) < known[item_id][1]:
                seen.went_back.append(f"read {item}, known was {known[item_id]}")
            if chance.random() < 0.1:
                owner, known = known[item_id][0], dict(versions)
                shelf = seen.timed(lambda o=owner: client.get("/items", params={"owner_id": o, "status": "any"}), 200)  # type: ignore[misc]
                found = {each["id"]: each["version"] for each in shelf.json()}
                newest = sorted((i for i, (by, _) in known.items() if by == owner), reverse=True)[:LISTED]
                seen.went_back += [f"listed: {i}, {found.get(i)}" for i in newest if found.get(i, 0) < known[i][1]]
    return seen


async def rebuild_everything(conninfo: str) -> list[RebuildResult]:
    return [await rebuild(conninfo, read_model) for _ in range(ROUNDS) for read_model in PROJECTIONS]


def test_rebuilds_under_load_are_not_noticed(conninfo: str) -> None:
    versions: Versions = {}
    start, rebuilds = Barrier(READERS + WRITERS + DIRECT_WRITERS + 1), []
    settings = {"DATABASE_URL": conninfo, "CATALOG_POOL_SIZE": "8"}
    with running_service(settings) as (url, _), ThreadPoolExecutor(READERS + WRITERS + DIRECT_WRITERS) as pool:
        done: list[bool] = []
        clients = [pool.submit(write, url, n, versions, start, lambda: bool(done)) for n in range(WRITERS)]
        clients += [pool.submit(read, url, n, versions, start, lambda: bool(done)) for n in range(READERS)]
        direct = [pool.submit(write_directly, conninfo, n, start, lambda _: bool(done)) for n in range(DIRECT_WRITERS)]
        start.wait()
        try:
            until(lambda: len(versions) > 500, "nobody writes", MINUTES)
            rebuilds = asyncio.run(rebuild_everything(conninfo))
        finally:
            done.append(True)
        seen = [client.result() for client in clients]
        assert all(writer.result() for writer in direct)
        until(lambda: is_caught_up(conninfo), "it did not catch up", MINUTES)
    slowest = max(each.slowest_seconds for each in seen)
    longest = {p.name: max(r.swap_milliseconds for r in rebuilds if r.projection == p.name) for p in PROJECTIONS}
    print(
        f"\n{sum(each.requests for each in seen)} requests, the slowest {slowest * 1000:.0f} ms; swaps, ms: {longest}"
    )
    assert [each for client in seen for each in client.failed] == []
    assert [each for client in seen for each in client.went_back] == []
    assert differences(conninfo) == []
    with psycopg.connect(conninfo) as connection:
        kept = {id for (id,) in connection.execute("select id from catalog.items")}
    assert set(versions) <= kept
