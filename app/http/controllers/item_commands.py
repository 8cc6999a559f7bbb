"""Handles commands on items: each handler turns a request into a command, and its outcome into a response."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from app.domain.events import Status
from app.domain.item import ChangeStatus, Command, CreateItem, DeleteItem, ItemState, RestoreItem, UpdateItem
from app.domain.item import Reason as ReasonText
from app.engine.store.command_handler import Outcome
from app.http.auth.guards import BEARER, require_token
from app.http.services import Services
from app.http.wire.command_context import CommandContext
from app.http.wire.links import public_url_of
from app.http.wire.parameter_groups import grouped
from app.http.wire.problem_details import error_responses
from app.http.wire.request_bodies import StrictJsonDTO
from app.http.wire.request_headers import REPLAYED_HEADER
from app.http.wire.responses import ItemDocument, etag_header, json_response, keep_private, struct_response
from app.http.wire.text_parameters import text_parameter
from app.http.wire.version_or_instant import item_at, require_own_item
from app.parsing.instants import parse_instant
from app.parsing.strict_json import FieldProblem, invalid_input

NewStatus = Annotated[Status | None, QueryParameter(description="The new status, unless a JSON body has it.")]
ReasonParameter = Annotated[str | None, text_parameter("The reason, which the event records.", 1000)]


class StatusChanged(Struct, frozen=True, kw_only=True):
    """The response to a status change."""

    message: str
    item_id: int
    new_status: Status
    version: int


class GivenStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A status change as a JSON body; a missing field is taken from the query parameters."""

    new_status: Status | UnsetType = UNSET
    reason: ReasonText | UnsetType | None = UNSET


class RestorePoint(Struct, frozen=True, kw_only=True):
    """The state that an item returns to: `version` or `as_of`, not both."""

    version: Annotated[int | None, QueryParameter(description="Restore this version. Excludes `as_of`.")] = None
    as_of: Annotated[
        str | None, QueryParameter(description="Restore the state at this instant (RFC 3339). Excludes `version`.")
    ] = None

    def parse(self) -> int | datetime:
        """Raises InvalidInput unless exactly one is given, Malformed for an unreadable instant."""
        if self.version is not None and self.as_of is None:
            return self.version
        if self.as_of is not None and self.version is None:
            return parse_instant(self.as_of)
        detail = "Give version or as_of." if self.version is None else "Give version or as_of, not both."
        raise invalid_input(
            [FieldProblem(pointer=f"/{name}", detail=detail, source="query") for name in ("version", "as_of")]
        )


CHANGE_ERRORS = error_responses(401, 403, 404, 409, 412)
BODY_ERRORS = error_responses(413, 415)


class CommandController(Controller):
    """Routes that append events."""

    tags = ("commands",)
    guards = (require_token,)
    after_request = staticmethod(keep_private)
    security = BEARER
    return_dto = None


