"""Commands on items: each handler turns a request into a command and the outcome into an answer."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from app.constraints import NO_CONTROL_CHARACTERS
from app.domain.events import Event, Status
from app.domain.item import ChangeStatus, Command, CreateItem, DeleteItem, ItemState, RestoreItem, UpdateItem
from app.domain.item import Reason as ReasonText
from app.engine.queries.documents import Documents
from app.engine.store.command_handler import CommandHandler, Outcome
from app.http.auth.guards import BEARER, DEMO_USER, current_actor, require_token
from app.http.wire.conditional_requests import (
    Conditions,
    ExpectedVersion,
    IfMatch,
    IfNoneMatchOnCommand,
    parse_conditions,
)
from app.http.wire.links import public_url_of
from app.http.wire.problem_details import error_responses
from app.http.wire.request_bodies import StrictJsonDTO
from app.http.wire.request_headers import (
    REPLAYED_HEADER,
    IdempotencyKeyHeader,
    UserIdParameter,
    idempotency_of,
    metadata_of,
)
from app.http.wire.responses import ItemDocument, etag_header, json_response, struct_response
from app.http.wire.time_parameters import AsOfResolver
from app.http.wire.version_or_instant import item_at, require_own_item
from app.parsing.instants import parse_instant
from app.parsing.strict_json import FieldProblem, invalid_input
from app.settings import Settings

ItemCommandHandler = CommandHandler[Command, ItemState, Event]

NewStatus = Annotated[Status | None, QueryParameter(description="What the item becomes; or in a JSON body.")]
ReasonParameter = Annotated[
    str | None, QueryParameter(min_length=1, max_length=1000, pattern=NO_CONTROL_CHARACTERS, description="Why.")
]
RestoreVersion = Annotated[int | None, QueryParameter(description="The version it is to be like; or `as_of`.")]
RestoreInstant = Annotated[
    str | None, QueryParameter(description="It is to be as it was then, in RFC 3339; or `version`.")
]


class StatusChanged(Struct, frozen=True, kw_only=True):
    """The answer to a status change."""

    message: str
    item_id: int
    new_status: Status
    version: int


class GivenStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A status change as a body; what it leaves out may stand in the query."""

    new_status: Status | UnsetType = UNSET
    reason: ReasonText | UnsetType | None = UNSET


