"""Owners: the counts of each owner's items, and when the owner was active."""

from datetime import datetime

from msgspec import Struct

from app.engine.projection.rollup import Rollup, counts, earliest, keyed, latest
from projections.items import Item, Items


class Owner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counts of an owner's items, including deleted ones (archived)."""

    owner_id: str
    total_items: int
    by_status: dict[str, int]
    by_category: dict[str, int]
    first_activity_at: datetime
    """When the owner's first item was created."""
    latest_activity_at: datetime
    """When an item of the owner changed last."""


class Owners(Rollup[Owner, Item]):
    of = Items
    by = Item.owner_id
    rules = (
        keyed(Owner.owner_id),
        counts(Owner.total_items),
        counts(Owner.by_status, by=Item.status),
        counts(Owner.by_category, by=Item.category),
        earliest(Owner.first_activity_at, Item.created_at),
        latest(Owner.latest_activity_at, Item.updated_at),
    )
