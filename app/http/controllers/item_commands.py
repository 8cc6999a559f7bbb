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
from app.domain.item import ChangeStatus, Command, CreateItem, DeleteItem, Item, RestoreItem, UpdateItem
from app.domain.item import Reason as ReasonText
from app.engine.queries.documents import Documents
from app.engine.store.command_handler import CommandHandler, Outcome
from app.http.auth.guards import BEARER, DEMO_USER, acting, signed_in
from app.http.wire.conditional_requests import Conditions, ExpectedVersion, IfMatch, UnlessMatch, conditions_of
from app.http.wire.links import address_of
from app.http.wire.problem_details import refuses
from app.http.wire.request_bodies import Strict
from app.http.wire.request_headers import REPLAYED, IdempotencyKey, UserId, metadata_of, once_of
from app.http.wire.responses import ItemDocument, encoded, etag, json_answer
from app.http.wire.time_parameters import Past
from app.http.wire.version_or_instant import item_at, own_item
from app.parsing.instants import parse_instant
from app.parsing.strict_json import FieldProblem, invalid_input
from app.settings import Settings

Items = CommandHandler[Command, Item, Event]

NewStatus = Annotated[Status | None, QueryParameter(description="What the item becomes; or in a JSON body.")]
Reason = Annotated[
    str | None, QueryParameter(min_length=1, max_length=1000, pattern=NO_CONTROL_CHARACTERS, description="Why.")
]
ThatVersion = Annotated[int | None, QueryParameter(description="The version it is to be like; or `as_of`.")]
ThatInstant = Annotated[
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
    guards = (signed_in,)
    security = BEARER

    @post(dto=Strict[CreateItem], return_dto=None, summary="Create an item", responses=refuses(401, 403, 412, 413, 415))
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateItem],
        handler: NamedDependency[Items],
        settings: NamedDependency[Settings],
        user_id: UserId = DEMO_USER,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ItemDocument]:
        """There is no item yet that a condition could be about: `If-Match` is 412, `If-None-Match` holds."""
        conditions = conditions_of(if_match, if_none_match)
        actor = acting(request, user_id)
        actor.check_is_theirs(data.owner_id)
        once = once_of(request, actor, idempotency_key, await request.body())
        outcome = await handler.handle(data, metadata_of(request, actor), condition=conditions, once=once)
        path = f"{request.scope['path'].rstrip('/')}/{outcome.stream_id}"
        location = address_of(request, settings, path)
        return _item(outcome, 201, {"Location": location})

    @put(
        "/{item_id:int}",
        dto=Strict[UpdateItem],
        return_dto=None,
        summary="Update",
        responses=refuses(401, 403, 404, 409, 412, 413, 415),
    )
    async def update(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        data: JSONBody[UpdateItem],
        handler: NamedDependency[Items],
        user_id: UserId = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ItemDocument]:
        """Only fields that differ are recorded; where nothing differs, nothing is."""
        conditions = conditions_of(if_match, if_none_match, expected_version)
        return _item(await _change(handler, data, request, user_id, item_id, conditions, idempotency_key))

    @patch(
        "/{item_id:int}/status",
        dto=Strict[GivenStatus],
        return_dto=None,
        summary="Change the status",
        responses=refuses(401, 403, 404, 409, 412, 413, 415),
    )
    async def change_status(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        handler: NamedDependency[Items],
        data: JSONBody[GivenStatus | None] = None,
        new_status: NewStatus = None,
        reason: Reason = None,
        user_id: UserId = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[StatusChanged]:
        """The new status and the reason come as query parameters or as a JSON body, which goes first."""
        command = _status_command(data or GivenStatus(), new_status, reason)
        conditions = conditions_of(if_match, if_none_match, expected_version)
        outcome = await _change(handler, command, request, user_id, item_id, conditions, idempotency_key)
        answer = StatusChanged(
            message=f"Item {item_id} status changed to {command.new_status}",
            item_id=item_id,
            new_status=command.new_status,
            version=outcome.version,
        )
        return encoded(answer, _headers(outcome))

    @delete(
        "/{item_id:int}",
        status_code=204,
        summary="Delete",
        responses={204: ResponseSpec(None, False, "It is deleted"), **refuses(401, 403, 404, 409, 412)},
    )
    async def delete_item(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        handler: NamedDependency[Items],
        reason: Reason = None,
        user_id: UserId = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[None]:
        """The item stays readable, archived and with `deleted_at`. Deleting it again changes nothing."""
        command = DeleteItem(reason=reason)
        conditions = conditions_of(if_match, if_none_match, expected_version)
        outcome = await _change(handler, command, request, user_id, item_id, conditions, idempotency_key)
        return Response(None, status_code=204, headers=_headers(outcome))

    @post("/{item_id:int}/restore", status_code=200, summary="Restore", responses=refuses(401, 403, 404, 409, 412))
    async def restore(
        self,
        request: Request[Any, Any, Any],
        item_id: FromPath[int],
        handler: NamedDependency[Items],
        documents: NamedDependency[Documents],
        past: NamedDependency[Past],
        version: ThatVersion = None,
        as_of: ThatInstant = None,
        user_id: UserId = DEMO_USER,
        expected_version: ExpectedVersion = None,
        if_match: IfMatch = None,
        if_none_match: UnlessMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ItemDocument]:
        """Back to how it was, by new events; also from a deletion. Only what differs is recorded."""
        conditions = conditions_of(if_match, if_none_match, expected_version)
        moment = _one_moment(version, as_of)
        await own_item(documents, item_id, acting(request, user_id))
        if isinstance(moment, datetime):
            await past.check(moment)
        then = await item_at(documents, item_id, moment)
        command = RestoreItem(to=msgspec.json.decode(then.json, type=Item))
        return _item(await _change(handler, command, request, user_id, item_id, conditions, idempotency_key))


async def _change(
    handler: Items,
    command: Command,
    request: Request[Any, Any, Any],
    user_id: str,
    item_id: int,
    conditions: Conditions | None,
    idempotency_key: str | None,
) -> Outcome:
    """Whose item it is, is seen in the state that the command is decided on."""
    actor = acting(request, user_id)
    return await handler.handle(
        command,
        metadata_of(request, actor),
        item_id,
        conditions,
        permit=lambda item: actor.check_is_theirs(item.owner_id),
        once=once_of(request, actor, idempotency_key, await request.body()),
    )


def _one_moment(version: int | None, as_of: str | None) -> int | datetime:
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


def _item(outcome: Outcome, status: int = 200, headers: dict[str, str] | None = None) -> Response[ItemDocument]:
    assert outcome.document is not None, "no event ends an item's document"
    return json_answer(outcome.document, status, _headers(outcome) | (headers or {}))


def _headers(outcome: Outcome) -> dict[str, str]:
    """The version, the position to wait for where this is to be read, and whether it was carried out before."""
    position = {} if outcome.position is None else {"X-Position": str(outcome.position)}
    return etag(outcome.version) | position | (REPLAYED if outcome.replayed else {})
