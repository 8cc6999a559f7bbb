"""The facts of the catalog and their envelope. Stored format, for ever: add, never rename, retype or drop.

A fact is stored as its type's tag and, beside it, its fields as JSONB `data`. The public routes `/history`,
`/audit-trail` and `/events` show both, so they are a contract with clients too. A shape that must change all the same
says in `upcasts` how what is stored is read (`app.engine.events.upcasting`); clients only ever see the present one.
What is about a person is `Personal` and can be forgotten (`app.engine.events.personal_data`); ids are not, they stay.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from app.engine.events.personal_data import Personal

Status = Literal["active", "archived", "swapped"]


class ItemCreated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_created"):
    """Somebody put an item into the catalog."""

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
    """Some fields of an item; the others are unset and are not stored."""

    name: Personal[str] | UnsetType = UNSET
    description: Personal[str] | UnsetType = UNSET
    category: str | UnsetType = UNSET
    image_urls: Personal[tuple[str, ...]] | UnsetType = UNSET
    location_lat: Personal[float] | UnsetType = UNSET
    location_lon: Personal[float] | UnsetType = UNSET


class ItemUpdated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_updated"):
    """The description of an item changed."""

    changes: ItemChanges
    """Only the fields that differ, as they are now."""
    previous_values: ItemChanges
    """The same fields, as they were."""


class ItemStatusChanged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_status_changed"):
    """An item was swapped, archived or put on offer again."""

    old_status: Status
    new_status: Status
    reason: Personal[str] | None = None


class ItemDeleted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_deleted"):
    """The item was withdrawn; it stays readable, and only a restore changes it."""

    reason: Personal[str] | None = None


class ItemRestored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="item_restored"):
    """The deletion of an item was undone; fields that came back with it are in an item_updated beside this."""

    status: Status
    """The one it has from now on; while deleted it was archived."""


Event = ItemCreated | ItemUpdated | ItemStatusChanged | ItemDeleted | ItemRestored
"""Every fact of the catalog."""