class ItemCommands(CommandController):
    path = "/items"

    @post(dto=StrictJsonDTO[CreateItem], summary="Create an item", responses=error_responses(401, 403, 412, 413, 415))
    @grouped(context=CommandContext, without=("expected_version",))
    async def create(
        self, data: JSONBody[CreateItem], services: NamedDependency[Services], context: CommandContext
    ) -> Response[ItemDocument]:
        """A new item has no ETag yet: `If-Match` is answered with 412, and `If-None-Match` always holds."""
        conditions = context.parse_conditions()
        request, actor = context.request, context.actor
        actor.require_owner(data.owner_id)
        key = context.parse_idempotency_key(await request.body())
        outcome = await services.command_handler.handle(
            data, context.metadata, condition=conditions, idempotency_key=key
        )
        path = f"{request.scope['path'].rstrip('/')}/{outcome.stream_id}"
        location = public_url_of(request, services.settings, path)
        return _item_response(outcome, 201, {"Location": location})

    @put(
        "/{item_id:int}", dto=StrictJsonDTO[UpdateItem], summary="Update an item", responses=CHANGE_ERRORS | BODY_ERRORS
    )
    @grouped(context=CommandContext)
    async def update(
        self,
        item_id: FromPath[int],
        data: JSONBody[UpdateItem],
        services: NamedDependency[Services],
        context: CommandContext,
    ) -> Response[ItemDocument]:
        """Records only the fields that differ. If none differs, no event is appended."""
        return _item_response(await _handle_change(services, item_id, data, context))

    @patch(
        "/{item_id:int}/status",
        dto=StrictJsonDTO[GivenStatus],
        summary="Change an item's status",
        responses=CHANGE_ERRORS | BODY_ERRORS,
    )
    @grouped(context=CommandContext)
    async def change_status(
        self,
        item_id: FromPath[int],
        services: NamedDependency[Services],
        data: JSONBody[GivenStatus | None] = None,
        new_status: NewStatus = None,
        reason: ReasonParameter = None,
        *,
        context: CommandContext,
    ) -> Response[StatusChanged]:
        """Takes the new status and the reason from the JSON body, else from the query parameters."""
        command = _status_command(data or GivenStatus(), new_status, reason)
        outcome = await _handle_change(services, item_id, command, context)
        answer = StatusChanged(
            message=f"Item {item_id} status changed to {command.new_status}",
            item_id=item_id,
            new_status=command.new_status,
            version=outcome.version,
        )
        return struct_response(answer, _outcome_headers(outcome))

    @delete(
        "/{item_id:int}",
        status_code=204,
        summary="Delete an item",
        responses={204: ResponseSpec(None, False, "The item is deleted"), **CHANGE_ERRORS},
    )
    @grouped(context=CommandContext)
    async def delete_item(
        self,
        item_id: FromPath[int],
        services: NamedDependency[Services],
        reason: ReasonParameter = None,
        *,
        context: CommandContext,
    ) -> Response[None]:
        """Archives the item and sets `deleted_at`; it stays readable. Deleting it again changes nothing."""
        outcome = await _handle_change(services, item_id, DeleteItem(reason=reason), context)
        return Response(None, status_code=204, headers=_outcome_headers(outcome))

    @post("/{item_id:int}/restore", status_code=200, summary="Restore an item", responses=CHANGE_ERRORS)
    @grouped(point=RestorePoint, context=CommandContext)
    async def restore(
        self, item_id: FromPath[int], services: NamedDependency[Services], point: RestorePoint, context: CommandContext
    ) -> Response[ItemDocument]:
        """Returns the item to an earlier state by new events, also after a deletion. Records only what differs."""
        context.parse_conditions()  # unreadable conditions are refused before anything is read
        version_or_instant = point.parse()
        await require_own_item(services.documents, item_id, context.actor)
        if isinstance(version_or_instant, datetime):
            await services.as_of_resolver.check_not_in_future(version_or_instant)
        earlier = await item_at(services.documents, item_id, version_or_instant)
        command = RestoreItem(to=msgspec.json.decode(earlier.json, type=ItemState))
        return _item_response(await _handle_change(services, item_id, command, context))


async def _handle_change(services: Services, item_id: int, command: Command, context: CommandContext) -> Outcome:
    """Handle a command on an item. The owner is checked against the state on which the command is decided."""
    conditions, actor = context.parse_conditions(), context.actor
    return await services.command_handler.handle(
        command,
        context.metadata,
        item_id,
        conditions,
        permit=lambda item: actor.require_owner(item.owner_id),
        idempotency_key=context.parse_idempotency_key(await context.request.body()),
    )


def _status_command(body: GivenStatus, new_status: Status | None, reason: str | None) -> ChangeStatus:
    status = new_status if body.new_status is UNSET else body.new_status
    if status is None:
        raise invalid_input([FieldProblem(pointer="/new_status", detail="This field is required.")])
    return ChangeStatus(new_status=status, reason=reason if body.reason is UNSET else body.reason)


def _item_response(
    outcome: Outcome, status: int = 200, headers: dict[str, str] | None = None
) -> Response[ItemDocument]:
    assert outcome.document is not None, "every event leaves the item a document"
    return json_response(outcome.document, status, _outcome_headers(outcome) | (headers or {}))


def _outcome_headers(outcome: Outcome) -> dict[str, str]:
    """The headers ETag, X-Position (for `min_position`), and Idempotent-Replayed for an outcome stored earlier."""
    position = {} if outcome.position is None else {"X-Position": str(outcome.position)}
    return etag_header(outcome.version) | position | (REPLAYED_HEADER if outcome.replayed else {})
