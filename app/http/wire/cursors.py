"""Writes and checks cursors, which hold a listing, its instant and a page's last item. They are opaque to clients."""

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
    """The end of a page."""

    of: str
    """The `listing_id`: a cursor is valid in its own listing only."""
    as_of: Annotated[datetime, Meta(tz=True)]
    value: Annotated[str, Meta(pattern="^[^\x00]*$")] | float
    id: Annotated[int, Meta(ge=1, le=LARGEST_ID)]

    @property
    def key(self) -> SortKey:
        return SortKey(self.value, self.id)


def listing_id(*what: object) -> str:
    """A digest of what is listed and in which order."""
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:12]


def write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str, of: str, kind: type[str] | type[float]) -> Cursor:
    """Parse a cursor whose sort key is a `kind`. Raises InvalidInput for text that is not a cursor of this listing."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Cursor)
    except (UnicodeError, binascii.Error, msgspec.DecodeError):
        raise invalid_parameter("cursor", "This is not a cursor that a page of this listing gave.") from None
    if cursor.of != of or not isinstance(cursor.value, kind):
        raise invalid_parameter("cursor", "This cursor belongs to another listing: other filters or another order.")
    return cursor
