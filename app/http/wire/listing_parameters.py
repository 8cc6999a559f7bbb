"""Parses a listing's query parameters, and answers one page with a link to the next as of the same instant."""

import math
import re
from typing import Annotated, Any, Literal

from litestar import Request, Response
from litestar.openapi.spec import OpenAPIType
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from app.constraints import LARGEST_ID, NO_CONTROL_CHARACTERS
from app.engine.queries.documents import Documents, ListingPage
from app.engine.queries.listing import DISTANCE_MAX_KM, Listing, Near
from app.http.wire.cursors import LONGEST_CURSOR, Cursor, listing_id, read_cursor, write_cursor
from app.http.wire.links import next_page_header
from app.http.wire.problem_details import invalid_parameter
from app.http.wire.responses import json_response
from app.http.wire.text_parameters import text_parameter
from app.http.wire.time_parameters import AsOf, AsOfResolver, MinPosition
from app.parsing.numbers import NUMBER_PATTERN, parse_number
from app.settings import Settings

LONGEST_SEARCH = 200
LATITUDE_LONGITUDE = re.compile(rf"\s*({NUMBER_PATTERN})\s*,\s*({NUMBER_PATTERN})\s*", re.ASCII)
LONGEST_NEAR = 100

AnyStatus = Literal["active", "archived", "swapped", "any"]
Sort = Literal["newest", "updated", "name", "nearest"]
ORDERS: dict[Sort, str | None] = {"newest": "created_at", "updated": "updated_at", "name": "name", "nearest": None}
"""The field that each order sorts by; None sorts by distance."""

StatusFilter = Annotated[AnyStatus, QueryParameter(description="`any` means no filter.")]
SearchText = Annotated[
    str | None,
    text_parameter(
        "A hit contains each word as a case-insensitive substring of name or description, or matches all words by"
        " English stemming. There is no query syntax.",
        LONGEST_SEARCH,
    ),
]
ExactFilter = Annotated[str | None, text_parameter("Matches this value exactly.", 100)]
NearPlace = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=LONGEST_NEAR,
        description="`latitude,longitude` in degrees; each item gets `distance_km`.",
    ),
]
WithinKm = Annotated[
    str | None,
    QueryParameter(
        description="The largest distance from `near`, in kilometres.",
        schema_extra={"one_of": None, "type": OpenAPIType.NUMBER, "exclusive_minimum": 0, "maximum": DISTANCE_MAX_KM},
    ),
]
SortOrder = Annotated[Sort, QueryParameter(description="`nearest` requires `near`; `name` ignores ASCII case.")]
CursorText = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=LONGEST_CURSOR, description="The cursor in the `next` link of the previous page."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=LARGEST_ID)]


class ListingParameters(Struct, frozen=True, kw_only=True):
    """The parameters of `GET /items` as the client gave them."""

    search: SearchText = None
    category: ExactFilter = None
    owner_id: ExactFilter = None
    status: StatusFilter = "active"
    near: NearPlace = None
    within_km: WithinKm = None
    sort: SortOrder = "newest"
    limit: Limit = 100
    cursor: CursorText = None
    offset: Offset = 0
    as_of: AsOf = None
    min_position: MinPosition = None

    def as_query(self) -> dict[str, object]:
        """The given parameters that identify the listing, for the address of its next page."""
        given = {"search": self.search, "category": self.category, "owner_id": self.owner_id, "near": self.near}
        return {
            **{name: value for name, value in given.items() if value is not None},
            "within_km": self.within_km,
            "status": self.status,
            "sort": self.sort,
            "limit": self.limit,
        }


async def listing_response(
    parameters: ListingParameters,
    request: Request[Any, Any, Any],
    documents: Documents,
    as_of_resolver: AsOfResolver,
    settings: Settings,
) -> Response[Any]:
    """Answer one page. Raises InvalidInput for parameters that exclude each other."""
    if parameters.search is not None and not parameters.search.strip():
        raise invalid_parameter("search", "This is blank: leave it out, or give it a word. Write a plus as %2B.")
    near = _parse_near(parameters)
    query = parameters.as_query()
    listing = listing_id(*(value for name, value in sorted(query.items()) if name != "limit"))
    cursor = _parse_cursor(parameters, listing)
    if cursor:
        point = await as_of_resolver.resolve_cursor(cursor.as_of, parameters.min_position)
    else:
        point = await as_of_resolver.resolve(parameters.as_of, parameters.min_position)
    page = await documents.list_page(
        Listing(
            order=ORDERS[parameters.sort],
            equal=equality_filters(parameters.category, parameters.owner_id, parameters.status),
            search=parameters.search or "",
            near=near,
            as_of=point.instant,
            after=cursor.key if cursor else None,
            limit=parameters.limit,
            offset=parameters.offset,
        )
    )
    return json_response(page.json, headers=point.headers | _next_page(page, listing, query, request, settings))


def _next_page(
    page: ListingPage, listing: str, parameters: dict[str, object], request: Request[Any, Any, Any], settings: Settings
) -> dict[str, str]:
    if page.last is None or page.as_of is None:
        return {}
    cursor = write_cursor(Cursor(of=listing, as_of=page.as_of, value=page.last.value, id=page.last.id))
    return next_page_header(request, settings, **parameters, cursor=cursor)


def equality_filters(category: str | None, owner_id: str | None, status: AnyStatus) -> dict[str, str]:
    """The given filters; `any` is no filter."""
    equal = {"category": category, "owner_id": owner_id, "status": None if status == "any" else status}
    return {field: value for field, value in equal.items() if value is not None}


def _parse_cursor(parameters: ListingParameters, listing: str) -> Cursor | None:
    if parameters.cursor is None:
        return None
    for name, given in (("offset", parameters.offset), ("as_of", parameters.as_of)):
        if given:
            raise invalid_parameter(
                name, "The cursor already holds the page's begin and its instant: leave this parameter out."
            )
    return read_cursor(parameters.cursor, listing, float if parameters.sort == "nearest" else str)


def _parse_near(parameters: ListingParameters) -> Near | None:
    if parameters.near is None:
        if parameters.within_km is not None:
            raise invalid_parameter("within_km", "A distance needs a place: add near=latitude,longitude.")
        if parameters.sort == "nearest":
            raise invalid_parameter("sort", "Sorting by distance needs a place: add near=latitude,longitude.")
        return None
    match = LATITUDE_LONGITUDE.fullmatch(parameters.near)
    latitude, longitude = (parse_number(match[1]), parse_number(match[2])) if match else (math.nan, math.nan)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise invalid_parameter("near", "Write a place as latitude,longitude in degrees, such as 52.52,13.405.")
    return Near(
        latitude=round(latitude, 6), longitude=round(longitude, 6), within_km=_parse_within_km(parameters.within_km)
    )


def _parse_within_km(text: str | None) -> float | None:
    if text is None:
        return None
    distance = parse_number(text)
    if not 0 < distance <= DISTANCE_MAX_KM:
        raise invalid_parameter(
            "within_km", f"This must be a number of kilometres, more than 0 and at most {DISTANCE_MAX_KM:g}."
        )
    return distance


OwnerId = Annotated[str, PathParameter(min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS)]
