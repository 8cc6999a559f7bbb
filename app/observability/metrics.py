"""Metrics in Prometheus' format: counts of this process, and facts that each scrape reads from the database.

The database measures lag at each scrape, so the lag also grows if the projector hangs or is gone. Each application has
a registry of its own, so that two applications in one process, as in tests, share no counts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import psycopg
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.engine.background.projection_status import MARK_AND_HEAD, BackgroundLag, has_leader, read_background_lag
from app.engine.events.event import type_tag
from app.engine.postgres.pool import Database
from app.engine.postgres.replica import Replica
from app.engine.projection.rollup import AnyReadModel
from app.engine.store.high_water_mark import NEWEST_INSTANT
from app.errors import Unavailable

logger = logging.getLogger("catalog")

disable_created_metrics()  # type: ignore[no-untyped-call]  # it would add a series for each counter, and nobody needs it

DATABASE_WITHIN_SECONDS = 2.0
"""A scrape then answers without the database's facts; Prometheus gives up after 10 s."""
CATEGORIES_MAX = 50
OTHER_CATEGORIES = "(others)"
NO_ROUTE = "(none)"
KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REPLAY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 60, 300, 1800)
ReplayKind = Literal["item", "time_travel", "rebuild", "verify"]


class Metrics:
    """Counts and observes; `render` is the page that Prometheus reads."""

    def __init__(
        self,
        event_types: Iterable[type[Struct]],
        read_models: Sequence[AnyReadModel] = (),
        followers: Callable[[], int] = lambda: 0,
        replica: Replica | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._read_models = read_models
        self._followers = followers
        ProcessCollector(registry=self.registry)
        self._events_stored = self._counter("events_stored", "Events stored by this process.", "event_type")
        for event_type in event_types:
            self._events_stored.labels(type_tag(event_type))
        self._replays = Histogram(
            "event_replay_duration_seconds",
            "Folding documents from events: one item, one at an instant or version, a whole read model, a comparison.",
            ["kind"],
            registry=self.registry,
            buckets=REPLAY_BUCKETS,
        )
        for kind in ("item", "time_travel", "rebuild", "verify"):
            self._replays.labels(kind)
        self._requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self._latencies = Histogram(
            "http_request_duration_seconds",
            "From a request to the beginning of its answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=REQUEST_BUCKETS,
        )
        self._by_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._streams = self._gauge("event_streams", "Clients that follow the log here.")
        self._up = self._gauge("database_up", "Whether the database answered this scrape.")
        self._pool_size = self._gauge("database_pool_connections", "Connections in the pool.")
        self._pool_idle = self._gauge("database_pool_connections_idle", "Connections that nobody uses just now.")
        self._pool_limit = self._gauge("database_pool_connections_limit", "How many there may be.")
        self._pool_waiting = self._gauge("database_pool_requests_waiting", "Requests that wait for a connection.")
        if replica:
            self._reads = self._counter("database_reads", "Requests that read, by where they did.", "server")
            for server in ("primary", "replica"):
                self._reads.labels(server)
            self._gauge("replica_serves", "1 while reads go to the replica.").set_function(lambda: replica.serves)
            lag = self._gauge("replica_lag_seconds", "All that was committed so long ago is on the replica.")
            lag.set_function(lambda: replica.lag_seconds)
        self._database = _DatabaseCollector()
        self.registry.register(self._database)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self.registry)

    def count_events(self, counts: Mapping[str, int]) -> None:
        """Count stored events by their type tag. Call it after the commit."""
        for tag, count in counts.items():
            self._events_stored.labels(tag).inc(count)

    def observe_replay(self, kind: ReplayKind, seconds: float) -> None:
        self._replays.labels(kind).observe(seconds)

    def count_read(self, server: Literal["primary", "replica"]) -> None:
        """Count a read. Call it only if there is a replica."""
        self._reads.labels(server).inc()

    def with_metrics(self, app: ASGIApp) -> ASGIApp:
        """Count and time every request to `app` by its route's template, never by its path."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            began = time.perf_counter()

            async def send_measured(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._count_response(scope, message["status"], time.perf_counter() - began)
                await send(message)

            await app(scope, receive, send_measured)

        return measured

    def _count_response(self, scope: Any, status: int, seconds: float) -> None:
        route = scope.get("path_template") or NO_ROUTE
        counter, latency = self._metrics_of_route(scope["method"], route, status)
        counter.inc()
        latency.observe(seconds)

    def _metrics_of_route(self, given_method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """The counter and the histogram of a route, cached: looking them up by label takes longer than counting."""
        key = (given_method if given_method in KNOWN_METHODS else "other", route, status)
        if key not in self._by_route:
            method = key[0]
            counter, latency = self._requests.labels(method, route, str(status)), self._latencies.labels(method, route)
            self._by_route[key] = (counter, latency)
        return self._by_route[key]

    async def render(self, database: Database) -> bytes:
        """The metrics as text; without the database's facts, and `database_up` 0, if it does not answer."""
        try:
            async with asyncio.timeout(DATABASE_WITHIN_SECONDS):
                facts: _DatabaseFacts | None = await _read_facts(database, self._read_models)
        except (Unavailable, TimeoutError):
            facts = None
        except psycopg.Error:
            logger.exception("the database could not be asked for its metrics")
            facts = None
        self._up.set(facts is not None)
        self._database.facts = facts
        self._set_process_gauges(database)
        return generate_latest(self.registry)

    def _set_process_gauges(self, database: Database) -> None:
        pool = database.pool.get_stats()
        self._streams.set(self._followers())
        self._pool_size.set(pool.get("pool_size", 0))
        self._pool_idle.set(pool.get("pool_available", 0))
        self._pool_limit.set(pool.get("pool_max", 0))
        self._pool_waiting.set(pool.get("requests_waiting", 0))


