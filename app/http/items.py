"""Queries of the present: an item, listings, an owner's shelf, the statistics."""

from collections import Counter
from typing import Annotated, Any, Literal

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter, QueryParameter
from msgspec import Struct

from app.documents import Documents
from app.http.answers import ItemDocument, encoded, etag, is_unchanged, json_answer
from app.http.memento import of_the_original, past_of
from app.http.problems import refuses
from app.http.requests import LARGEST_ID, IfNoneMatch
from app.item import NO_CONTROL_CHARACTERS, ItemNotFound
from app.settings import Settings

LONGEST_SEARCH = 200

AnyStatus = Literal["active", "archived", "swapped", "any"]
StatusFilter = Annotated[AnyStatus, QueryParameter(description="`any` lifts the filter.")]
Search = Annotated[
    str | None,
    QueryParameter(
        max_length=LONGEST_SEARCH,
        pattern=NO_CONTROL_CHARACTERS,
        description="Words in name and description: each begins a word there or has its stem. Every character is text.",
    ),
]
Exactly = Annotated[
    str | None,
    QueryParameter(max_length=100, pattern=NO_CONTROL_CHARACTERS, description="Exactly this; an empty one is any."),
]
OwnerId = Annotated[str, PathParameter(max_length=100, pattern=NO_CONTROL_CHARACTERS)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=LARGEST_ID)]


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

    @get("/{item_id:int}", summary="An item", responses=refuses(404))
    async def item(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        documents: NamedDependency[Documents],
        settings: NamedDependency[Settings],
        if_none_match: IfNoneMatch = None,
    ) -> Response[ItemDocument]:
        """`Link` has the addresses of its past (RFC 7089)."""
        found = await documents.get(item_id)
        if found is None:
            raise ItemNotFound("There is no such item.")
        tag = etag(found.version)
        if is_unchanged(if_none_match, found.version):
            return json_answer(b"", 304, tag)
        return json_answer(found.json, headers=tag | of_the_original(past_of(request, settings, item_id)))

    @get(summary="Items, newest first", responses=refuses())
    async def items(
        self,
        documents: NamedDependency[Documents],
        search: Search = None,
        category: Exactly = None,
        owner_id: Exactly = None,
        status: StatusFilter = "active",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response[list[ItemDocument]]:
        equal = {"category": category, "owner_id": owner_id, "status": None if status == "any" else status}
        given = {field: value for field, value in equal.items() if value}
        return json_answer(await documents.find(given, "created_at", search or "", limit, offset))

    @get("/owner/{owner_id:str}", summary="An owner's shelf, newest first", responses=refuses())
    async def shelf(
        self,
        documents: NamedDependency[Documents],
        owner_id: OwnerId,
        status: StatusFilter = "any",
    ) -> Response[list[ItemDocument]]:
        equal = {"owner_id": owner_id} if status == "any" else {"owner_id": owner_id, "status": status}
        return json_answer(await documents.find(equal, "created_at", limit=LARGEST_ID))


class StatsQueries(Controller):
    path = "/stats"
    tags = ("queries",)

    @get(summary="How many items there are", responses=refuses())
    async def stats(self, documents: NamedDependency[Documents]) -> Response[Stats]:
        by_status: Counter[str] = Counter()
        by_category: Counter[str] = Counter()
        for category, status, count in await documents.count_by("category", "status"):
            by_status[status] += count
            by_category[category] += count
        return encoded(
            Stats(
                total_items=by_status.total(),
                active_items=by_status["active"],
                swapped_items=by_status["swapped"],
                archived_items=by_status["archived"],
                by_category=dict(by_category.most_common()),
            )
        )
