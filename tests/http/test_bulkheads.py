"""Many clients repeat what one kind of work costs most; meanwhile all else is answered, by the same few connections.

What is flooded is held up by a lock, so that it would hold every connection that it gets until the end.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.support.patience import until, until_equal
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service

CLIENTS = 24
ASKED = 30
POOL_SIZE = 4
FEW_WAIT = (
    "import app.engine.postgres.bulkheads as b; b.Bulkhead.waiting_max = 4; from app.cli.catalog import main; main()"
)

WAITING = """
select count(*)
from pg_stat_activity
where application_name = 'catalog'
    and wait_event_type = 'Lock'
    and query not like '%catalog.projection_lag%'
"""


@contextmanager
def service(
    conninfo: str, pool_size: int = POOL_SIZE, program: str = FEW_WAIT, pool_timeout_seconds: int = 60
) -> Iterator[httpx.Client]:
    environment = {
        "DATABASE_URL": conninfo,
        "CATALOG_POOL_SIZE": str(pool_size),
        "CATALOG_LOCK_TIMEOUT_SECONDS": "60",
        "CATALOG_STATEMENT_TIMEOUT_SECONDS": "60",
        "CATALOG_POOL_TIMEOUT_SECONDS": str(pool_timeout_seconds),
        "CATALOG_PROJECTOR": "off",
    }
    with (
        running_service(environment, program) as (url, _),
        httpx.Client(base_url=f"{url}/api/v2", limits=httpx.Limits(max_connections=100)) as api,
    ):
        yield api


class Flood:
    """Clients that repeat a request until the end; `seen` are their answers."""

    def __init__(self, ask: Callable[[], httpx.Response]) -> None:
        self.seen: Counter[int] = Counter()
        self.refused: list[httpx.Response] = []
        self._ask = ask
        self._over = threading.Event()

    def __enter__(self) -> "Flood":
        self._pool = ThreadPoolExecutor(CLIENTS)
        for _ in range(CLIENTS):
            self._pool.submit(self._repeat)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _repeat(self) -> None:
        while not self._over.is_set():
            response = self._ask()
            self.seen[response.status_code] += 1
            if response.status_code == 503:
                self.refused.append(response)
                self._over.wait(0.05)


@contextmanager
def locked(conninfo: str, table: str) -> Iterator[None]:
    """Whoever reads the table waits."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(sql.SQL("lock table {} in access exclusive mode").format(sql.Identifier("catalog", table)))
        yield
        connection.rollback()


def waiting(connection: psycopg.Connection) -> int:
    """How many of the service's connections wait for a lock, without the one that samples the lag."""
    (count,) = connection.execute(WAITING).fetchone() or (0,)
    return int(count)


