"""Reads the rows of a listing; no listing reads more than a bounded number of documents for a search.

If candidates are few, only they are compared. Otherwise the documents are walked in order, which usually fills a page
soon. If the walk ends without a full page, all candidates are compared, up to a bound. With more, it is refused.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import structs
from psycopg import AsyncConnection

from app.engine.projection.projection import AnyProjection
from app.engine.queries import listing as bounds
from app.engine.queries.candidate_queries import candidate_queries
from app.engine.queries.listing import DISTANCE_MAX_KM, Listing, Near, SortKey
from app.engine.queries.listing_query import listing_query
from app.errors import TooExpensive

ListingRow = tuple[Any, ...]
"""Key, id and document; the document is None in the row that marks the end of a walk."""

FIRST_RADIUS_KM = 0.25
RADIUS_FACTOR = 2.0


async def read_rows(connection: AsyncConnection, projection: AnyProjection, listing: Listing) -> list[ListingRow]:
    """The rows of a listing. A last row without a document says that more may follow, which was not looked for.

    Raises TooExpensive if the listing would have to read more documents than one listing may.
    """
    most_offset = bounds.OFFSET_MAX if listing.order is not None else bounds.OFFSET_BY_DISTANCE_MAX
    if listing.offset > most_offset:
        return await _check_offset(connection, projection, listing, most_offset)
    most = bounds.CANDIDATES_MAX if listing.order is not None else bounds.CANDIDATES_IN_LAST_STEP_MAX
    candidates = await _read_candidates(connection, projection, _with_bounded_distance(listing), most)
    if candidates is not None:
        return await _query(connection, projection, _with_bounded_distance(listing), candidates)
    if listing.order is None:
        rows = await _read_nearest(connection, projection, listing)
        if len(rows) == listing.limit:
            return rows
    return await _read_by_walking(connection, projection, listing)


async def _read_nearest(connection: AsyncConnection, projection: AnyProjection, listing: Listing) -> list[ListingRow]:
    """Search larger and larger circles until there are enough documents, or too many candidates.

    The index finds points in a box, but not the nearest points on a sphere.
    """
    rows: list[ListingRow] = []
    assert listing.near is not None, "a distance is from somewhere"
    for radius in _radii(listing.near, listing.after):
        bounded = structs.replace(listing, near=structs.replace(listing.near, within_km=radius))
        candidates = await _read_candidates(connection, projection, bounded, bounds.CANDIDATES_IN_LAST_STEP_MAX)
        if candidates is None:
            break
        rows = await _query(connection, projection, bounded, candidates)
        if len(rows) == listing.limit:
            break
    return rows


async def _check_offset(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, most_offset: int
) -> list[ListingRow]:
    """Return no rows if the listing ends before the offset. Raises TooExpensive otherwise."""
    if await read_rows(connection, projection, structs.replace(listing, offset=most_offset, limit=1)):
        raise TooExpensive(
            "offset",
            f"An offset may skip at most {most_offset:,} results in this order, and there are more."
            " Follow the next link of a page instead: a cursor has no such limit.",
        )
    return []


async def _read_by_walking(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing
) -> list[ListingRow]:
    rows = await _query(connection, projection, listing, None)
    ends = next((place for place, (_, _, document) in enumerate(rows) if document is None), None)
    if ends is None:
        return rows
    if ends == listing.limit - 1 > 0:
        return rows[: listing.limit]
    candidates = None
    if listing.order is not None:
        candidates = await _read_candidates(connection, projection, listing, bounds.CANDIDATES_IN_LAST_STEP_MAX)
    if candidates is None and listing.offset > bounds.CHEAP_OFFSET_MAX:
        raise TooExpensive(
            "offset",
            "The offset skips more matches than a search may look for. Follow the next link of a page instead.",
        )
    if candidates is None:
        raise TooExpensive(
            "search",
            f"Of the first {bounds.WALKED_MAX:,} results in this order too few match, and too many others may match."
            " Search for longer words, or filter by another field as well.",
        )
    return await _query(connection, projection, listing, candidates)


async def _query(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, candidates: list[int] | None
) -> list[ListingRow]:
    query, given = listing_query(projection, listing, candidates)
    planned_once = not (listing.search or listing.near)
    return await (await connection.execute(query, given, prepare=planned_once)).fetchall()


async def _read_candidates(
    connection: AsyncConnection, projection: AnyProjection, listing: Listing, most: int
) -> list[int] | None:
    """The ids that can match the search, or lie near the place; None if there is neither, or if there are too many."""
    for query, given in candidate_queries(projection, listing, most):
        rows = await (await connection.execute(query, given, prepare=False)).fetchall()
        if len(rows) <= most:
            return [id for (id,) in rows]
    return None


def _with_bounded_distance(listing: Listing) -> Listing:
    """In the order of distance, ask the index for everything on Earth: there may be few documents."""
    if listing.near is None or listing.order is not None or listing.near.within_km is not None:
        return listing
    return structs.replace(listing, near=structs.replace(listing.near, within_km=DISTANCE_MAX_KM))


def _radii(near: Near, after: SortKey | None) -> Iterator[float]:
    """The radii of the circles to search, each larger than the one before."""
    farthest = near.within_km or DISTANCE_MAX_KM
    radius = FIRST_RADIUS_KM
    while after is not None and radius < float(after.value):
        radius *= RADIUS_FACTOR
    while radius < farthest:
        yield radius
        radius *= RADIUS_FACTOR
