"""Categories: the number of items in each, in total and by status."""

from msgspec import Struct

from app.engine.projection.rollup import Rollup, counts, keyed
from projections.items import Item, Items


class Category(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counts of a category's items, including deleted ones (archived)."""

    category: str
    total_items: int
    by_status: dict[str, int]


class Categories(Rollup[Category, Item]):
    of = Items
    by = Item.category
    rules = (
        keyed(Category.category),
        counts(Category.total_items),
        counts(Category.by_status, by=Item.status),
    )
