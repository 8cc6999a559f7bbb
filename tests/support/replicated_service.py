"""A service that reads from a streaming replica, beside one over the same log that has none."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx
from msgspec import Struct

from tests.support.patience import until, until_equal
from tests.support.replication import Pair
from tests.support.service_process import running_service

PASSWORD = "not-to-be-told"
PATIENT_WITH_ITS_REPLICA = """if True:
    import app.engine.postgres.pool as pool, app.engine.postgres.replica as replica
    pool.COSTLY_READ_SECONDS = replica.REPLICA_ANSWERS_WITHIN_SECONDS = replica.FREE_WITHIN_SECONDS = 60.0
    from app.cli.catalog import main
    main()
"""


class Served(Struct):
    """A service with a replica, and one without, over the same log."""

    pair: Pair
    url: str
    api: httpx.Client
    primary: httpx.Client

    @property
    def state(self) -> str:
        state: str = httpx.get(f"{self.url}/health/ready").raise_for_status().json()["replica"]
        return state

    def until_it_is(self, state: str) -> None:
        until_equal(lambda: self.state, state, "the replica's state is another one")

    def counted(self, metric: str) -> float:
        page = httpx.get(f"{self.url}/metrics").text
        return float(next(line.split()[-1] for line in page.splitlines() if line.startswith(metric)))


@contextmanager
def serving(pair: Pair, may_lag_seconds: int, program: str = "") -> Iterator[Served]:
    primary_only = {"DATABASE_URL": pair.primary.conninfo}
    replicated = {
        **primary_only,
        "DATABASE_REPLICA_URL": f"{pair.replica.conninfo} password={PASSWORD}",
        "CATALOG_REPLICA_LAG_SECONDS": str(may_lag_seconds),
    }
    with (
        running_service(replicated, program) as (url, _),
        running_service(primary_only) as (other, _),
        httpx.Client(base_url=f"{url}/api/v2") as api,
        httpx.Client(base_url=f"{other}/api/v2") as primary,
    ):
        yield Served(pair, url, api, primary)


class Reader:
    """Somebody who reads all the time."""

    def __init__(self, served: Served, item_id: int) -> None:
        self.statuses: list[int] = []
        self._url = f"{served.url}/api/v2/items/{item_id}"
        self._ended = Event()

    def run(self) -> None:
        with httpx.Client() as client:
            while not self._ended.is_set():
                self.statuses.append(client.get(self._url).status_code)

    def is_answered(self) -> None:
        """Wait until the next few requests are answered."""
        enough = len(self.statuses) + 10
        until(lambda: len(self.statuses) >= enough, "the reader is not answered")

    def __enter__(self) -> "Reader":
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self.run)
        self.is_answered()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._running.result()
        self._pool.shutdown()
