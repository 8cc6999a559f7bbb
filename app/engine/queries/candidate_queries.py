"""Queries for the candidates of a listing: all documents that its search or its place can match, at any instant."""

import math
from collections.abc import Iterator

from psycopg import sql

from app.engine.projection.projection import AnyProjection
from app.engine.queries.listing import CANDIDATES_MAX, Listing, Near
from app.engine.queries.listing_query import Query
from app.engine.queries.search_terms import SearchTerms

EARTH_RADIUS_KM = 6371.0088
"""The mean radius, as in `catalog.distance_km`."""


def candidate_queries(projection: AnyProjection, listing: Listing, most: int = CANDIDATES_MAX) -> Iterator[Query]:
    """Queries for the ids of all documents that can match the search, or lie near the place, now or at any instant.

    An id may come more than once. If a query returns more than `most` rows, its answer is incomplete. By distance the
    query for the place comes first, because its area starts small.
    """
    queries = [*_candidates_by_words(projection, listing, most), *_candidates_by_place(projection, listing, most)]
    yield from queries if listing.order is not None else reversed(queries)


def _candidates_by_words(projection: AnyProjection, listing: Listing, most: int) -> Iterator[Query]:
    search = SearchTerms(listing.search)
    if search.candidate_condition:
        found = f"catalog.{projection.name}_words where {search.candidate_condition}"
        yield sql.SQL(f"select id from {found} limit %(most)s"), {**search.parameters(), "most": most + 1}


def _candidates_by_place(projection: AnyProjection, listing: Listing, most: int) -> Iterator[Query]:
    near, parameters = listing.near, {"most": most + 1, "as_of": listing.as_of}
    if near is not None and near.within_km is not None:
        boxes = [
            f"place <@ box '({west},{south}),({east},{north})'" for west, south, east, north in bounding_boxes(near)
        ]
        found = f"catalog.{projection.name}_places where ({' or '.join(boxes)})"
        if listing.as_of is not None:
            found += " and since <= %(as_of)s"
        yield sql.SQL(f"select id from {found} limit %(most)s"), parameters


def bounding_boxes(near: Near) -> list[tuple[float, float, float, float]]:
    """West, south, east and north, in degrees, of one or two boxes around the vicinity, a little too large."""
    assert near.within_km is not None
    angle = near.within_km / EARTH_RADIUS_KM * 1.001 + 1e-7
    reach = math.degrees(angle)
    south, north = near.latitude - reach, near.latitude + reach
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return [(-180.0, max(south, -90.0), 180.0, min(north, 90.0))]
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(near.latitude)))))
    west, east = near.longitude - width, near.longitude + width
    if west < -180:
        return [(-180.0, south, east, north), (west + 360, south, 180.0, north)]
    if east > 180:
        return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    return [(west, south, east, north)]
