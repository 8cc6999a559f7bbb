"""The composition root: the only module that knows both the service and its read models."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, get_args

import psycopg
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp
from msgspec import Struct
from psycopg import AsyncCursor

from app.concurrency import cancel_and_wait
from app.domain.events import Event
from app.domain.item import Command, ItemState, decide
from app.engine.background.checkpoints import register
from app.engine.background.projection_admin import ProjectionAdmin
from app.engine.background.projector import Projector
from app.engine.events.event import type_tag
from app.engine.postgres.connections import PooledCursor
from app.engine.postgres.migrations import checksum
from app.engine.postgres.pool import Database, single_connection_database
from app.engine.postgres.replica import Replica
from app.engine.queries.documents import Documents, RollupDocuments
from app.engine.queries.read_router import ReadRouter
from app.engine.store.bulk_append import BulkImporter
from app.engine.store.command_handler import CommandHandler, Decider
from app.engine.store.mark_watcher import MarkWatcher
from app.errors import SetupError
from app.http.auth.tokens import Authenticator
from app.http.controllers.changes import ChangesController
from app.http.controllers.event_density import EventCounter, EventDensityController
from app.http.controllers.events import EventLog
from app.http.controllers.health import HealthChecks, metrics_page
from app.http.controllers.item_commands import ItemCommands
from app.http.controllers.item_diff import ItemDiff
from app.http.controllers.item_history import ItemHistory
from app.http.controllers.item_import import ItemImport
from app.http.controllers.items import ItemQueries, StatsQueries
from app.http.controllers.openapi import openapi_config, serve_swagger_asset
from app.http.controllers.owners import OwnerDocument, OwnerQueries
from app.http.controllers.page import serve_page, serve_page_asset
from app.http.controllers.projections import ProjectionsController
from app.http.middleware.early_refusals import with_early_refusals
from app.http.middleware.http_semantics import with_head_support, with_options_support
from app.http.middleware.read_routing import with_read_routing
from app.http.middleware.request_checks import check_request
from app.http.middleware.request_log import with_request_id
from app.http.wire.openapi_schemas import StructSchemas
from app.http.wire.problem_details import EXCEPTION_HANDLERS
from app.http.wire.responses import ItemDocument
from app.http.wire.time_parameters import AsOfResolver
from app.http.wire.upload_slots import UploadSlots
from app.observability.lag_history import LagHistory
from app.observability.metrics import Metrics
from app.observability.tracing import start_tracing
from app.schema import migrate, schema_of
from app.settings import Settings
from projections.categories import Categories
from projections.items import Item as StoredItem
from projections.items import Items
from projections.owners import Owner, Owners

PROJECTIONS = (Items, Owners, Categories)
LARGEST_BODY_BYTES = 64 * 1024
MIB = 1024 * 1024

item_decider: Decider[Command, ItemState, Event] = Decider(decide=decide, state=ItemState, projection=Items)


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
    cursor = tracing.cursor_class if tracing else PooledCursor
    database = Database(conninfo, settings.pool, cursor)
    sessions = sessions or conninfo
    for_imports = database if sessions == conninfo else single_connection_database(sessions, settings.pool, cursor)
    feed = MarkWatcher(database, stopping or asyncio.Event())
    replica = _replica_of(settings, database, cursor)
    metrics = Metrics(get_args(Event), PROJECTIONS, followers=lambda: feed.followers, replica=replica)
    reads = ReadRouter(database, replica, metrics.count_read)
    past = AsOfResolver(reads, database)
    release = checksum(schema_sql())
    projector = Projector(sessions, PROJECTIONS, release)
    machinery = ProjectionAdmin(sessions, database, PROJECTIONS, metrics.observe_replay, projector.wake, release)
    lag = LagHistory(database)

    def after_append(events: tuple[Struct, ...]) -> None:
        after_import(Counter(type_tag(type(event)) for event in events))

    def after_import(counts: Counter[str]) -> None:
        projector.wake()
        metrics.count_events(counts)

    authenticator = Authenticator(settings) if settings.auth == "jwt" else None
    handler = CommandHandler(database, item_decider, after_append)
    importer = BulkImporter(for_imports, item_decider, after_import)

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
                await stack.enter_async_context(run_in_background(replica.run()))
            await stack.enter_async_context(run_in_background(feed.run()))
            await stack.enter_async_context(run_in_background(lag.run()))
            if authenticator and authenticator.public_keys:
                await stack.enter_async_context(run_in_background(authenticator.public_keys.run()))
            if settings.projector == "embedded":
                await stack.enter_async_context(run_in_background(projector.run()))
            await stack.enter_async_context(machinery)
            yield

    api = Router(
        path="/api/v2",
        route_handlers=[
            *(ItemCommands, ItemQueries, ItemHistory, ItemDiff, StatsQueries, OwnerQueries),
            *(ChangesController, EventLog, EventDensityController, ProjectionsController),
            Router(path="", route_handlers=[ItemImport], request_max_body_size=settings.import_limit_mib * MIB),
        ],
        before_request=check_request,
    )
    app = Litestar(
        route_handlers=[api, serve_page, serve_page_asset, HealthChecks, metrics_page, serve_swagger_asset],
        dependencies={
            "command_handler": _constant_dependency(handler),
            "bulk_importer": _constant_dependency(importer),
            "upload_slots": _constant_dependency(UploadSlots(settings.import_limit_mib * MIB)),
            "documents": _constant_dependency(Documents(reads, Items, metrics.observe_replay)),
            "owners": _constant_dependency(RollupDocuments(reads, Owners)),
            "as_of_resolver": _constant_dependency(past),
            "event_counter": _constant_dependency(EventCounter(reads, past)),
            "read_router": _constant_dependency(reads),
            "replica": _constant_dependency(replica),
            "database": _constant_dependency(database),
            "mark_watcher": _constant_dependency(feed),
            "lag_history": _constant_dependency(lag),
            "projection_admin": _constant_dependency(machinery),
            "metrics": _constant_dependency(metrics),
            "settings": _constant_dependency(settings),
        },
        state=State({"authenticator": authenticator}),
        exception_handlers=EXCEPTION_HANDLERS,
        plugins=[StructSchemas({ItemDocument: StoredItem, OwnerDocument: Owner})],
        openapi_config=openapi_config(version("swappo-catalog"), settings.public_url),
        lifespan=[lifespan],
        logging_config=None,
        request_max_body_size=LARGEST_BODY_BYTES,
    )
    _resolve_dependencies_in_sequence(app)
    known = with_request_id(
        metrics.with_metrics(with_early_refusals(with_read_routing(with_options_support(app), reads)))
    )
    return with_head_support(tracing.with_tracing(known) if tracing else known)


def _replica_of(settings: Settings, primary: Database, cursor: type[AsyncCursor[Any]]) -> Replica | None:
    """Raises SetupError for what is no conninfo; without repeating it, for it may hold a password."""
    if settings.database_replica_url is None:
        return None
    try:
        return Replica(settings.database_replica_url, settings.pool, settings.replica_lag_seconds, primary, cursor)
    except psycopg.ProgrammingError:
        raise SetupError("DATABASE_REPLICA_URL is neither a libpq URL nor a conninfo") from None


@asynccontextmanager
async def run_in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The work in the background, as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await cancel_and_wait(task)


def _constant_dependency(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def _resolve_dependencies_in_sequence(app: Litestar) -> None:
    """What is always the same is there at once: without this, Litestar starts a task for each dependency of a request,
    which took as long as the query of an item."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [{each} for batch in model.dependency_batches for each in batch]
