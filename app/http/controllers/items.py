"""Answers queries, now and as of any instant: an item, listings, an owner's items, statistics."""

from collections import Counter
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from app.constraints import MIB
from app.domain.item import ItemNotFound
from app.engine.queries.listing import Listing
from app.errors import TooExpensive
from app.http.services import Services
from app.http.wire.conditional_requests import NOT_MODIFIED, ReadContext
from app.http.wire.listing_parameters import ListingParameters, OwnerId, StatusFilter, listing_response
from app.http.wire.memento import memento_uris, original_headers
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import ItemDocument, etag_header, json_response, struct_response
from app.http.wire.time_parameters import TimeParameters
from app.http.wire.version_or_instant import item_at

SHELF_ITEMS_MAX = 10_000
"""A response with so many items has about five megabytes."""
SHELF_MIB_MAX = 16
"""The largest items are a hundred times the usual size, and a response stays in memory while its client reads it."""


class Stats(Struct, frozen=True, kw_only=True):
    """The number of items, including deleted ones (archived)."""

    total_items: int
    active_items: int
    swapped_items: int
    archived_items: int
    by_category: dict[str, int]


class ItemQueries(Controller):
    path = "/items"
    tags = ("queries",)

    @get("/{item_id:int}", summary="An item", responses=NOT_MODIFIED | error_responses(404, 409, 412))
    @grouped(time=TimeParameters, context=ReadContext)
    async def item(
        self, item_id: FromPath[int], services: NamedDependency[Services], time: TimeParameters, context: ReadContext
    ) -> Response[ItemDocument]:
        """`Link` has the addresses of the item's past versions (RFC 7089)."""
        documents = services.documents
        point = await services.as_of_resolver.resolve(time.as_of, time.min_position)
        found = await (item_at(documents, item_id, point.instant) if point.instant else documents.get(item_id))
        if found is None:
            raise ItemNotFound("There is no such item.")
        uris = memento_uris(context.request, services.settings, item_id)
        headers = etag_header(found.version) | point.headers | original_headers(uris)
        return context.respond(json_response(found.json, headers=headers))

    @get(summary="Items, filtered and sorted", responses=error_responses(409))
    @grouped(parameters=ListingParameters)
    async def items(
        self, request: Request[Any, Any, Any], services: NamedDependency[Services], parameters: ListingParameters
    ) -> Response[list[ItemDocument]]:
        """`Link: rel="next"` leads to the next page, as of the instant of the first one."""
        return await listing_response(
            parameters, request, services.documents, services.as_of_resolver, services.settings
        )

    @get("/owner/{owner_id:str}", summary="An owner's items, newest first", responses=error_responses(409))
    @grouped(time=TimeParameters)
    async def shelf(
        self,
        services: NamedDependency[Services],
        owner_id: OwnerId,
        status: StatusFilter = "any",
        *,
        time: TimeParameters,
    ) -> Response[list[ItemDocument]]:
        point = await services.as_of_resolver.resolve(time.as_of, time.min_position)
        equal = {"owner_id": owner_id} if status == "any" else {"owner_id": owner_id, "status": status}
        shelf = Listing(order="created_at", equal=equal, as_of=point.instant, limit=SHELF_ITEMS_MAX)
        found = await services.documents.list_all(shelf, SHELF_MIB_MAX * MIB)
        if found is None:
            most = f"{SHELF_ITEMS_MAX:,} items or {SHELF_MIB_MAX} MiB"
            instead = "Request pages of GET /items?owner_id= instead."
            raise TooExpensive("owner_id", f"This owner has more than {most}. {instead}", source="path")
        return json_response(found, headers=point.headers)


class StatsQueries(Controller):
    path = "/stats"
    tags = ("queries",)

    @get(summary="Item counts by status and category", responses=error_responses(409))
    @grouped(time=TimeParameters)
    async def stats(self, services: NamedDependency[Services], *, time: TimeParameters) -> Response[Stats]:
        point = await services.as_of_resolver.resolve(time.as_of, time.min_position)
        by_status: Counter[str] = Counter()
        by_category: Counter[str] = Counter()
        for category, status, count in await services.documents.count_by("category", "status", as_of=point.instant):
            by_status[status] += count
            by_category[category] += count
        stats = Stats(
            total_items=by_status.total(),
            active_items=by_status["active"],
            swapped_items=by_status["swapped"],
            archived_items=by_status["archived"],
            by_category=dict(by_category.most_common()),
        )
        return struct_response(stats, point.headers)
