"""Builds the query of a listing, now or as of any instant, with the same filters, orders and pages.

As of an instant there are two branches: the serving documents that are old enough, and the documents that were replaced
later. Each branch has its own order and limit, so Postgres walks an index and stops after a page. A search first asks
for candidates: all documents that ever contained its words. Then it compares the text of each candidate.

For a recent instant almost no row of the history is valid, so a walk in order would read many rows for nothing. If few
documents were replaced since the instant, they are looked up by when they were replaced.
"""

from collections.abc import Iterator
from itertools import product
from types import MemberDescriptorType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

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
from app.engine.postgres.identifiers import quoted_identifier
from app.engine.projection.check_indexes import sort_key
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rules import GeoSearch, Index, TextSearch
from app.engine.queries import listing as bounds
from app.engine.queries.listing import Listing
from app.engine.queries.search_terms import HAS_STEMS, SearchTerms

Query = tuple[sql.SQL, dict[str, Any]]
"""The text of a query, and its parameters."""


def listing_query(projection: AnyProjection, listing: Listing, candidates: list[int] | None = None) -> Query:
    """The query for rows of (key, id, document), and its parameters; only among the candidates, if they are known.

    A search without candidates compares at most WALKED_MAX documents. A row without a document marks where that walk
    ended: the rows behind it are unknown. By distance that row comes first.
    """
    query = _ListingQuery(projection, listing, candidates)
    return sql.SQL(query.text()), query.parameters()


