"""Many items in one request, all or none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from app.actors import Actor
from app.errors import CatalogError, Malformed
from app.events import Event
from app.http.actors import BEARER, DEMO_USER, acting, signed_in
from app.http.answers import encoded
from app.http.bodies import NotJson
from app.http.problems import refuses
from app.http.requests import REPLAYED, IdempotencyKey, UserId, metadata_of, once_of
from app.http.rows import Elements, Lines, Row, Rows
from app.http.system import GivenSchema, json_schema
from app.importing import Imported, Importer
from app.item import Command, CreateItem, Item

ItemImporter = Importer[Command, Item, Event]

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ROWS: dict[str, type[Rows]] = {**dict.fromkeys(NDJSON, Lines), "application/json": Elements}


@dataclass
class Importing(Operation):
    """The body is read as it arrives, so that Litestar, which reads bodies whole, does not know of it."""

    def __post_init__(self) -> None:
        item = GivenSchema(json_schema(CreateItem))
        lines = Schema(
            type=OpenAPIType.STRING, description="An item in JSON on each line; blank lines are passed over."
        )
        content = {name: OpenAPIMediaType(schema=lines) for name in NDJSON}
        content["application/json"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.ARRAY, items=item))
        self.request_body = RequestBody(content=content, required=True)


class ItemImport(Controller):
    path = "/items/import"
    tags = ("commands",)
    guards = (signed_in,)
    security = BEARER

    @post(
        status_code=200, summary="Import many items", operation_class=Importing, responses=refuses(401, 403, 413, 415)
    )
    async def import_items(
        self,
        request: Request[Any, Any, Any],
        importer: NamedDependency[ItemImporter],
        user_id: UserId = DEMO_USER,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Imported]:
        """All or none, and all at one instant: the first bad line (`line`, from 1) or element of an array (`index`,
        from 0) refuses the request. Each item has the limits of one that is created alone."""
        actor = acting(request, user_id)
        rows = rows_of(request.headers.get("Content-Type"))
        body = sha256()
        with importer.arrivals() as arrivals:
            async for chunk in _chunks(request):
                body.update(chunk)
                for row in rows.feed(chunk):
                    arrivals.add(_item_of(row, actor))
            for row in rows.end():
                arrivals.add(_item_of(row, actor))
            once = once_of(request, actor, idempotency_key, body.digest())
            imported, replayed = await importer.store(arrivals, metadata_of(request, actor), once)
        return encoded(imported, {"X-Position": str(imported.last_position)} | (REPLAYED if replayed else {}))


def _item_of(row: Row, actor: Actor) -> CreateItem:
    """Raises what `Row.decode` does, and NotYours, with the number."""
    item = row.decode(CreateItem)
    try:
        actor.check_is_theirs(item.owner_id)
    except CatalogError as error:
        raise row.refused(error) from None
    return item


def rows_of(content_type: str | None) -> Rows:
    """How a body of this media type is taken apart. Raises NotJson for one that holds no items."""
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type not in ROWS:
        raise NotJson(f"Send the items as {NDJSON[0]} or application/json, not as {media_type}.")
    return ROWS[media_type]()


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Raises Malformed if the client goes away before the end; nobody reads it, and it is no fault of ours."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:
        raise Malformed("The body ended before its end.") from error
