"""Queries, now and as of any instant: an item, listings, an owner's shelf, the statistics."""

from collections import Counter
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from app.domain.item import ItemNotFound
from app.engine.queries.documents import Documents
from app.engine.queries.listing import Listing
from app.errors import TooExpensive
from app.http.wire.conditional_requests import UNCHANGED, IfMatch, IfNoneMatch, conditional
from app.http.wire.listing_parameters import (
    Asked,
    CursorText,
    Exactly,
    Limit,
    NearPlace,
    Offset,
    OwnerId,
    SearchText,
    SortOrder,
    StatusFilter,
    WithinKm,
    answer_listing,
)
from app.http.wire.memento import of_the_original, past_of
from app.http.wire.problem_details import refuses
from app.http.wire.responses import ItemDocument, encoded, etag, json_answer
from app.http.wire.time_parameters import AsOf, MinPosition, Past
from app.http.wire.version_or_instant import item_at
from app.settings import Settings

MOST_ON_A_SHELF = 10_000
"""An answer of so many items has some five megabytes."""
MIB = 1024 * 1024
LARGEST_SHELF_MIB = 16
"""The largest items are a hundred times as large as others. An answer is held in memory while its client reads it."""


class Stats(Struct, frozen=True, kw_only=True):
    """How many items there are, deleted ones (archived) included."""

    total_items: int
    active_items: int
    swapped_items: int
    archived_items: int
    by_category: dict[str, int]


class ItemQueries(Controller):
    path = "/items"
    tags = ("queries",)

    @get("/{item_id:int}", summary="An item", responses=UNCHANGED | refuses(404, 409, 412))
    async def item(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        documents: NamedDependency[Documents],
        past: NamedDependency[Past],
        settings: NamedDependency[Settings],
        as_of: AsOf = None,
        min_position: MinPosition = None,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response[ItemDocument]:
        """`Link` has the addresses of its past (RFC 7089)."""
        point = await past.at(as_of, min_position)
        found = await (item_at(documents, item_id, point.instant) if point.instant else documents.get(item_id))
        if found is None:
            raise ItemNotFound("There is no such item.")
        headers = etag(found.version) | point.headers | of_the_original(past_of(request, settings, item_id))
        return conditional(json_answer(found.json, headers=headers), if_match, if_none_match)

    @get(summary="Items, newest first", responses=refuses(409))
    async def items(
        self,
        request: Request[Any, Any, Any],
        documents: NamedDependency[Documents],
        past: NamedDependency[Past],
        settings: NamedDependency[Settings],
        search: SearchText = None,
        category: Exactly = None,
        owner_id: Exactly = None,
        status: StatusFilter = "active",
        near: NearPlace = None,
        within_km: WithinKm = None,
        sort: SortOrder = "newest",
        limit: Limit = 100,
        cursor: CursorText = None,
        offset: Offset = 0,
        as_of: AsOf = None,
        min_position: MinPosition = None,
    ) -> Response[list[ItemDocument]]:
        """`Link: rel="next"` leads to the next page, as of the instant of the first one."""
        asked = Asked(
            search=search,
            category=category,
            owner_id=owner_id,
            status=status,
            near=near,
            within_km=within_km,
            sort=sort,
            limit=limit,
            cursor=cursor,
            offset=offset,
            as_of=as_of,
            min_position=min_position,
        )
        return await answer_listing(asked, request, documents, past, settings)

    @get("/owner/{owner_id:str}", summary="An owner's shelf, newest first", responses=refuses(409))
    async def shelf(
        self,
        documents: NamedDependency[Documents],
        past: NamedDependency[Past],
        owner_id: OwnerId,
        status: StatusFilter = "any",
        as_of: AsOf = None,
        min_position: MinPosition = None,
    ) -> Response[list[ItemDocument]]:
        point = await past.at(as_of, min_position)
        equal = {"owner_id": owner_id} if status == "any" else {"owner_id": owner_id, "status": status}
        shelf = Listing(order="created_at", equal=equal, as_of=point.instant, limit=MOST_ON_A_SHELF)
        found = await documents.find_all(shelf, LARGEST_SHELF_MIB * MIB)
        if found is None:
            most = f"{MOST_ON_A_SHELF:,} items, or than {LARGEST_SHELF_MIB} MiB"
            instead = "Ask for pages of GET /items?owner_id= instead."
            raise TooExpensive("owner_id", f"This is more than {most}. {instead}", source="path")
        return json_answer(found, headers=point.headers)


class StatsQueries(Controller):
    path = "/stats"
    tags = ("queries",)

    @get(summary="How many items there are", responses=refuses(409))
    async def stats(
        self,
        documents: NamedDependency[Documents],
        past: NamedDependency[Past],
        as_of: AsOf = None,
        min_position: MinPosition = None,
    ) -> Response[Stats]:
        point = await past.at(as_of, min_position)
        by_status: Counter[str] = Counter()
        by_category: Counter[str] = Counter()
        for category, status, count in await documents.count_by("category", "status", as_of=point.instant):
            by_status[status] += count
            by_category[category] += count
        stats = Stats(
            total_items=by_status.total(),
            active_items=by_status["active"],
            swapped_items=by_status["swapped"],
            archived_items=by_status["archived"],
            by_category=dict(by_category.most_common()),
        )
        return encoded(stats, point.headers)
