"""Memento (RFC 7089): the links and headers by which a client that knows nothing of us finds an item's past.

The item is the original resource; `/time-travel` is its TimeGate, `/history` its TimeMap, each version a Memento.
Memento counts in whole seconds: those asked for last until their end, so that what was recorded in them is seen.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from litestar import MediaType, Request, Response
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from app.engine.store.event_store import Surroundings
from app.errors import Malformed
from app.http.wire.content_negotiation import liking_of_type
from app.http.wire.links import address_of
from app.settings import Settings

LINK_FORMAT = "application/link-format"
REST_OF_THE_SECOND = timedelta(microseconds=999_999)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HTTP_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4})"
    r" (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) GMT",
    re.ASCII,
)
TO_A_MEMENTO = ResponseSpec(None, description="Without `timestamp`: to the version of the time in `Accept-Datetime`")


class Past(Struct, frozen=True):
    """The addresses of an item and its past."""

    original: str

    @property
    def timegate(self) -> str:
        return f"{self.original}/time-travel"

    @property
    def timemap(self) -> str:
        return f"{self.original}/history"

    def memento(self, version: int) -> str:
        return f"{self.original}/versions/{version}"


def past_of(request: Request[Any, Any, Any], settings: Settings, item_id: int) -> Past:
    """`request` asked for the item or for anything below it."""
    front, _, _ = request.scope["path"].partition("/items/")
    return Past(address_of(request, settings, f"{front}/items/{item_id}"))


def of_the_original(past: Past) -> dict[str, str]:
    """The header that tells where the past of an item is."""
    return {"Link": ", ".join([_link(past.timegate, "timegate"), _link_to_timemap(past, "timemap")])}


def of_a_memento(past: Past, around: Surroundings) -> dict[str, str]:
    """The headers of a version. Caches keep them for ever, so they do not name the last version, which changes."""
    names = {"first": 1, "prev": around.version - 1, "next": around.version + 1}
    links = [_link(past.original, "original"), _link(past.timegate, "timegate"), _link_to_timemap(past, "timemap")]
    links += _links_to_mementos(past, around, names)
    return {"Memento-Datetime": http_date(around.recorded_at[around.version]), "Link": ", ".join(links)}


def time_gate(past: Past, around: Surroundings) -> Response[Any]:
    """Leads to the version that was chosen for an Accept-Datetime."""
    names = {"first": 1, "prev": around.version - 1, "next": around.version + 1, "last": around.last}
    links = [_link(past.original, "original"), _link_to_timemap(past, "timemap")]
    links += _links_to_mementos(past, around, names)
    headers = {"Location": past.memento(around.version), "Link": ", ".join(links)}
    headers |= {"Vary": "accept-datetime", "Cache-Control": "no-cache"}
    return Response(b"", status_code=302, media_type=MediaType.TEXT, headers=headers)


def time_map(past: Past, instants: Sequence[datetime]) -> Response[Any]:
    """All versions, by when each of them began, the first first; as RFC 6690 writes links."""
    ends = {"from": http_date(instants[0]), "until": http_date(instants[-1])}
    links = [_link(past.original, "original"), _link(past.timegate, "timegate"), _link_to_timemap(past, "self", **ends)]
    for version, instant in enumerate(instants, start=1):
        names = [name for name, named in (("first", 1), ("last", len(instants))) if named == version]
        rel = " ".join([*names, "memento"])
        links.append(_link(past.memento(version), rel, datetime=http_date(instant)))
    headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(",\n".join(links).encode(), media_type=LINK_FORMAT, headers=headers)


def wants_time_map(accept: str) -> bool:
    """Whether an Accept header would rather have links than JSON."""
    links = liking_of_type(accept, LINK_FORMAT)
    return links.weight > 0 and links > liking_of_type(accept, "application/json")


def until_of(accept_datetime: str | None) -> datetime | None:
    """The end of the second that an Accept-Datetime names; None, which is now, without one. Raises Malformed.

    The day of the week is not compared with the date, as nobody does.
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
        raise Malformed(f"Accept-Datetime is no time: {error}.") from None
    return begins + REST_OF_THE_SECOND


def http_date(instant: datetime) -> str:
    """The second that an instant is in, as HTTP writes it."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _links_to_mementos(past: Past, around: Surroundings, names: dict[str, int]) -> Iterator[str]:
    """One link to each version that has a name, and to the one that was chosen; it may have several."""
    for version, instant in around.recorded_at.items():
        given = [name for name, named in names.items() if named == version]
        if given or version == around.version:
            yield _link(past.memento(version), " ".join([*given, "memento"]), datetime=http_date(instant))


def _link_to_timemap(past: Past, rel: str, **attributes: str) -> str:
    return _link(past.timemap, rel, type=LINK_FORMAT, **attributes)


def _link(address: str, rel: str, **attributes: str) -> str:
    return "; ".join([f"<{address}>", *(f'{name}="{value}"' for name, value in {"rel": rel, **attributes}.items())])