@pytest.mark.parametrize(
    ("path", "table", "what"),
    [
        ("/items?search=spade", "items_words", "searches"),
        ("/items?offset=1001&as_of=2026-01-01", "items_history", "listings with a large offset"),
        ("/items/owner/nobody?as_of=2026-01-01", "items_history", "shelves"),
        ("/items?near=52.5,13.4&sort=nearest", "items_places", "listings by distance"),
        ("/stats?as_of=2026-01-01", "items_history", "statistics of the past"),
        ("/items/1/history", "personal", "histories"),
        ("/events?user_id=nobody", "personal", "filtered pages of the log"),
        ("/changes?from=2026-01-01&owner_id=nobody", "items_history", "lists of changes"),
        ("/items/1/rebuild", "personal", "rebuilds of documents"),
    ],
)
def test_a_flood_of_one_costly_read_leaves_connections_to_all_else(
    conninfo: str, connection: psycopg.Connection, path: str, table: str, what: str
) -> None:
    method = "POST" if path.endswith("/rebuild") else "GET"
    with service(conninfo) as api:
        item = created(api)
        with Flood(lambda: api.request(method, path)) as flood:
            with locked(conninfo, table):
                until(lambda: waiting(connection) >= POOL_SIZE // 2, "nothing is flooded")
                until(lambda: len(flood.refused) >= CLIENTS, "nobody is refused")
                answers = [api.get(f"/items/{item['id']}").status_code for _ in range(ASKED)]
                assert answers == [200] * ASKED
                assert [api.get("/items?limit=1").status_code for _ in range(ASKED)] == [200] * ASKED
                assert waiting(connection) <= POOL_SIZE // 2
            until(lambda: flood.seen[200] + flood.seen[422] > CLIENTS, "it is not answered once it can be")
        refused = assert_problem(flood.refused[0], 503)
        assert refused["detail"].startswith(f"Too many {what} at once: 2 may run")
        assert flood.refused[0].headers["Retry-After"] == "1"
        assert flood.seen.keys() <= {200, 422, 503}


def test_commands_are_carried_out_while_searches_are_flooded(conninfo: str, connection: psycopg.Connection) -> None:
    """And no command waits longer for the flood than its own work takes."""
    with service(conninfo) as api:
        item = created(api)
        address = f"/items/{item['id']}/status"
        with Flood(lambda: api.get("/items?search=spade")), locked(conninfo, "items_words"):
            until(lambda: waiting(connection) >= POOL_SIZE // 2, "nothing is flooded")
            for n in range(ASKED):
                status = ("swapped", "active")[n % 2]
                assert api.patch(address, params={"new_status": status}).status_code == 200
        assert api.get(f"/items/{item['id']}").json()["version"] == ASKED + 1


def test_a_flood_of_searches_and_commands_together_leaves_a_connection_to_reads(
    conninfo: str, connection: psycopg.Connection
) -> None:
    with service(conninfo, pool_timeout_seconds=3) as api:
        item = created(api)
        address = f"/items/{item['id']}/status?new_status=swapped"
        with (
            Flood(lambda: api.get("/items?search=spade")) as searches,
            locked(conninfo, "items_words"),
            psycopg.connect(conninfo) as holder,
        ):
            until_equal(lambda: waiting(connection), POOL_SIZE // 2, "no search waits")
            holder.execute("select from catalog.streams where stream_id = %s for update", (item["id"],))
            with Flood(lambda: api.patch(address)) as commands:
                until_equal(lambda: waiting(connection), POOL_SIZE - 1, "no command waits")
                until(lambda: commands.refused and searches.refused, "nobody is refused")
                assert [api.get(f"/items/{item['id']}").status_code for _ in range(ASKED)] == [200] * ASKED
                assert waiting(connection) == POOL_SIZE - 1
                holder.rollback()


@pytest.mark.parametrize("pool_size", [2, POOL_SIZE])
def test_commands_that_wait_for_a_lock_leave_a_connection_to_reads(
    conninfo: str, connection: psycopg.Connection, pool_size: int
) -> None:
    with service(conninfo, pool_size, pool_timeout_seconds=3) as api:
        item = created(api)
        address = f"/items/{item['id']}/status?new_status=swapped"
        with psycopg.connect(conninfo) as holder:
            holder.execute("select from catalog.streams where stream_id = %s for update", (item["id"],))
            with Flood(lambda: api.patch(address)) as flood:
                until_equal(lambda: waiting(connection), pool_size - 1, "the commands do not wait")
                until(lambda: len(flood.refused) >= 1, "nobody is refused")
                answers = [api.get(f"/items/{item['id']}").status_code for _ in range(ASKED)]
                assert answers == [200] * ASKED
                assert waiting(connection) == pool_size - 1
                holder.rollback()
                until(lambda: flood.seen[200] >= 1, "no command is carried out")
        assert "Too many commands at once" in assert_problem(flood.refused[0], 503)["detail"]


def test_verifications_beyond_two_are_told_to_come_back(conninfo: str, connection: psycopg.Connection) -> None:
    """Each has a connection of its own, and a thread that keeps a processor busy."""
    with service(conninfo) as api, ThreadPoolExecutor(2) as pool:
        item = created(api)
        query = "select count(*) from pg_locks where not granted and relation = 'catalog.owners'::regclass"
        with locked(conninfo, "owners"):
            under_way = [pool.submit(api.post, "/projections/owners/verify") for _ in range(2)]
            until_equal(lambda: connection.execute(query).fetchone(), (2,), "they do not verify")
            refused = assert_problem(api.post("/projections/owners/verify"), 503)
            assert "Too many verifications at once: 2 may run" in refused["detail"]
            assert api.get(f"/items/{item['id']}").status_code == 200
        assert [each.result().status_code for each in under_way] == [200, 200]


def test_with_a_single_connection_costly_reads_take_turns_with_all_else(conninfo: str) -> None:
    with service(conninfo, pool_size=1) as api:
        item = created(api)
        with Flood(lambda: api.get("/items?search=spade")):
            assert [api.get(f"/items/{item['id']}").status_code for _ in range(ASKED)] == [200] * ASKED
            assert [api.post("/items", json=an_item()).status_code for _ in range(10)] == [201] * 10


def test_a_costly_read_that_takes_too_long_is_ended_and_told_why(conninfo: str) -> None:
    at_once = (
        "import app.engine.postgres.pool as d; d.COSTLY_READ_SECONDS = 0.2; from app.cli.catalog import main; main()"
    )
    with service(conninfo, program=at_once) as api, locked(conninfo, "items_words"):
        problem = assert_problem(api.get("/items?search=spade"), 422)
        assert problem["type"] == "urn:swappo:catalog:too-expensive"
        assert problem["errors"][0]["pointer"] == "/search"
        assert "stopped after 0.2 seconds" in problem["detail"]
        assert api.get("/items").status_code == 200