class _DatabaseFacts(Struct, frozen=True):
    settled: int
    head: int
    ahead_seconds: float
    background: BackgroundLag
    has_leader: bool
    read_models: list[tuple[str, int, int, float, bool, bool, int]]
    """(name, position, events behind, seconds behind, whether it is stopped, whether it is outdated, events skipped)"""
    items: list[tuple[str, str, int]]
    """(category, status, count)"""


class _DatabaseCollector(Collector):
    """Yields the facts of this scrape; nothing, rather than stale values or 0, if the database did not answer."""

    facts: _DatabaseFacts | None = None

    def collect(self) -> Iterator[Metric]:
        facts = self.facts
        if facts is None:
            return
        yield _gauge("log_settled_position", "Everything up to here is settled.", facts.settled)
        yield _gauge("log_head_position", "The newest committed event.", facts.head)
        yield _gauge(
            "log_unsettled_seconds",
            "Age of the first event that is not settled, or that no running read model has applied; 0 when none.",
            facts.background.unsettled_seconds,
        )
        yield _gauge(
            "log_ahead_of_clock_seconds",
            "How far the newest instant in the log lies ahead of the database's clock; 0 when it does not.",
            facts.ahead_seconds,
        )
        yield _gauge(
            "background_lag_seconds",
            "Age of the oldest event not settled or not applied; 0 when none.",
            facts.background.seconds,
        )
        yield _gauge("background_behind", "1 if /health says so.", facts.background.state == "behind")
        yield _gauge("projector_leads", "1 if some projector leads; else nothing is settled.", facts.has_leader)
        of_read_models = (
            ("read_model_position", "Applied up to here."),
            ("read_model_lag_events", "Events not applied."),
            ("read_model_lag_seconds", "Age of the oldest event not applied; 0 when caught up."),
            ("read_model_stopped", "1 if an event stopped it: see /projections."),
            ("read_model_outdated", "1 if its rules have changed, until it is rebuilt."),
            ("read_model_skipped_events", "Events skipped by an operator."),
        )
        for place, (name, documentation) in enumerate(of_read_models, 1):
            family = GaugeMetricFamily(name, documentation, labels=["projection"])
            for row in facts.read_models:
                family.add_metric([row[0]], float(row[place]))
            yield family
        items = GaugeMetricFamily(
            "catalog_items", "Items; the largest categories by name.", labels=["category", "status"]
        )
        for category, status, count in facts.items:
            items.add_metric([category, status], count)
        yield items


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=float(value))


async def _read_facts(database: Database, known: Sequence[AnyReadModel]) -> _DatabaseFacts:
    async with database.connection() as connection:
        mark = await (await connection.execute(MARK_AND_HEAD)).fetchone()
        newest = await (await connection.execute(NEWEST_INSTANT)).fetchone()
        background = await read_background_lag(connection, known)
        leads = await has_leader(connection)
        read_models = await (await connection.execute(READ_MODEL_LAG, ([each.name for each in known],))).fetchall()
        given = {"most": CATEGORIES_MAX, "others": OTHER_CATEGORIES}
        items = await (await connection.execute(COUNT_ITEMS, given)).fetchall()
    assert mark is not None, "the mark always exists"
    assert newest is not None, "the mark always exists"
    position, _, head = mark
    return _DatabaseFacts(position, head, newest[1], background, leads, read_models, items)


READ_MODEL_LAG = """
select name, projections.position, lag_events, lag_seconds, state = 'stopped', state = 'outdated',
    jsonb_array_length(skipped)
from catalog.projections
join catalog.projection_lag using (name)
where name = any (%s)
"""

COUNT_ITEMS = """
with ranked as (
    select key, document, row_number() over (order by (document ->> 'total_items')::bigint desc, key) as place
    from catalog.categories
)
select case when place <= %(most)s then key else %(others)s end, status, sum(amount::bigint)::bigint
from ranked
cross join lateral jsonb_each_text(document -> 'by_status') as counted (status, amount)
group by 1, 2
"""
