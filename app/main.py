"""The composition root: the only module that knows both the service and its read models."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, cast

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ASGIApp, Receive, Scope, Send

from app.database import Database, schema_file
from app.document_sql import compile_projections
from app.documents import Documents
from app.events import Event
from app.handler import CommandHandler, Decider
from app.http.commands import ItemCommands
from app.http.history import ItemHistory
from app.http.items import ItemQueries, StatsQueries
from app.http.problems import EXCEPTION_HANDLERS
from app.http.requests import check_request
from app.http.system import HealthChecks, StructSchemas, openapi_config, page_file, to_the_page
from app.item import Command, Item, decide
from app.settings import Settings
from projections.items import Item as ItemDocument
from projections.items import Items

PROJECTIONS = (Items,)
LARGEST_BODY_BYTES = 64 * 1024

item_decider: Decider[Command, Item, Event] = Decider(decide=decide, state=Item, projection=Items)


def schema_sql() -> str:
    """Everything that `catalog migrate` installs: the event store, then each projection compiled."""
    return f"{schema_file()}\n{compile_projections(PROJECTIONS)}"


def create_app(conninfo: str, settings: Settings) -> ASGIApp:
    """The service over the database at `conninfo`, which must hold `schema_sql()`."""
    database = Database(conninfo, settings)
    handler = CommandHandler(database, item_decider)
    documents = Documents(database, Items)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with database:
            yield

    api = Router(
        path="/api/v2",
        route_handlers=[ItemCommands, ItemQueries, ItemHistory, StatsQueries],
        before_request=check_request,
    )
    return answering_head(
        Litestar(
            route_handlers=[api, to_the_page, HealthChecks, page_file],
            dependencies={
                "handler": _always(handler),
                "documents": _always(documents),
                "database": _always(database),
                "settings": _always(settings),
            },
            exception_handlers=EXCEPTION_HANDLERS,
            plugins=[StructSchemas(ItemDocument)],
            openapi_config=openapi_config(version("swappo-catalog")),
            lifespan=[lifespan],
            logging_config=None,
            request_max_body_size=LARGEST_BODY_BYTES,
        )
    )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def answering_head(app: ASGIApp) -> ASGIApp:
    """HEAD as GET; the server keeps the body back, since it knows what the client asked."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = cast(Scope, {**scope, "method": "GET"})
        await app(scope, receive, send)

    return answer
