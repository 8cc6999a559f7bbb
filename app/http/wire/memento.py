"""Memento (RFC 7089): writes the links and headers by which a Memento client finds an item's past versions.

The item is the original resource; `/time-travel` is its TimeGate, `/history` its TimeMap, each version a Memento.
Memento times have one-second resolution. A requested second counts to its end, so its events are included.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from litestar import MediaType, Request, Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from app.engine.store.event_store import AdjacentVersions
from app.errors import Malformed
from app.http.wire.content_negotiation import media_type_preference
from app.http.wire.links import public_url_of
from app.settings import Settings

LINK_FORMAT = "application/link-format"
REST_OF_THE_SECOND = timedelta(microseconds=999_999)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HTTP_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4})"
    r" (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) GMT",
    re.ASCII,
)
MEMENTO_REDIRECT = ResponseSpec(
    None, description="Without `timestamp`: redirects to the version at the time in `Accept-Datetime`"
)


class MementoUris(Struct, frozen=True):
    """The addresses of an item and its past versions."""

    original: str

    @property
    def timegate(self) -> str:
        return f"{self.original}/time-travel"

    @property
    def timemap(self) -> str:
        return f"{self.original}/history"

    def memento(self, version: int) -> str:
        return f"{self.original}/versions/{version}"


def memento_uris(request: Request[Any, Any, Any], settings: Settings, item_id: int) -> MementoUris:
    """The item's addresses; `request` is for the item or for a path below it."""
    front, _, _ = request.scope["path"].partition("/items/")
    return MementoUris(public_url_of(request, settings, f"{front}/items/{item_id}"))


def original_headers(uris: MementoUris) -> dict[str, str]:
    """The Link header to the past versions of an item."""
    return {"Link": ", ".join([_link(uris.timegate, "timegate"), _link_to_timemap(uris, "timemap")])}


def memento_headers(uris: MementoUris, adjacent: AdjacentVersions) -> dict[str, str]:
    """The headers of a version. Caches keep them permanently, so they do not name the last version, which changes."""
    names = {"first": 1, "prev": adjacent.version - 1, "next": adjacent.version + 1}
    links = [_link(uris.original, "original"), _link(uris.timegate, "timegate"), _link_to_timemap(uris, "timemap")]
    links += _links_to_mementos(uris, adjacent, names)
    return {"Memento-Datetime": http_date(adjacent.recorded_at[adjacent.version]), "Link": ", ".join(links)}


def timegate_response(uris: MementoUris, adjacent: AdjacentVersions) -> Response[Any]:
    """Redirect to the version that was chosen for an Accept-Datetime."""
    names = {"first": 1, "prev": adjacent.version - 1, "next": adjacent.version + 1, "last": adjacent.last}
    links = [_link(uris.original, "original"), _link_to_timemap(uris, "timemap")]
    links += _links_to_mementos(uris, adjacent, names)
    headers = {"Location": uris.memento(adjacent.version), "Link": ", ".join(links)}
    headers |= {"Vary": "accept-datetime", "Cache-Control": "no-cache"}
    return Response(b"", status_code=302, media_type=MediaType.TEXT, headers=headers)


def timemap_response(uris: MementoUris, instants: Sequence[datetime]) -> Response[Any]:
    """Links to all versions, oldest first, as RFC 6690 writes links. `instants` says when each version began."""
    ends = {"from": http_date(instants[0]), "until": http_date(instants[-1])}
    links = [_link(uris.original, "original"), _link(uris.timegate, "timegate"), _link_to_timemap(uris, "self", **ends)]
    for version, instant in enumerate(instants, start=1):
        names = [name for name, named in (("first", 1), ("last", len(instants))) if named == version]
        rel = " ".join([*names, "memento"])
        links.append(_link(uris.memento(version), rel, datetime=http_date(instant)))
    content = ",\n".join(links).encode()
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"', "Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(content, media_type=LINK_FORMAT, headers=headers)


def wants_time_map(accept: str) -> bool:
    """Whether an Accept header prefers links to JSON."""
    links = media_type_preference(accept, LINK_FORMAT)
    return links.weight > 0 and links > media_type_preference(accept, "application/json")


def parse_accept_datetime(accept_datetime: str | None) -> datetime | None:
    """The end of the second that an Accept-Datetime names; None, which means now, without the header.

    The day of the week is not compared with the date. Raises Malformed.
    """
    if accept_datetime is None:
        return None
    match = HTTP_DATE.fullmatch(accept_datetime.strip())
    if match is None or match["month"] not in MONTHS:
        raise Malformed("Accept-Datetime must be written as Thu, 15 Jan 2026 10:30:00 GMT.")
    if match["second"] == "60":
        raise Malformed("Accept-Datetime has a leap second, which this service does not know; use second 59.")
    year, day, hour, minute, second = (int(match[part]) for part in ("year", "day", "hour", "minute", "second"))
    try:
        begins = datetime(year, MONTHS.index(match["month"]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Malformed(f"Accept-Datetime is not a valid time: {error}.") from None
    return begins + REST_OF_THE_SECOND


def http_date(instant: datetime) -> str:
    """The instant in the format of HTTP dates, which have whole seconds."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _links_to_mementos(uris: MementoUris, adjacent: AdjacentVersions, names: dict[str, int]) -> Iterator[str]:
    """A link to each named version and to the chosen one; a version may have several names."""
    for version, instant in adjacent.recorded_at.items():
        given = [name for name, named in names.items() if named == version]
        if given or version == adjacent.version:
            yield _link(uris.memento(version), " ".join([*given, "memento"]), datetime=http_date(instant))


def _link_to_timemap(uris: MementoUris, rel: str, **attributes: str) -> str:
    return _link(uris.timemap, rel, type=LINK_FORMAT, **attributes)


def _link(address: str, rel: str, **attributes: str) -> str:
    return "; ".join([f"<{address}>", *(f'{name}="{value}"' for name, value in {"rel": rel, **attributes}.items())])
