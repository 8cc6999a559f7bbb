"""What a listing asks for, and the bounds on what one listing may read."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from app.engine.postgres.bulkheads import DEEP_PAGES, NEAR, SEARCHES, CostlyRead

DISTANCE_MAX_KM = 20_100.0
"""More than half the Earth's circumference."""


class Near(Struct, frozen=True, kw_only=True):
    """A place in degrees, and the largest distance from it, if that is bounded."""

    latitude: float
    longitude: float
    within_km: float | None = None


class SortKey(Struct, frozen=True):
    """The place of a document in an order: the value it is ordered by, and its id."""

    value: str | float
    id: int


class Listing(Struct, frozen=True, kw_only=True):
    """What to list: documents whose fields equal these texts, that match a search, around a place."""

    order: str | None
    """The field of an order that the projection has an index for; None is by distance."""
    equal: Mapping[str, str] = {}
    search: str = ""
    near: Near | None = None
    as_of: datetime | None = None
    after: SortKey | None = None
    """The last document of the page before."""
    limit: int
    offset: int = 0


CANDIDATES_MAX = 1_000
"""Up to so many candidates are read one by one. If there are more, a walk in order usually fills a page sooner."""
WALKED_MAX = 10_000
"""A walk compares so many documents of a table with a search. If they do not fill a page, all candidates are read."""
CANDIDATES_IN_LAST_STEP_MAX = 10_000
"""A search with more candidates is refused."""
CHEAP_OFFSET_MAX = 1_000
"""A listing with a larger offset is a costly read."""
OFFSET_MAX = 10_000
"""Pages beyond it are reached by the key of the last document, not by an offset."""
OFFSET_BY_DISTANCE_MAX = 1_000
"""No index has this order, so Postgres sorts all documents that an offset skips."""
RECENTLY_REPLACED_MAX = 100
"""If no more documents were replaced since an instant, they are looked up by when they were replaced, not walked to."""


def costly_read_of(listing: Listing) -> CostlyRead | None:
    """Which kind of costly read a listing is; None for a cheap one."""
    if listing.search:
        return SEARCHES
    if listing.near is not None:
        return NEAR
    return DEEP_PAGES if listing.offset > CHEAP_OFFSET_MAX else None
