"""One query for a collection, now or as of any instant: the same filters, orders and pages over what is and what was.

As of an instant the documents are those that serve, where they are old enough, and those they have replaced since.
Each of the two is a branch of its own with its own order and limit, so that an index walks it and stops at a page.
A search first asks for candidates, by all that documents have ever said; what a document says then decides.

Hardly anything of the history was valid a moment ago: a walk would pass all of it for nothing. So where few documents
have been replaced since, these are looked up by when they were.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import product
from types import MemberDescriptorType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from msgspec import Struct
from psycopg import sql

from app.engine.compiler.document_tables import (
    REPLACED_AT,
    degrees,
    field_names,
    indexes_of_kind,
    replaced_at,
    searched_text,
)
from app.engine.compiler.sql_text import literal
from app.engine.postgres.bulkheads import DEEP_PAGES, NEAR, SEARCHES, CostlyRead
from app.engine.postgres.identifiers import quoted_identifier
from app.engine.projection.check_indexes import sort_key
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import GeoSearch, Index, TextSearch
from app.engine.queries.search_terms import HAS_STEMS, SearchTerms

EARTH_RADIUS_KM = 6371.0088
"""The mean radius, as `catalog.distance_km` has it."""


DISTANCE_MAX_KM = 20_100.0
"""More than half the Earth's circumference."""


class Near(Struct, frozen=True, kw_only=True):
    """A place in degrees, and how far from it, if that is bounded."""

    latitude: float
    longitude: float
    within_km: float | None = None


class SortKey(Struct, frozen=True):
    """The place of a document in an order: what it is ordered by, and its id."""

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


Query = tuple[sql.SQL, dict[str, Any]]


CANDIDATES_MAX = 1_000
"""Up to so many are looked at one by one; where there are more, walking in order mostly soon meets enough of them."""
WALKED_MAX = 10_000
"""So many documents of a table a walk compares with a search; where they hold no page, all candidates are looked at."""
CANDIDATES_IN_LAST_STEP_MAX = 10_000
"""Up to so many; a search with more of them is refused."""
CHEAP_OFFSET_MAX = 1_000
"""Whoever passes over more waits with the other costly reads."""
OFFSET_MAX = 10_000
"""Farther into a listing leads the key of the last document, not how many came before it."""
OFFSET_BY_DISTANCE_MAX = 1_000
"""No index has this order: what is passed over is sorted."""
RECENTLY_REPLACED_MAX = 100
"""Up to so many documents that were replaced since are looked up, not walked to."""


def costly_read_of(listing: Listing) -> CostlyRead | None:
    """What makes a listing costly, if anything does."""
    if listing.search:
        return SEARCHES
    if listing.near is not None:
        return NEAR
    return DEEP_PAGES if listing.offset > CHEAP_OFFSET_MAX else None


def candidate_queries(projection: AnyProjection, listing: Listing, most: int = CANDIDATES_MAX) -> Iterator[Query]:
    """Queries for the ids of all documents that a search, or the vicinity of a place, can hold, now or ever; an id may
    come more than once. One that answers more than `most` rows does not know all of them."""
    yield from _QueryBuilder(projection, listing, None).candidates(most)


def listing_query(projection: AnyProjection, listing: Listing, candidates: list[int] | None = None) -> Query:
    """The query for rows of (key, id, document) and its parameters; only among candidates, if they are known.

    A search without candidates compares MOST_WALKED documents at most. A row without a document stands where it ended:
    what comes behind that row is not known. By distance it comes first.
    """
    return _QueryBuilder(projection, listing, candidates).query()


