"""Items: one document per item, as the API serves it, written in the transaction of its events."""

from datetime import datetime

from msgspec import Struct

from app.domain.events import Event, ItemCreated, ItemDeleted, ItemRestored, ItemStatusChanged, ItemUpdated, Status
from app.engine.projection.projection import (
    RECORDED_AT,
    STREAM_ID,
    VERSION,
    GeoSearch,
    Index,
    Projection,
    TextSearch,
    always,
    copies,
    merges,
    on,
    starts,
    the,
)


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of the catalog."""

    id: int
    name: str
    description: str
    category: str
    image_urls: tuple[str, ...]
    location_lat: float
    """Degrees north of the equator."""
    location_lon: float
    """Degrees east of Greenwich."""
    owner_id: str
    status: Status
    created_at: datetime
    updated_at: datetime
    """When its latest event was recorded."""
    deleted_at: datetime | None = None
    """Null unless deleted."""
    version: int
    """The number of its events; also its ETag."""


class Items(Projection[Item, Event]):
    rules = (
        starts(
            ItemCreated,
            the(Item.id).becomes(STREAM_ID),
            copies(
                ItemCreated.name,
                ItemCreated.description,
                ItemCreated.category,
                ItemCreated.image_urls,
                ItemCreated.location_lat,
                ItemCreated.location_lon,
                ItemCreated.owner_id,
                ItemCreated.status,
            ),
            the(Item.created_at).becomes(RECORDED_AT),
        ),
        on(ItemUpdated, merges(ItemUpdated.changes)),
        on(ItemStatusChanged, the(Item.status).becomes(ItemStatusChanged.new_status)),
        on(ItemDeleted, the(Item.status).becomes("archived"), the(Item.deleted_at).becomes(RECORDED_AT)),
        on(ItemRestored, copies(ItemRestored.status), the(Item.deleted_at).becomes(None)),
        always(the(Item.version).becomes(VERSION), the(Item.updated_at).becomes(RECORDED_AT)),
    )
    temporal = True
    indexes = (
        Index((Item.status,), newest_first=Item.created_at, serves="GET /items?status="),
        Index((Item.category, Item.status), newest_first=Item.created_at, serves="GET /items?category=&status="),
        Index((Item.owner_id, Item.status), newest_first=Item.created_at, serves="GET /items/owner/{owner_id}"),
        Index((Item.status,), newest_first=Item.updated_at, serves="GET /items?sort=updated"),
        Index((Item.status,), alphabetical=Item.name, serves="GET /items?sort=name"),
        TextSearch((Item.name, Item.description), serves="GET /items?search="),
        GeoSearch(Item.location_lat, Item.location_lon, serves="GET /items?near="),
    )
