"""Many items in one request, all or none."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from app.concurrency import end
from app.domain.events import Event
from app.domain.item import Command, CreateItem, Item
from app.engine.store.bulk_append import Imported, Importer
from app.engine.store.mark_watcher import Feed
from app.errors import CatalogError, Unavailable
from app.http.auth.actor import Actor
from app.http.auth.guards import BEARER, DEMO_USER, acting, signed_in
from app.http.wire.conditional_requests import IfMatch, UnlessMatch, conditions_of
from app.http.wire.openapi_schemas import GivenSchema, json_schema
from app.http.wire.problem_details import refuses
from app.http.wire.request_bodies import media_type_of
from app.http.wire.request_headers import REPLAYED, IdempotencyKey, UserId, metadata_of, once_of
from app.http.wire.responses import encoded
from app.http.wire.upload_slots import Slots, chunks
from app.parsing.rows import Elements, Lines, Row, Rows
from app.parsing.strict_json import NotJson, as_utf8

T = TypeVar("T")

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
        status_code=200,
        summary="Import many items",
        operation_class=Importing,
        responses=refuses(401, 403, 408, 412, 413, 415, 429),
    )
    async def import_items(
        self,
        request: Request[Any, Any, Any],
        importer: NamedDependency[ItemImporter],
        slots: NamedDependency[Slots],
        feed: NamedDependency[Feed],
        user_id: UserId = DEMO_USER,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Imported]:
        """All or none, and all at one instant: the first bad line (`line`, from 1) or element of an array (`index`,
        from 0) refuses the request. Each item has the limits of one that is created alone."""
        conditions = conditions_of(if_match, if_none_match)
        actor = acting(request, user_id)
        rows = rows_of(media_type_of(request.headers))
        body = sha256()
        with slots.slot(actor.subject) as slot, importer.arrivals(slot.write) as arrivals:
            async for chunk in _utf8(chunks(request.stream())):
                body.update(chunk)
                for row in rows.feed(chunk):
                    arrivals.add(_item_of(row, actor))
            for row in rows.end():
                arrivals.add(_item_of(row, actor))
            once = once_of(request, actor, idempotency_key, body.digest())
            storing = importer.store(arrivals, metadata_of(request, actor), once, conditions)
            imported, replayed = await _while_somebody_waits(storing, request, feed.stopping)
        return encoded(imported, {"X-Position": str(imported.last_position)} | (REPLAYED if replayed else {}))


def _item_of(row: Row, actor: Actor) -> CreateItem:
    """Raises what `Row.decode` does, and NotYours, with the number."""
    item = row.decode(CreateItem)
    try:
        actor.check_is_theirs(item.owner_id)
    except CatalogError as error:
        raise row.refused(error) from None
    return item


def rows_of(media_type: str) -> Rows:
    """How a body of this media type is taken apart. Raises NotJson for one that holds no items."""
    if media_type not in ROWS:
        raise NotJson(f"Send the items as {NDJSON[0]} or application/json, not as {media_type}.")
    return ROWS[media_type]()


async def _utf8(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Raises what `as_utf8` does of the first piece, which is the whole body or long."""
    is_first = True
    async for piece in body:
        yield as_utf8(piece) if is_first else piece
        is_first = False


async def _while_somebody_waits(
    storing: Coroutine[Any, Any, T], request: Request[Any, Any, Any], stopping: asyncio.Event
) -> T:
    """What comes of it; called off, so that nothing is stored, once the client has gone or the service is to stop.

    Raises Unavailable then. A client that has given up will try again, and must not find twice what it sent.
    """
    work = asyncio.create_task(storing)
    reasons = [asyncio.create_task(_gone(request)), asyncio.create_task(stopping.wait())]
    try:
        await asyncio.wait([work, *reasons], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await end(work)
        if work.cancelled():
            raise Unavailable("The import was called off; nothing was stored.")
        return work.result()
    finally:
        for task in (work, *reasons):
            await end(task)


async def _gone(request: Request[Any, Any, Any]) -> None:
    """Returns when the client has hung up, whose whole body is here."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