class _QueryBuilder:
    """The parts of one query; all of it is made of the projection's own names, what is given are parameters."""

    def __init__(self, projection: AnyProjection, listing: Listing, candidates: list[int] | None) -> None:
        self.projection = projection
        self.listing = listing
        self.among = candidates
        self.search = SearchTerms(listing.search)
        self.given: dict[str, Any] = {
            "limit": listing.limit,
            "offset": listing.offset,
            "reach": listing.limit + listing.offset,
        }
        self.key, self.way = self._order()

    def query(self) -> Query:
        parts = [
            (source, [*bounds, *values, *self._conditions()])
            for source, bounds in self._sources()
            for values in self._equality_conditions()
        ]
        if self.search.terms and self.among is None:
            self.given["most_walked"] = WALKED_MAX // len(list(self._equality_conditions()))
        branches = [self._branch(source, conditions) for source, conditions in parts]
        union = "\nunion all\n".join(branches)
        in_order = f"order by key {self.way}, id {self.way}"
        if "most_walked" in self.given:
            found = self._cut_at_end_of_walk(union, in_order)
        else:
            found = f"select key, id, {self._document()} as document from (\n{union}\n) as found\n{in_order}"
            found += " limit %(limit)s offset %(offset)s"
        return _expression(f"{self._replaced_since()}{found}"), self.given

    def _cut_at_end_of_walk(self, union: str, in_order: str) -> str:
        """The rows up to the first without a document, and that one also where the offset would pass over it."""
        window = f"over ({in_order} rows unbounded preceding)"
        numbered = (
            f"select key, id, document, row_number() {window} as place, every(document is not null) {window} as known\n"
            f"from (\n{union}\n) as found {in_order}"
        )
        return (
            f"select key, id, case when known then {self._document()} end as document from (\n{numbered}\n) as found\n"
            f"where place > %(offset)s or not known {in_order} limit %(limit)s"
        )

    def _branch(self, source: str, conditions: list[str]) -> str:
        """One table, or one value of its order's index, in order. What is searched is an inner query, so that its text
        is put together once for all terms; a walk numbers what it passes, and ends with a row that says so."""
        where = " and ".join(conditions) or "true"
        in_order = f"order by key {self.way}, id {self.way}"
        if not self.search.terms:
            return f"(select {self.key} as key, id, document\nfrom {source}\nwhere {where}\n{in_order} limit %(reach)s)"
        self.given |= self.search.parameters()
        columns = f"{self.key} as key, id, document, lower({self._search_condition()}) as lowered"
        has_stems = None
        if self.among is None or len(self.among) > CANDIDATES_MAX:
            words = f"catalog.{self.projection.name}_words"
            has_stems = f"(select {HAS_STEMS} from {words} as known where known.id = said.id)"
        matches = self.search.match_condition(self._search_condition(), "lowered", has_stems)
        if self.among is not None:
            said, key, document = f"select {columns} from {source} where {where} offset 0", "key", "document"
        else:
            walk = f"order by {self.key} {self.way}, id {self.way}" if self.listing.order is not None else ""
            said = (
                f"select {columns}, row_number() over ({walk}) as place\nfrom {source} where {where}\n"
                f"{in_order if walk else ''} limit %(most_walked)s + 1"
            )
            matches = f"(place > %(most_walked)s or {matches})"
            document = "case when place <= %(most_walked)s then document end"
            key = "key" if walk else "case when place <= %(most_walked)s then key else -1 end"
        return (
            f"(select {key} as key, id, {document} as document\nfrom ({said}) as said\n"
            f"where {matches}\n{in_order} limit %(reach)s)"
        )

    def candidates(self, most: int) -> Iterator[Query]:
        """By distance the vicinity comes first: it grows from little."""
        queries = [*self._candidates_by_words(most), *self._candidates_by_place(most)]
        yield from queries if self.listing.order is not None else reversed(queries)

    def _candidates_by_words(self, most: int) -> Iterator[Query]:
        if self.search.candidate_condition:
            found = f"catalog.{self.projection.name}_words where {self.search.candidate_condition}"
            yield _expression(f"select id from {found} limit %(most)s"), {**self.search.parameters(), "most": most + 1}

    def _candidates_by_place(self, most: int) -> Iterator[Query]:
        near, given = self.listing.near, {"most": most + 1, "as_of": self.listing.as_of}
        if near is not None and near.within_km is not None:
            boxes = [
                f"place <@ box '({west},{south}),({east},{north})'" for west, south, east, north in bounding_boxes(near)
            ]
            found = f"catalog.{self.projection.name}_places where ({' or '.join(boxes)})"
            if self.listing.as_of is not None:
                found += " and since <= %(as_of)s"
            yield _expression(f"select id from {found} limit %(most)s"), given

    def _sources(self) -> Iterator[tuple[str, list[str]]]:
        """The rows of each table to look at, and what a row must be to be valid then.

        Of candidates the rows are looked up by their key: `offset 0` has Postgres do so.
        """
        for table, bounds in self._tables():
            if self.among is not None:
                self.given["candidates"] = self.among
                where = " and ".join(["id = any (%(candidates)s)", *bounds])
                yield f"(select * from catalog.{table} where {where} offset 0) as candidate", bounds
            elif table == self.projection.name:
                yield f"catalog.{table}", bounds
            else:
                yield f"catalog.{table}", ["not (select are_few from replaced)", *bounds]
                yield f"replaced_since as {quoted_identifier(table)}", bounds

    def _replaced_since(self) -> str:
        """What the branches of the history share. The order and the limit have the index serve in a plan for any
        instant as well."""
        if self.among is not None or self.listing.as_of is None:
            return ""
        history, instant = f"catalog.{self.projection.name}_history", replaced_at("%(as_of)s")
        most = RECENTLY_REPLACED_MAX
        since, latest_first = f"from {history} where {REPLACED_AT} > {instant}", f"order by {REPLACED_AT} desc"
        return f"""\
with replaced as materialized (
select count(*) <= {most} as are_few from (select {since} {latest_first} limit {most} + 1) as since
), replaced_since as materialized (
select * {since} and (select are_few from replaced) {latest_first} limit {most}
)
"""

    def _tables(self) -> Iterator[tuple[str, list[str]]]:
        """Each table to look into, with what a row of it must be to be valid then."""
        name, instant = self.projection.name, self.listing.as_of
        if instant is None:
            yield name, []
            return
        self.given["as_of"] = instant
        bounds = ["valid_from <= %(as_of)s"]
        if self.way == "desc":
            bounds.append(f"{self.key} <= catalog.rfc3339(%(as_of)s)")
        yield name, bounds
        yield f"{name}_history", [*bounds, "valid_to > %(as_of)s"]

    def _equality_conditions(self) -> Iterator[list[str]]:
        """The filters by equality. A field of few values that an order's index begins with, and that is not given, is
        tried with each of them, so that the index serves."""
        for field, value in self.listing.equal.items():
            self.given[f"equal_{field}"] = value
        given = [f"{quoted_identifier(field)} = %(equal_{field})s" for field in self.listing.equal]
        walks = self.listing.order is not None and self.among is None
        few = self._fields_of_few_values() if walks else {}
        for values in product(*few.values()):
            yield [
                *given,
                *(
                    f"{quoted_identifier(field)} = {_escape_percent(value)}"
                    for field, value in zip(few, values, strict=True)
                ),
            ]

    def _fields_of_few_values(self) -> dict[str, tuple[str, ...]]:
        hints = get_type_hints(self.projection.document)
        indexed = {name for index in self._indexes() for name in field_names(index.fields)}
        return {
            field: get_args(hints[field])
            for field in sorted(indexed - self.listing.equal.keys())
            if get_origin(hints[field]) is Literal
        }

    def _conditions(self) -> Iterator[str]:
        yield from self._distance_condition()
        if self.listing.after is not None:
            self.given |= {"after": self.listing.after.value, "after_id": self.listing.after.id}
            comparison = "<" if self.way == "desc" else ">"
            yield f"({self.key}, id) {comparison} (%(after)s, %(after_id)s)"

    def _search_condition(self) -> str:
        words = indexes_of_kind(self.projection, TextSearch)
        assert words, f"{self.projection.__name__} has no words to search"
        return searched_text(field_names(words.fields))

    def _distance_condition(self) -> Iterator[str]:
        if self.listing.near is not None and self.listing.near.within_km is not None:
            self.given["within_km"] = self.listing.near.within_km
            yield f"{self._distance()} <= %(within_km)s"

    def _distance(self) -> str:
        place, near = indexes_of_kind(self.projection, GeoSearch), self.listing.near
        assert isinstance(place, GeoSearch), f"{self.projection.__name__} has no places"
        assert near is not None, "a distance is from somewhere"
        self.given |= {"latitude": near.latitude, "longitude": near.longitude}
        latitude, longitude = (
            f"{degrees(name)}::double precision" for name in field_names((place.latitude, place.longitude))
        )
        return f"catalog.distance_km(%(latitude)s, %(longitude)s, {latitude}, {longitude})"

    def _document(self) -> str:
        """Of a row that is answered; what is sorted is without its distance."""
        if self.listing.near is None:
            return "document"
        distance = "key" if self.listing.order is None else self._distance()
        return f"document || jsonb_build_object('distance_km', round(({distance})::numeric, 3))"

    def _order(self) -> tuple[str, Literal["asc", "desc"]]:
        """What documents are ordered by, and which way."""
        if self.listing.order is None:
            return self._distance(), "asc"
        (index, *_) = self._indexes()
        if index.newest_first is not None:
            return quoted_identifier(self.listing.order), "desc"
        return quoted_identifier(sort_key(self.listing.order)), "asc"

    def _indexes(self) -> list[Index]:
        """The projection's indexes in the order asked for."""
        found = [
            index
            for index in self.projection.indexes
            if isinstance(index, Index) and self.listing.order in field_names(order_field(index))
        ]
        assert found, f"{self.projection.__name__} has no index in the order of {self.listing.order}"
        return found


def order_field(index: Index) -> list[MemberDescriptorType]:
    """The field that ends an index, if one does."""
    ends = (index.newest_first, index.alphabetical)
    return [cast(MemberDescriptorType, field) for field in ends if field is not None]


def _escape_percent(value: str) -> str:
    """A text in a query with parameters: there a percent sign is written twice."""
    return literal(value.replace("%", "%%"))


def _expression(text: str) -> sql.SQL:
    """SQL made of the projection's own names; what is given is in parameters."""
    return sql.SQL(text)


def bounding_boxes(near: Near) -> list[tuple[float, float, float, float]]:
    """West, south, east and north of one or two boxes that hold everything so near, in degrees, a little too large."""
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
