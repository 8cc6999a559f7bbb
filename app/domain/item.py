"""The domain on one page: an item's state, how events change it, the commands, and what each command decides.

The functions are pure: no clock, no database, no id. `decide` returns the events that follow from a command and the
current state. `evolve` returns the state after an event. (This is the decider pattern by Jérémie Chassaing.)
"""

from datetime import datetime
from typing import Annotated, assert_never

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from app.constraints import NO_CONTROL_CHARACTERS, UserId
from app.domain.events import (
    Event,
    ItemChanges,
    ItemCreated,
    ItemDeleted,
    ItemRestored,
    ItemStatusChanged,
    ItemUpdated,
    Status,
)
from app.engine.events.event import Recorded
from app.errors import Conflict, NotFound

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_CONTROL_CHARACTERS, examples=["Garden spade"])]
Description = Annotated[
    str, Meta(min_length=1, max_length=5000, pattern=NO_CONTROL_CHARACTERS, examples=["Sharp, hardly used."])
]
Category = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS, examples=["tools"])]
ImageUrl = Annotated[
    str,
    Meta(min_length=1, max_length=2048, pattern=NO_CONTROL_CHARACTERS, examples=["https://images.example/spade.jpg"]),
]
ImageUrls = Annotated[tuple[ImageUrl, ...], Meta(min_length=1, max_length=20)]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north", examples=[52.52])]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east", examples=[13.405])]
Reason = Annotated[str, Meta(max_length=1000, pattern=NO_CONTROL_CHARACTERS, examples=["for a rake"])]


class ItemNotFound(NotFound):
    """There is no such item"""


class ItemIsDeleted(Conflict):
    """The item is deleted"""


class ItemWasDeleted(Conflict):
    """The item was deleted then"""


class ItemState(Struct, frozen=True, kw_only=True):
    """The part of an item's document that `decide` needs."""

    name: str
    description: str
    category: str
    image_urls: tuple[str, ...]
    location_lat: float
    location_lon: float
    owner_id: str
    status: Status
    deleted_at: datetime | None


def evolve(item: ItemState | None, recorded: Recorded[Event]) -> ItemState:
    """The item after `recorded`."""
    event = recorded.event
    if isinstance(event, ItemCreated):
        return ItemState(**asdict(event), deleted_at=None)
    assert item is not None, "an item's first event is item_created"
    match event:
        case ItemUpdated(changes=changes):
            return _changed_item(item, changes, item.status, item.deleted_at)
        case ItemStatusChanged(new_status=status):
            return _changed_item(item, NO_CHANGES, status, item.deleted_at)
        case ItemDeleted():
            return _changed_item(item, NO_CHANGES, "archived", recorded.recorded_at)
        case ItemRestored(status=status):
            return _changed_item(item, NO_CHANGES, status, None)
        case _:
            assert_never(event)


NO_CHANGES = ItemChanges()


def _changed_item(item: ItemState, changes: ItemChanges, status: Status, deleted_at: datetime | None) -> ItemState:
    return ItemState(
        name=item.name if changes.name is UNSET else changes.name,
        description=item.description if changes.description is UNSET else changes.description,
        category=item.category if changes.category is UNSET else changes.category,
        image_urls=item.image_urls if changes.image_urls is UNSET else changes.image_urls,
        location_lat=item.location_lat if changes.location_lat is UNSET else changes.location_lat,
        location_lon=item.location_lon if changes.location_lon is UNSET else changes.location_lon,
        owner_id=item.owner_id,
        status=status,
        deleted_at=deleted_at,
    )


class CreateItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put an item into the catalog."""

    name: Name
    description: Description
    category: Category
    image_urls: ImageUrls
    location_lat: Latitude
    location_lon: Longitude
    owner_id: UserId
    status: Status = "active"


class UpdateItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Set the given fields. The others stay as they are."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    image_urls: ImageUrls | UnsetType = UNSET
    location_lat: Latitude | UnsetType = UNSET
    location_lon: Longitude | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class ChangeStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Swap the item, archive it, or offer it again."""

    new_status: Status
    reason: Reason | None = None


class DeleteItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Withdraw the item; only a restore brings it back."""

    reason: Reason | None = None


class RestoreItem(Struct, frozen=True, kw_only=True):
    """Restore the item to an earlier state, even if it has been deleted since."""

    to: ItemState
    """The earlier state."""


Command = CreateItem | UpdateItem | ChangeStatus | DeleteItem | RestoreItem


def decide(command: Command, item: ItemState | None) -> tuple[Event, ...]:
    """The events that `command` leads to; none if it would change nothing.

    Raises ItemNotFound if there is no item to change. Raises ItemIsDeleted for a change to a deleted item, except a
    restore. Raises ItemWasDeleted if the state to restore was deleted.
    """
    if isinstance(command, CreateItem):
        assert item is None, "an item is created in a stream of its own"
        return (ItemCreated(**asdict(command)),)
    if item is None:
        raise ItemNotFound("There is no such item.")
    if isinstance(command, RestoreItem):
        return _restoration(command.to, item)
    if item.deleted_at is not None:
        if isinstance(command, DeleteItem):
            return ()
        raise ItemIsDeleted("The item is deleted; it takes no more changes.", deleted_at=item.deleted_at)
    match command:
        case UpdateItem():
            return (*_updates(command, item), *_status_changes(command.status, None, item))
        case ChangeStatus():
            return _status_changes(command.new_status, command.reason, item)
        case DeleteItem():
            return (ItemDeleted(reason=command.reason),)
        case _:
            assert_never(command)


def _restoration(to: ItemState, item: ItemState) -> tuple[Event, ...]:
    """The events that restore `item` to an earlier state. An ItemRestored also sets the status."""
    if to.deleted_at is not None:
        raise ItemWasDeleted("The item was deleted then; to have it so again, delete it.", deleted_at=to.deleted_at)
    as_it_was = UpdateItem(**{field: getattr(to, field) for field in UpdateItem.__struct_fields__})
    if item.deleted_at is not None:
        return (ItemRestored(status=to.status), *_updates(as_it_was, item))
    return (*_updates(as_it_was, item), *_status_changes(to.status, None, item))


def _updates(command: UpdateItem, item: ItemState) -> tuple[ItemUpdated, ...]:
    """At most one event, with the given fields that differ."""
    given = {field: getattr(command, field) for field in ItemChanges.__struct_fields__}
    now = {field: value for field, value in given.items() if value is not UNSET and value != getattr(item, field)}
    if not now:
        return ()
    before = {field: getattr(item, field) for field in now}
    return (ItemUpdated(changes=ItemChanges(**now), previous_values=ItemChanges(**before)),)


def _status_changes(status: Status | UnsetType, reason: str | None, item: ItemState) -> tuple[ItemStatusChanged, ...]:
    if status is UNSET or status == item.status:
        return ()
    return (ItemStatusChanged(old_status=item.status, new_status=status, reason=reason),)
