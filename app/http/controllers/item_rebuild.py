"""Rebuilds the stored document of one item from its events."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Raw, Struct

from app.domain.item import ItemNotFound
from app.http.auth.guards import BEARER, require_admin
from app.http.services import Services
from app.http.wire.command_context import CommandContext
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.responses import etag_header, keep_private, struct_response
from app.wording import count

NO_COMMAND = ("user_id", "expected_version", "idempotency_key")
"""The parameters that a rebuild does not take, because it appends no event."""


class ItemRebuilt(Struct, frozen=True, kw_only=True):
    """The result of rebuilding one document."""

    message: str
    item_id: int
    item: Raw
    changed: bool
    """Whether the stored document differed from the fold of the log."""


class ItemRebuild(Controller):
    path = "/items/{item_id:int}/rebuild"
    tags = ("time",)

    @post(
        status_code=200,
        guards=[require_admin],
        after_request=keep_private,
        summary="Rebuild the stored document",
        security=BEARER,
        responses=error_responses(401, 403, 404, 412),
    )
    @grouped(context=CommandContext, without=NO_COMMAND)
    async def rebuild(
        self, item_id: FromPath[int], services: NamedDependency[Services], context: CommandContext
    ) -> Response[ItemRebuilt]:
        """Folds the item's events again and replaces its document. Reads still find the item; commands on it wait."""
        conditions = context.parse_conditions()
        rebuilt = await services.documents.rebuild(item_id, conditions.check if conditions else None)
        if rebuilt is None:
            raise ItemNotFound("There is no such item.")
        answer = ItemRebuilt(
            message=f"Item {item_id} rebuilt from {count(rebuilt.version, 'event')}",
            item_id=item_id,
            item=Raw(rebuilt.json),
            changed=rebuilt.changed,
        )
        return struct_response(answer, etag_header(rebuilt.version))
