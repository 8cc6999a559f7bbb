"""A primary and a synchronous replica: losing the primary loses no acknowledged command; without the replica no command
is acknowledged."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.patience import PRODUCT_LIMITS
from tests.support.ready_made import NewFolder
from tests.support.replication import Pair, kill_server, paused_server, primary_and_replica, query_value
from tests.support.retrying_clients import writing
from tests.support.sample_items import an_item
from tests.support.service_process import running_service

FAILS_OVER_BY_ITSELF = PRODUCT_LIMITS | {"CATALOG_POOL_TIMEOUT_SECONDS": "2"}
IMPATIENT = {"CATALOG_STATEMENT_TIMEOUT_SECONDS": "2"}


@pytest.fixture
def pair(new_server_folder: NewFolder, tmp_path: Path) -> Iterator[Pair]:
    """A primary with the catalog, and a synchronous replica."""
    with primary_and_replica(tmp_path, new_server_folder, synchronous=True) as running:
        yield running


def test_a_primary_that_is_lost_takes_no_acknowledged_event_along(pair: Pair) -> None:
    """All its processes are killed by kill -9 under load. The replica is promoted, and the running service finds it."""
    with running_service({"DATABASE_URL": pair.either} | FAILS_OVER_BY_ITSELF) as (url, _), writing(url) as clients:
        kill_server(pair.primary.data_dir)
        assert query_value(pair.replica, "select pg_promote()") is True
        clients.until_acknowledged(40)


def test_without_its_synchronous_replica_nothing_is_acknowledged_and_nothing_hangs(pair: Pair) -> None:
    """A commit that waits for the replica in vain is on the primary; the response says that its outcome is unknown."""
    with (
        running_service({"DATABASE_URL": pair.primary.conninfo} | IMPATIENT) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2") as client,
    ):
        key = {"Idempotency-Key": str(uuid4())}
        unchanged = client.post("/items", json=an_item()).json()
        with paused_server(pair.replica):
            created = client.post("/items", json=an_item(), headers=key)
            again = client.post("/items", json=an_item(), headers=key)
            nothing = client.put(f"/items/{unchanged['id'] + 1}", json={"name": an_item()["name"]})
            for refused in (created, again, nothing):
                assert refused.status_code == 503
                assert "unknown" in refused.json()["detail"]
            assert client.get(f"/items/{unchanged['id']}").json() == unchanged
        kept = client.post("/items", json=an_item(), headers=key)
        assert (kept.status_code, kept.headers["Idempotent-Replayed"]) == (201, "true")
        assert query_value(pair.replica, "select count(*) from catalog.events") == 2


def test_without_its_synchronous_replica_reads_go_on(pair: Pair) -> None:
    """A read that gives up a commit, of the high-water mark, leaves no doubt to the connection's next user."""
    settings = {"DATABASE_URL": pair.primary.conninfo, "CATALOG_POOL_SIZE": "1"}
    with running_service(settings) as (url, _), httpx.Client(base_url=f"{url}/api/v2") as client:
        item = client.post("/items", json=an_item()).json()
        with paused_server(pair.replica):
            for _ in range(3):
                now = {"as_of": datetime.now(UTC).isoformat()}
                asked_for = [client.get(f"/items/{item['id']}", params=given) for given in (now, {})]
                assert [(each.status_code, each.json()) for each in asked_for] == [(200, item)] * 2
