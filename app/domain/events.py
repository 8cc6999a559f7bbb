"""The event types of an item. This is a stored format: add fields, never rename, retype or drop one.

An event is stored as its type tag and its fields, as JSONB `data`. The public routes `/history`, `/audit-trail` and
`/events` show both, so they are a contract with clients too. If a shape must change all the same, its `upcasts` say how
stored events are read (`app.engine.events.upcasting`), and clients see only the current shape. Fields about a person
are `Personal` and can be erased (`app.engine.events.personal_data`). Ids are not personal, and stay.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from app.engine.events.personal_data import Personal

Status = Literal["active", "archived", "swapped"]


class ItemCreated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_created"):
    """An item was put into the catalog."""

    name: Personal[str]
    description: Personal[str]
    category: str
    image_urls: Personal[tuple[str, ...]]
    location_lat: Personal[float]
    """Degrees north of the equator, −90 … 90."""
    location_lon: Personal[float]
    """Degrees east of Greenwich, −180 … 180."""
    owner_id: str
    status: Status


class ItemChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of an item that changed. The others are unset and not stored."""

    name: Personal[str] | UnsetType = UNSET
    description: Personal[str] | UnsetType = UNSET
    category: str | UnsetType = UNSET
    image_urls: Personal[tuple[str, ...]] | UnsetType = UNSET
    location_lat: Personal[float] | UnsetType = UNSET
    location_lon: Personal[float] | UnsetType = UNSET


class ItemUpdated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_updated"):
    """The description of an item changed."""

    changes: ItemChanges
    """The new values of the fields that differ."""
    previous_values: ItemChanges
    """The old values of the same fields."""


class ItemStatusChanged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_status_changed"):
    """An item was swapped, archived or put on offer again."""

    old_status: Status
    new_status: Status
    reason: Personal[str] | None = None


class ItemDeleted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_deleted"):
    """The item was withdrawn. It stays readable, and only a restore can change it."""

    reason: Personal[str] | None = None


class ItemRestored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_restored"):
    """The deletion of an item was undone. An item_updated beside it holds the fields that were restored too."""

    status: Status
    """The status from now on. A deleted item is archived."""


Event = ItemCreated | ItemUpdated | ItemStatusChanged | ItemDeleted | ItemRestored
"""Every event type of the catalog."""