class _ListingQuery:
    """One query. The text contains only names of the projection; all values are in `parameters`."""

    def __init__(self, projection: AnyProjection, listing: Listing, candidates: list[int] | None) -> None:
        self._projection = projection
        self._listing = listing
        self._candidates = candidates
        self._search = SearchTerms(listing.search)
        self._walks = candidates is None and bool(self._search.terms)
        """Whether it compares documents with the search in their order, up to WALKED_MAX of them."""
        self._key, self._direction = self._order()
        self._in_order = f"order by key {self._direction}, id {self._direction}"

    def parameters(self) -> dict[str, Any]:
        """The values of all placeholders in the text."""
        listing, near = self._listing, self._listing.near
        values: dict[str, Any] = {
            "limit": listing.limit,
            "offset": listing.offset,
            "reach": listing.limit + listing.offset,
            **{f"equal_{field}": value for field, value in listing.equal.items()},
        }
        if self._candidates is not None:
            values["candidates"] = self._candidates
        if listing.as_of is not None:
            values["as_of"] = listing.as_of
        if listing.after is not None:
            values |= {"after": listing.after.value, "after_id": listing.after.id}
        if near is not None:
            values |= {"latitude": near.latitude, "longitude": near.longitude}
            values |= {} if near.within_km is None else {"within_km": near.within_km}
        if self._search.terms:
            values |= self._search.parameters()
        if self._walks:
            values["most_walked"] = bounds.WALKED_MAX // len(list(self._equality_conditions()))
        return values

    def text(self) -> str:
        branches = [
            self._branch(source, [*validity, *values, *self._conditions()])
            for source, validity in self._sources()
            for values in self._equality_conditions()
        ]
        union = "\nunion all\n".join(branches)
        if self._walks:
            found = self._cut_at_end_of_walk(union)
        else:
            found = (
                f"select key, id, {self._answered_document()} as document from (\n{union}\n) as found\n{self._in_order}"
            )
            found += " limit %(limit)s offset %(offset)s"
        return f"{self._replaced_since()}{found}"

    def _cut_at_end_of_walk(self, union: str) -> str:
        """The rows up to and including the first without a document, even if the offset would skip that row."""
        window = f"over ({self._in_order} rows unbounded preceding)"
        numbered = (
            f"select key, id, document, row_number() {window} as place, every(document is not null) {window} as known\n"
            f"from (\n{union}\n) as found {self._in_order}"
        )
        return (
            f"select key, id, case when known then {self._answered_document()} end as document"
            f" from (\n{numbered}\n) as found\n"
            f"where place > %(offset)s or not known {self._in_order} limit %(limit)s"
        )

    def _branch(self, source: str, conditions: list[str]) -> str:
        """The rows of one table, or of one value that an index begins with, in order."""
        where = " and ".join(conditions) or "true"
        if self._search.terms:
            return self._search_branch(source, where)
        return (
            f"(select {self._key} as key, id, document\nfrom {source}\nwhere {where}\n{self._in_order} limit %(reach)s)"
        )

    def _search_branch(self, source: str, where: str) -> str:
        """An inner query joins the searched text once for all terms. A walk numbers its rows; its last row has no
        document."""
        columns = f"{self._key} as key, id, document, lower({self._searched_text()}) as lowered"
        matches = self._search.match_condition(self._searched_text(), "lowered", self._has_stems())
        if not self._walks:
            said, key, document = f"select {columns} from {source} where {where} offset 0", "key", "document"
        else:
            in_order = self._listing.order is not None
            walk = f"order by {self._key} {self._direction}, id {self._direction}" if in_order else ""
            said = (
                f"select {columns}, row_number() over ({walk}) as place\nfrom {source} where {where}\n"
                f"{self._in_order if in_order else ''} limit %(most_walked)s + 1"
            )
            matches = f"(place > %(most_walked)s or {matches})"
            document = "case when place <= %(most_walked)s then document end"
            key = "key" if in_order else "case when place <= %(most_walked)s then key else -1 end"
        return (
            f"(select {key} as key, id, {document} as document\nfrom ({said}) as said\n"
            f"where {matches}\n{self._in_order} limit %(reach)s)"
        )

    def _has_stems(self) -> str | None:
        """A cheap condition on the index of words, asked before the text is parsed; not worth it for few candidates."""
        if self._candidates is not None and len(self._candidates) <= bounds.CANDIDATES_MAX:
            return None
        words = f"catalog.{self._projection.name}_words"
        return f"(select {HAS_STEMS} from {words} as known where known.id = said.id)"

    def _sources(self) -> Iterator[tuple[str, list[str]]]:
        """Each source of rows, and the conditions of validity on its rows.

        Rows of candidates are looked up by their key: `offset 0` makes Postgres do so.
        """
        for table, validity in self._tables():
            if self._candidates is not None:
                where = " and ".join(["id = any (%(candidates)s)", *validity])
                yield f"(select * from catalog.{table} where {where} offset 0) as candidate", validity
            elif table == self._projection.name:
                yield f"catalog.{table}", validity
            else:
                yield f"catalog.{table}", ["not (select are_few from replaced)", *validity]
                yield f"replaced_since as {quoted_identifier(table)}", validity

    def _tables(self) -> Iterator[tuple[str, list[str]]]:
        """Each table with documents, and the conditions for a row of it to be valid at the instant."""
        name = self._projection.name
        if self._listing.as_of is None:
            yield name, []
            return
        validity = ["valid_from <= %(as_of)s"]
        if self._direction == "desc":
            validity.append(f"{self._key} <= catalog.rfc3339(%(as_of)s)")
        yield name, validity
        yield f"{name}_history", [*validity, "valid_to > %(as_of)s"]

    def _replaced_since(self) -> str:
        """The `with` clause that the branches of the history share.

        Its order and limit make Postgres use the index in a plan for any instant, too.
        """
        if self._candidates is not None or self._listing.as_of is None:
            return ""
        history, instant = f"catalog.{self._projection.name}_history", replaced_at("%(as_of)s")
        most = bounds.RECENTLY_REPLACED_MAX
        since, latest_first = f"from {history} where {REPLACED_AT} > {instant}", f"order by {REPLACED_AT} desc"
        return f"""\
with replaced as materialized (
select count(*) <= {most} as are_few from (select {since} {latest_first} limit {most} + 1) as since
), replaced_since as materialized (
select * {since} and (select are_few from replaced) {latest_first} limit {most}
)
"""

    def _equality_conditions(self) -> Iterator[list[str]]:
        """The filters by equality, once for each branch.

        If the index of the order begins with a field of few values and the listing does not filter by it, each of the
        values gets a branch, so that the index serves.
        """
        asked_for = [f"{quoted_identifier(field)} = %(equal_{field})s" for field in self._listing.equal]
        in_order = self._listing.order is not None and self._candidates is None
        few = self._fields_of_few_values() if in_order else {}
        for values in product(*few.values()):
            pairs = zip(few, values, strict=True)
            yield [*asked_for, *(f"{quoted_identifier(field)} = {_escape_percent(value)}" for field, value in pairs)]

    def _fields_of_few_values(self) -> dict[str, tuple[str, ...]]:
        hints = get_type_hints(self._projection.document)
        indexed = {name for index in self._indexes() for name in field_names(index.fields)}
        return {
            field: get_args(hints[field])
            for field in sorted(indexed - self._listing.equal.keys())
            if get_origin(hints[field]) is Literal
        }

    def _conditions(self) -> Iterator[str]:
        """The conditions by distance and by the last page."""
        if self._listing.near is not None and self._listing.near.within_km is not None:
            yield f"{self._distance()} <= %(within_km)s"
        if self._listing.after is not None:
            comparison = "<" if self._direction == "desc" else ">"
            yield f"({self._key}, id) {comparison} (%(after)s, %(after_id)s)"

    def _searched_text(self) -> str:
        words = indexes_of_kind(self._projection, TextSearch)
        assert words, f"{self._projection.__name__} has no words to search"
        return searched_text(field_names(words.fields))

    def _distance(self) -> str:
        place = indexes_of_kind(self._projection, GeoSearch)
        assert isinstance(place, GeoSearch), f"{self._projection.__name__} has no places"
        assert self._listing.near is not None, "a distance is from somewhere"
        latitude, longitude = (
            f"{degrees(name)}::double precision" for name in field_names((place.latitude, place.longitude))
        )
        return f"catalog.distance_km(%(latitude)s, %(longitude)s, {latitude}, {longitude})"

    def _answered_document(self) -> str:
        """The document of a row of the answer, with its distance if the listing has a place."""
        if self._listing.near is None:
            return "document"
        distance = "key" if self._listing.order is None else self._distance()
        return f"document || jsonb_build_object('distance_km', round(({distance})::numeric, 3))"

    def _order(self) -> tuple[str, Literal["asc", "desc"]]:
        """The expression that documents are ordered by, and the direction."""
        if self._listing.order is None:
            return self._distance(), "asc"
        (index, *_) = self._indexes()
        if index.newest_first is not None:
            return quoted_identifier(self._listing.order), "desc"
        return quoted_identifier(sort_key(self._listing.order)), "asc"

    def _indexes(self) -> list[Index]:
        """The projection's indexes that end with the listing's order."""
        found = [
            index
            for index in self._projection.indexes
            if isinstance(index, Index) and self._listing.order in field_names(_order_field(index))
        ]
        assert found, f"{self._projection.__name__} has no index in the order of {self._listing.order}"
        return found


def _order_field(index: Index) -> list[MemberDescriptorType]:
    """The field that ends an index, if one does."""
    ends = (index.newest_first, index.alphabetical)
    return [cast(MemberDescriptorType, field) for field in ends if field is not None]


def _escape_percent(value: str) -> str:
    """A literal in a query with parameters: psycopg reads two percent signs as one."""
    return literal(value.replace("%", "%%"))
