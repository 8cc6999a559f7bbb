"""The composition root: builds the service from its parts. Only this module imports `projections`."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

import psycopg
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp
from msgspec import Struct
from psycopg import AsyncCursor

from app.concurrency import cancel_and_wait
from app.constraints import LARGEST_ITEM_BYTES, MIB
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
from app.http.controllers.event_density import EventDensityController
from app.http.controllers.events import EventLog
from app.http.controllers.health import HealthChecks, metrics_page
from app.http.controllers.item_commands import ItemCommands
from app.http.controllers.item_diff import ItemDiff
from app.http.controllers.item_history import ItemHistory
from app.http.controllers.item_import import ItemImport
from app.http.controllers.item_rebuild import ItemRebuild
from app.http.controllers.items import ItemQueries, StatsQueries
from app.http.controllers.openapi import openapi_config, serve_swagger_asset
from app.http.controllers.owners import OwnerDocument, OwnerQueries
from app.http.controllers.page import serve_page, serve_page_asset
from app.http.controllers.projections import ProjectionsController
from app.http.event_counter import EventCounter
from app.http.middleware.early_refusals import with_early_refusals
from app.http.middleware.http_semantics import with_head_support, with_options_support
from app.http.middleware.read_routing import with_read_routing
from app.http.middleware.request_checks import check_request
from app.http.middleware.request_log import with_request_id
from app.http.services import Services
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

if TYPE_CHECKING:
    from app.observability.spans import Tracing

PROJECTIONS = (Items, Owners, Categories)

item_decider: Decider[Command, ItemState, Event] = Decider(decide=decide, state=ItemState, projection=Items)


@cache
def schema_sql() -> str:
    """The schema that `catalog migrate` installs: the event store, then each compiled projection."""
    return schema_of(PROJECTIONS)


def install(conninfo: str) -> bool:
    """Migrate the database to this release; True if that changed it. Raises SetupError."""
    return migrate(conninfo, schema_sql(), lambda connection: register(connection, PROJECTIONS))


def create_app(
    conninfo: str, settings: Settings, stopping: asyncio.Event | None = None, sessions: str | None = None
) -> ASGIApp:
    """Build the service for the database at `conninfo`, which must hold `schema_sql()`.

    `sessions` is the conninfo of the same database without a pooler that keeps no sessions. Setting `stopping` ends the
    open event streams; a server must set it before it waits for its connections to close.
    """
    tracing = start_tracing()
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # below that, it reports each attempt to reconnect
    cursor = tracing.cursor_class if tracing else PooledCursor
    services = build_services(conninfo, settings, stopping or asyncio.Event(), sessions or conninfo, cursor)
    app = Litestar(
        route_handlers=[
            _api(settings.import_limit_mib * MIB),
            *(serve_page, serve_page_asset, HealthChecks, metrics_page, serve_swagger_asset),
        ],
        dependencies={"services": Provide(lambda: services, use_cache=True, sync_to_thread=False)},
        state=State({"authenticator": services.authenticator}),
        exception_handlers=EXCEPTION_HANDLERS,
        plugins=[StructSchemas({ItemDocument: StoredItem, OwnerDocument: Owner})],
        openapi_config=openapi_config(version("swappo-catalog"), settings.public_url),
        lifespan=[lambda _: _running(services, tracing)],
        logging_config=None,
        request_max_body_size=LARGEST_ITEM_BYTES,
    )
    return _with_middlewares(app, services, tracing)


def _api(largest_import_bytes: int) -> Router:
    imports = Router(path="", route_handlers=[ItemImport], request_max_body_size=largest_import_bytes)
    return Router(
        path="/api/v2",
        route_handlers=[
            *(ItemCommands, ItemQueries, ItemHistory, ItemRebuild, ItemDiff, StatsQueries, OwnerQueries),
            *(ChangesController, EventLog, EventDensityController, ProjectionsController, imports),
        ],
        before_request=check_request,
    )


def _with_middlewares(app: Litestar, services: Services, tracing: "Tracing | None") -> ASGIApp:
    """Wrap `app` in the middlewares; each one surrounds those of the lines above it."""
    asgi = with_options_support(app)
    asgi = with_read_routing(asgi, services.read_router)
    asgi = with_early_refusals(asgi)
    asgi = services.metrics.with_metrics(asgi)
    asgi = with_request_id(asgi)
    if tracing:
        asgi = tracing.with_tracing(asgi)
    return with_head_support(asgi)


def build_services(
    conninfo: str, settings: Settings, stopping: asyncio.Event, sessions: str, cursor: type[AsyncCursor[Any]]
) -> Services:
    """Build and connect the parts of the service, without starting any. Raises SetupError for unusable settings."""
    database = Database(conninfo, settings.pool, cursor)
    has_pooler = sessions != conninfo
    import_database = single_connection_database(sessions, settings.pool, cursor) if has_pooler else database
    mark_watcher = MarkWatcher(database, stopping)
    replica = _replica_of(settings, database, cursor)
    metrics = Metrics(get_args(Event), PROJECTIONS, followers=lambda: mark_watcher.followers, replica=replica)
    read_router = ReadRouter(database, replica, metrics.count_read)
    as_of_resolver = AsOfResolver(read_router, database)
    release = checksum(schema_sql())
    projector = Projector(sessions, PROJECTIONS, release)

    def after_append(events: tuple[Struct, ...]) -> None:
        after_import(Counter(type_tag(type(event)) for event in events))

    def after_import(counts: Counter[str]) -> None:
        projector.wake()
        metrics.count_events(counts)

    return Services(
        settings=settings,
        metrics=metrics,
        authenticator=Authenticator(settings) if settings.auth == "jwt" else None,
        database=database,
        import_database=import_database,
        replica=replica,
        read_router=read_router,
        as_of_resolver=as_of_resolver,
        command_handler=CommandHandler(database, item_decider, after_append),
        bulk_importer=BulkImporter(import_database, item_decider, after_import),
        upload_slots=UploadSlots(settings.import_limit_mib * MIB),
        documents=Documents(
            read_router,
            Items,
            on_rebuilt=partial(metrics.observe_replay, "item"),
            on_time_travel=partial(metrics.observe_replay, "time_travel"),
        ),
        owners=RollupDocuments(read_router, Owners),
        event_counter=EventCounter(read_router, as_of_resolver),
        mark_watcher=mark_watcher,
        projector=projector,
        projection_admin=ProjectionAdmin(
            sessions, database, PROJECTIONS, metrics.observe_replay, projector.wake, release
        ),
        lag_history=LagHistory(database),
    )


@asynccontextmanager
async def _running(services: Services, tracing: "Tracing | None") -> AsyncIterator[None]:
    """Keep connections open and run the background work while the application runs."""
    async with AsyncExitStack() as stack:
        if tracing:
            await stack.enter_async_context(tracing)
        await stack.enter_async_context(services.database)
        if services.import_database is not services.database:
            await stack.enter_async_context(services.import_database)
        if services.replica:
            await stack.enter_async_context(services.replica)
            await stack.enter_async_context(run_in_background(services.replica.run()))
        await stack.enter_async_context(run_in_background(services.mark_watcher.run()))
        await stack.enter_async_context(run_in_background(services.lag_history.run()))
        if services.authenticator and services.authenticator.public_keys:
            await stack.enter_async_context(run_in_background(services.authenticator.public_keys.run()))
        if services.settings.projector == "embedded":
            await stack.enter_async_context(run_in_background(services.projector.run()))
        await stack.enter_async_context(services.projection_admin)
        yield


def _replica_of(settings: Settings, primary: Database, cursor: type[AsyncCursor[Any]]) -> Replica | None:
    """Raises SetupError for an invalid conninfo. The message does not quote it, because it may hold a password."""
    if settings.database_replica_url is None:
        return None
    try:
        return Replica(settings.database_replica_url, settings.pool, settings.replica_lag_seconds, primary, cursor)
    except psycopg.ProgrammingError:
        raise SetupError("DATABASE_REPLICA_URL is neither a libpq URL nor a conninfo") from None


@asynccontextmanager
async def run_in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` as a task, and cancel it when the context ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await cancel_and_wait(task)