class ItemCommands(Controller):
    path = "/items"
    tags = ("commands",)
    guards = (require_token,)
    security = BEARER

    @post(
        dto=StrictJsonDTO[CreateItem],
        return_dto=None,
        summary="Create an item",
        responses=error_responses(401, 403, 412, 413, 415),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateItem],
        command_handler: NamedDependency[ItemCommandHandler],
        settings: NamedDependency[Settings],
        user_id: UserIdParameter = DEMO_USER,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatchOnCommand = None,
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[ItemDocument]:
        """There is no item yet that a condition could be about: `If-Match` is 412, `If-None-Match` holds."""
        conditions = parse_conditions(if_match, if_none_match)
        actor = current_actor(request, user_id)
        actor.require_owner(data.owner_id)
        once = idempotency_of(request, actor, idempotency_key, await request.body())
        outcome = await command_handler.handle(
            data, metadata_of(request, actor), condition=conditions, idempotency_key=once
        )
        path = f"{request.scope['path'].rstrip('/')}/{outcome.stream_id}"
        location = public_url_of(request, settings, path)
        return _item_response(outcome, 201, {"Location": location})

    @put(
        "/{item_id:int}",
        dto=StrictJsonDTO[UpdateItem],
        return_dto=None,
        summary="Update",
        responses=error_responses(401, 403, 404, 409, 412, 413, 415),
    )
    async def update(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        data: JSONBody[UpdateItem],
        command_handler: NamedDependency[ItemCommandHandler],
        user_id: UserIdParameter = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatchOnCommand = None,
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[ItemDocument]:
        """Only fields that differ are recorded; where nothing differs, nothing is."""
        conditions = parse_conditions(if_match, if_none_match, expected_version)
        return _item_response(
            await _handle_change(command_handler, data, request, user_id, item_id, conditions, idempotency_key)
        )

    @patch(
        "/{item_id:int}/status",
        dto=StrictJsonDTO[GivenStatus],
        return_dto=None,
        summary="Change the status",
        responses=error_responses(401, 403, 404, 409, 412, 413, 415),
    )
    async def change_status(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        command_handler: NamedDependency[ItemCommandHandler],
        data: JSONBody[GivenStatus | None] = None,
        new_status: NewStatus = None,
        reason: ReasonParameter = None,
        user_id: UserIdParameter = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatchOnCommand = None,
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[StatusChanged]:
        """The new status and the reason come as query parameters or as a JSON body, which goes first."""
        command = _status_command(data or GivenStatus(), new_status, reason)
        conditions = parse_conditions(if_match, if_none_match, expected_version)
        outcome = await _handle_change(command_handler, command, request, user_id, item_id, conditions, idempotency_key)
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
        summary="Delete",
        responses={204: ResponseSpec(None, False, "It is deleted"), **error_responses(401, 403, 404, 409, 412)},
    )
    async def delete_item(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        command_handler: NamedDependency[ItemCommandHandler],
        reason: ReasonParameter = None,
        user_id: UserIdParameter = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatchOnCommand = None,
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[None]:
        """The item stays readable, archived and with `deleted_at`. Deleting it again changes nothing."""
        command = DeleteItem(reason=reason)
        conditions = parse_conditions(if_match, if_none_match, expected_version)
        outcome = await _handle_change(command_handler, command, request, user_id, item_id, conditions, idempotency_key)
        return Response(None, status_code=204, headers=_outcome_headers(outcome))

    @post(
        "/{item_id:int}/restore", status_code=200, summary="Restore", responses=error_responses(401, 403, 404, 409, 412)
    )
    async def restore(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        command_handler: NamedDependency[ItemCommandHandler],
        documents: NamedDependency[Documents],
        as_of_resolver: NamedDependency[AsOfResolver],
        version: RestoreVersion = None,
        as_of: RestoreInstant = None,
        user_id: UserIdParameter = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatchOnCommand = None,
        idempotency_key: IdempotencyKeyHeader = None,
    ) -> Response[ItemDocument]:
        """Back to how it was, by new events; also from a deletion. Only what differs is recorded."""
        conditions = parse_conditions(if_match, if_none_match, expected_version)
        moment = _restore_point(version, as_of)
        await require_own_item(documents, item_id, current_actor(request, user_id))
        if isinstance(moment, datetime):
            await as_of_resolver.check_not_in_future(moment)
        then = await item_at(documents, item_id, moment)
        command = RestoreItem(to=msgspec.json.decode(then.json, type=ItemState))
        return _item_response(
            await _handle_change(command_handler, command, request, user_id, item_id, conditions, idempotency_key)
        )


async def _handle_change(
    handler: ItemCommandHandler,
    command: Command,
    request: Request[Any, Any, Any],
    user_id: str,
    item_id: int,
    conditions: Conditions | None,
    idempotency_key: str | None,
) -> Outcome:
    """Whose item it is, is seen in the state that the command is decided on."""
    actor = current_actor(request, user_id)
    return await handler.handle(
        command,
        metadata_of(request, actor),
        item_id,
        conditions,
        permit=lambda item: actor.require_owner(item.owner_id),
        idempotency_key=idempotency_of(request, actor, idempotency_key, await request.body()),
    )


def _restore_point(version: int | None, as_of: str | None) -> int | datetime:
    if version is not None and as_of is None:
        return version
    if as_of is not None and version is None:
        return parse_instant(as_of)
    detail = "Give version or as_of." if version is None else "Give version or as_of, not both."
    raise invalid_input(
        [FieldProblem(pointer=f"/{name}", detail=detail, source="query") for name in ("version", "as_of")]
    )


def _status_command(body: GivenStatus, new_status: Status | None, reason: str | None) -> ChangeStatus:
    status = new_status if body.new_status is UNSET else body.new_status
    if status is None:
        raise invalid_input([FieldProblem(pointer="/new_status", detail="This field is required.")])
    return ChangeStatus(new_status=status, reason=reason if body.reason is UNSET else body.reason)


def _item_response(
    outcome: Outcome, status: int = 200, headers: dict[str, str] | None = None
) -> Response[ItemDocument]:
    assert outcome.document is not None, "no event ends an item's document"
    return json_response(outcome.document, status, _outcome_headers(outcome) | (headers or {}))


def _outcome_headers(outcome: Outcome) -> dict[str, str]:
    """The version, the position to wait for where this is to be read, and whether it was carried out before."""
    position = {} if outcome.position is None else {"X-Position": str(outcome.position)}
    return etag_header(outcome.version) | position | (REPLAYED_HEADER if outcome.replayed else {})
