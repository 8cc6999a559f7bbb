"""Cursors: the listing, its instant, and the last item of a page. Clients treat them as opaque; they are checked."""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from app.constraints import LARGEST_ID
from app.engine.queries.listing import SortKey
from app.http.wire.problem_details import invalid_parameter

LONGEST_CURSOR = 2000


class Cursor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, array_like=True):
    """The end of one page."""

    of: str
    """Which listing: a cursor means nothing in another."""
    as_of: Annotated[datetime, Meta(tz=True)]
    value: Annotated[str, Meta(pattern="^[^\x00]*$")] | float
    id: Annotated[int, Meta(ge=1, le=LARGEST_ID)]

    @property
    def key(self) -> SortKey:
        return SortKey(self.value, self.id)


def listing_id(*what: object) -> str:
    """A short name for what is listed and in which order."""
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:12]


def write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str, of: str, kind: type[str] | type[float]) -> Cursor:
    """A cursor whose key is of a kind. Raises InvalidInput for what is no cursor of this listing."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Cursor)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        raise invalid_parameter("cursor", "This is not a cursor that a page of this listing gave.") from None
    if cursor.of != of or not isinstance(cursor.value, kind):
        raise invalid_parameter("cursor", "This cursor belongs to another listing: other filters or another order.")
    return cursor
