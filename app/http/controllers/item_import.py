"""Imports many items in one request, all or none."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from app.concurrency import cancel_and_wait
from app.domain.item import CreateItem
from app.engine.store.bulk_append import Imported
from app.errors import CatalogError, Unavailable
from app.http.auth.actor import Actor
from app.http.controllers.item_commands import CommandController
from app.http.services import Services
from app.http.wire.command_context import CommandContext
from app.http.wire.openapi_schemas import ReadySchema, json_schema
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.request_bodies import media_type_of
from app.http.wire.request_headers import REPLAYED_HEADER
from app.http.wire.responses import struct_response
from app.http.wire.upload_slots import read_chunks
from app.parsing.rows import NDJSON, JsonArrayParser, NdjsonParser, Row, RowParser
from app.parsing.strict_json import NotJson, as_utf8

T = TypeVar("T")

NDJSON_MEDIA_TYPES = (NDJSON, "application/ndjson", "application/jsonl")
ROW_PARSERS: dict[str, type[RowParser]] = {
    **dict.fromkeys(NDJSON_MEDIA_TYPES, NdjsonParser),
    "application/json": JsonArrayParser,
}


@dataclass
class ImportOperation(Operation):
    """Describes the body: the handler reads it as it arrives, so Litestar cannot derive its description."""

    def __post_init__(self) -> None:
        item = ReadySchema(json_schema(CreateItem))
        lines = Schema(type=OpenAPIType.STRING, description="One item in JSON on each line; blank lines are ignored.")
        content = {name: OpenAPIMediaType(schema=lines) for name in NDJSON_MEDIA_TYPES}
        content["application/json"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.ARRAY, items=item))
        self.request_body = RequestBody(content=content, required=True)


class ItemImport(CommandController):
    path = "/items/import"

    @post(
        status_code=200,
        summary="Import many items",
        operation_class=ImportOperation,
        responses=error_responses(401, 403, 408, 412, 413, 415, 429),
    )
    @grouped(context=CommandContext, without=("expected_version",))
    async def import_items(self, services: NamedDependency[Services], context: CommandContext) -> Response[Imported]:
        """Stores all items at one instant, or none. Each item has the same limits as in a single creation.

        The problem names the first invalid line (`line`, from 1) or array element (`index`, from 0).
        """
        conditions, request, actor = context.parse_conditions(), context.request, context.actor
        importer = services.bulk_importer
        rows = row_parser_for(media_type_of(request.headers))
        body = sha256()
        with services.upload_slots.acquire(actor.subject) as slot, importer.stage(slot.write) as staged:
            async for chunk in _utf8(read_chunks(request.stream())):
                body.update(chunk)
                for row in rows.feed(chunk):
                    staged.add(_item_of(row, actor))
            for row in rows.end():
                staged.add(_item_of(row, actor))
            key = context.parse_idempotency_key(body.digest())
            storing = importer.store(staged, context.metadata, key, conditions)
            imported, replayed = await _cancel_on_disconnect(storing, request, services.mark_watcher.stopping)
        return struct_response(
            imported, {"X-Position": str(imported.last_position)} | (REPLAYED_HEADER if replayed else {})
        )


def _item_of(row: Row, actor: Actor) -> CreateItem:
    """Raises NotYours with the row's number, and the errors of `Row.decode`."""
    item = row.decode(CreateItem)
    try:
        actor.require_owner(item.owner_id)
    except CatalogError as error:
        raise row.refused(error) from None
    return item


def row_parser_for(media_type: str) -> RowParser:
    """The parser for bodies of this media type. Raises NotJson for any other media type."""
    if media_type not in ROW_PARSERS:
        raise NotJson(f"Send the items as {NDJSON} or application/json, not as {media_type}.")
    return ROW_PARSERS[media_type]()


async def _utf8(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Check the first piece, which is long or the whole body. Raises the errors of `as_utf8`."""
    is_first = True
    async for piece in body:
        yield as_utf8(piece) if is_first else piece
        is_first = False


async def _cancel_on_disconnect(
    storing: Coroutine[Any, Any, T], request: Request[Any, Any, Any], stopping: asyncio.Event
) -> T:
    """Return the result of `storing`, or cancel it when the client disconnects or the service stops.

    A client that disconnected will try again, and its items must not be stored twice. Raises Unavailable if cancelled:
    nothing is stored then.
    """
    work = asyncio.create_task(storing)
    reasons = [asyncio.create_task(_wait_for_disconnect(request)), asyncio.create_task(stopping.wait())]
    try:
        await asyncio.wait([work, *reasons], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await cancel_and_wait(work)
        if work.cancelled():
            raise Unavailable("The import was cancelled; nothing was stored. Try again.")
        return work.result()
    finally:
        for task in (work, *reasons):
            await cancel_and_wait(task)


async def _wait_for_disconnect(request: Request[Any, Any, Any]) -> None:
    """Return when the client disconnects. Its whole body has been received before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
