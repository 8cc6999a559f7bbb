"""The composition root: the only module that knows both the service and its read models."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, get_args

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp
from msgspec import Struct

from app.concurrency import end
from app.domain.events import Event
from app.domain.item import Command, Item, decide
from app.engine.background.checkpoints import register
from app.engine.background.projection_admin import Machinery
from app.engine.background.projector import Projector
from app.engine.compiler.schema import schema_of
from app.engine.events.event import tag_of
from app.engine.postgres.connections import PooledCursor
from app.engine.postgres.migrations import checksum, migrate
from app.engine.postgres.pool import Database, one_at_a_time
from app.engine.postgres.replica import Replica
from app.engine.queries.documents import Documents, RollupDocuments
from app.engine.queries.read_router import Reads
from app.engine.store.bulk_append import Importer
from app.engine.store.command_handler import CommandHandler, Decider
from app.engine.store.mark_watcher import Feed
from app.http.auth.tokens import Authenticator
from app.http.controllers.changes import Changes
from app.http.controllers.event_density import Densities, EventDensity
from app.http.controllers.events import EventLog
from app.http.controllers.health import HealthChecks, metrics_page
from app.http.controllers.item_commands import ItemCommands
from app.http.controllers.item_diff import ItemDiff
from app.http.controllers.item_history import ItemHistory
from app.http.controllers.item_import import ItemImport
from app.http.controllers.items import ItemQueries, StatsQueries
from app.http.controllers.openapi import openapi_config, page_file
from app.http.controllers.owners import OwnerDocument, OwnerQueries
from app.http.controllers.page import page, page_part
from app.http.controllers.projections import ProjectionMachinery
from app.http.middleware.early_refusals import answering_refusals
from app.http.middleware.http_semantics import as_http_has_it, knowing_all_methods
from app.http.middleware.request_checks import check_request
from app.http.middleware.request_log import knowing_requests
from app.http.wire.openapi_schemas import StructSchemas
from app.http.wire.problem_details import EXCEPTION_HANDLERS
from app.http.wire.responses import ItemDocument
from app.http.wire.time_parameters import Past
from app.http.wire.upload_slots import Slots
from app.observability.lag_history import LagWatch
from app.observability.metrics import Metrics
from app.observability.tracing import start_tracing
from app.settings import Settings
from projections.categories import Categories
from projections.items import Item as StoredItem
from projections.items import Items
from projections.owners import Owner, Owners

PROJECTIONS = (Items, Owners, Categories)
LARGEST_BODY_BYTES = 64 * 1024
MIB = 1024 * 1024

item_decider: Decider[Command, Item, Event] = Decider(decide=decide, state=Item, projection=Items)


def schema_sql() -> str:
    """Everything that `catalog migrate` installs: the event store, then each projection compiled."""
    return schema_of(PROJECTIONS)


def install(conninfo: str) -> bool:
    """Migrate the database to this release; True if there was something to do. Raises SetupError."""
    return migrate(conninfo, schema_sql(), lambda connection: register(connection, PROJECTIONS))


def create_app(
    conninfo: str, settings: Settings, stopping: asyncio.Event | None = None, sessions: str | None = None
) -> ASGIApp:
    """The service over the database at `conninfo`, which must hold `schema_sql()`.

    `sessions` leads to it past a pooler that keeps none.

    Whoever sets `stopping` ends the open event streams; a server that waits for its connections must, before it does.
    """
    tracing = start_tracing()
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it warns of each attempt to connect again
    cursor = tracing.cursor if tracing else PooledCursor
    database = Database(conninfo, settings, cursor)
    sessions = sessions or conninfo
    for_imports = database if sessions == conninfo else one_at_a_time(sessions, settings, cursor)
    feed = Feed(database, stopping or asyncio.Event())
    replica = (
        Replica(settings.database_replica_url, settings, database, cursor) if settings.database_replica_url else None
    )
    metrics = Metrics(get_args(Event), PROJECTIONS, followers=lambda: feed.listeners, replica=replica)
    reads = Reads(database, replica, metrics.answered_by)
    past = Past(reads, database)
    release = checksum(schema_sql())
    projector = Projector(sessions, PROJECTIONS, release)
    machinery = Machinery(sessions, database, PROJECTIONS, metrics.replayed, projector.wake, release)
    lag = LagWatch(database)

    def after_append(events: tuple[Struct, ...]) -> None:
        after_import(Counter(tag_of(type(event)) for event in events))

    def after_import(counts: Counter[str]) -> None:
        projector.wake()
        metrics.stored(counts)

    authenticator = Authenticator(settings) if settings.catalog_auth == "jwt" else None
    handler = CommandHandler(database, item_decider, after_append)
    importer = Importer(for_imports, item_decider, after_import)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if tracing:
                await stack.enter_async_context(tracing)
            await stack.enter_async_context(database)
            if for_imports is not database:
                await stack.enter_async_context(for_imports)
            if replica:
                await stack.enter_async_context(replica)
                await stack.enter_async_context(running(replica.run()))
            await stack.enter_async_context(running(feed.run()))
            await stack.enter_async_context(running(lag.run()))
            if authenticator and authenticator.public_keys:
                await stack.enter_async_context(running(authenticator.public_keys.run()))
            if settings.catalog_projector == "embedded":
                await stack.enter_async_context(running(projector.run()))
            await stack.enter_async_context(machinery)
            yield

    api = Router(
        path="/api/v2",
        route_handlers=[
            *(ItemCommands, ItemQueries, ItemHistory, ItemDiff, StatsQueries, OwnerQueries),
            *(Changes, EventLog, EventDensity, ProjectionMachinery),
            Router(path="", route_handlers=[ItemImport], request_max_body_size=settings.catalog_import_limit_mib * MIB),
        ],
        before_request=check_request,
    )
    app = Litestar(
        route_handlers=[api, page, page_part, HealthChecks, metrics_page, page_file],
        dependencies={
            "handler": _always(handler),
            "importer": _always(importer),
            "slots": _always(Slots(settings.catalog_import_limit_mib * MIB)),
            "documents": _always(Documents(reads, Items, metrics.replayed)),
            "owners": _always(RollupDocuments(reads, Owners)),
            "past": _always(past),
            "densities": _always(Densities(reads, past)),
            "reads": _always(reads),
            "replica": _always(replica),
            "database": _always(database),
            "feed": _always(feed),
            "lag": _always(lag),
            "machinery": _always(machinery),
            "metrics": _always(metrics),
            "settings": _always(settings),
        },
        state=State({"authenticator": authenticator}),
        exception_handlers=EXCEPTION_HANDLERS,
        plugins=[StructSchemas({ItemDocument: StoredItem, OwnerDocument: Owner})],
        openapi_config=openapi_config(version("swappo-catalog"), settings.catalog_public_url),
        lifespan=[lifespan],
        logging_config=None,
        request_max_body_size=LARGEST_BODY_BYTES,
    )
    _resolve_in_sequence(app)
    known = knowing_requests(metrics.measuring(answering_refusals(reads.answering(knowing_all_methods(app)))))
    return as_http_has_it(tracing.requests(known) if tracing else known)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The work in the background, as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)


def _always(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def _resolve_in_sequence(app: Litestar) -> None:
    """What is always the same is there at once: without this, Litestar starts a task for each dependency of a request,
    which took as long as the query of an item."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [{each} for batch in model.dependency_batches for each in batch]
