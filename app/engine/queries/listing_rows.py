"""The rows of a listing, so that none reads more than a bounded number of documents for a search.

Candidates first, where they are few; else a walk in order, which mostly soon meets a page; where it does not, all
candidates, up to a bound. Beyond that a search is refused.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import structs
from psycopg import AsyncConnection

from app.engine.projection.projection import AnyProjection
from app.engine.queries import listing as bounds
from app.engine.queries.listing import FARTHEST_KM, Key, Listing, Near, candidate_queries, listing_query
from app.errors import TooExpensive

Row = tuple[Any, ...]
"""Key, id and document, which is None where a walk has ended."""

NEAREST_FROM_KM = 0.25
FARTHER_EACH_TIME = 2.0


async def rows_of(connection: AsyncConnection, projection: AnyProjection, listing: Listing) -> list[Row]:
    """The rows that a listing asks for; the last one is without a document where more may follow, which was not looked
    for. Raises TooExpensive for what would have to read more documents than one listing may."""
    most_offset = bounds.MOST_OFFSET if listing.order is not None else bounds.MOST_OFFSET_BY_DISTANCE
    if listing.offset > most_offset:
        return await _nothing_so_far_behind(connection, projection, listing, most_offset)
    most = bounds.MOST_CANDIDATES if listing.order is not None else bounds.MOST_CANDIDATES_AT_LAST
    candidates = await _candidates(connection, projection, _as_far_as_asked(listing), most)
    if candidates is not None:
        return await _query(connection, projection, _as_far_as_asked(listing), candidates)
    if listing.order is None:
        rows = await _nearest(connection, projection, listing)
        if len(rows) == listing.limit:
            return rows
    return await _walk(connection, projection, listing)


async def _nearest(connection: AsyncConnection, projection: AnyProjection, listing: Listing) -> list[Row]:
    """Looks farther and farther until there is enough, or until candidates are too many: an index finds what is in a
    box, but not what is nearest on a sphere."""
    rows: list[Row] = []
    assert listing.near is not None, "a distance is from somewhere"
    for radius in _radii(listing.near, listing.after):
        bounded = structs.replace(listing, near=structs.replace(listing.near, within_km=radius))
        candidates = await _candidates(connection, projection, bounded, bounds.MOST_CANDIDATES_AT_LAST)
        if candidates is None:
            break
        rows = await _query(connection, projection, bounded, candidates)
        if len(rows) == listing.limit:
            break
    return rows


async def _nothing_so_far_behind(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, most_offset: int
) -> list[Row]:
    """Raises TooExpensive if there is something."""
    if await rows_of(connection, projection, structs.replace(listing, offset=most_offset, limit=1)):
        raise TooExpensive(
            "offset",
            f"At most {most_offset:,} items of this order can be passed over, and there are more."
            " Follow the next link of a page instead: a cursor has no such bound.",
        )
    return []


async def _walk(connection: AsyncConnection, projection: AnyProjection, listing: Listing) -> list[Row]:
    rows = await _query(connection, projection, listing, None)
    ends = next((place for place, (_, _, document) in enumerate(rows) if document is None), None)
    if ends is None:
        return rows
    if ends == listing.limit - 1 > 0:
        return rows[: listing.limit]
    candidates = None
    if listing.order is not None:
        candidates = await _candidates(connection, projection, listing, bounds.MOST_CANDIDATES_AT_LAST)
    if candidates is None and listing.offset > bounds.CHEAP_OFFSET:
        raise TooExpensive("offset", "So many matches are not looked for. Follow the next link of a page instead.")
    if candidates is None:
        raise TooExpensive(
            "search",
            f"Among the first {bounds.MOST_WALKED:,} items of this order too few match, and too many others may."
            " Search for longer words, or name a category or an owner_id as well.",
        )
    return await _query(connection, projection, listing, candidates)


async def _query(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, candidates: list[int] | None
) -> list[Row]:
    query, given = listing_query(projection, listing, candidates)
    planned_once = not (listing.search or listing.near)
    return await (await connection.execute(query, given, prepare=planned_once)).fetchall()


async def _candidates(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, most: int
) -> list[int] | None:
    """The documents that a search can find, or the vicinity of a place; None if nothing is searched, or if they are
    more."""
    for query, given in candidate_queries(projection, listing, most):
        rows = await (await connection.execute(query, given, prepare=False)).fetchall()
        if len(rows) <= most:
            return [id for (id,) in rows]
    return None


def _as_far_as_asked(listing: Listing) -> Listing:
    """By distance the index is asked for all there is on Earth, which may be little."""
    if listing.near is None or listing.order is not None or listing.near.within_km is not None:
        return listing
    return structs.replace(listing, near=structs.replace(listing.near, within_km=FARTHEST_KM))


def _radii(near: Near, after: Key | None) -> Iterator[float]:
    """How far to look around the place for the nearest."""
    farthest = near.within_km or FARTHEST_KM
    radius = NEAREST_FROM_KM
    while after is not None and radius < float(after.value):
        radius *= FARTHER_EACH_TIME
    while radius < farthest:
        yield radius
        radius *= FARTHER_EACH_TIME
