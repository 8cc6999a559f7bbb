"""A moment of an item's past as clients name it, a version or an instant, and the item then."""

from datetime import datetime

from app.documents import Document, Documents
from app.http.answers import rfc3339
from app.http.instants import parse_instant
from app.item import ItemNotFound
from app.store import LAST_VERSION


def parse_moment(text: str) -> int | datetime:
    """A plain integer is a version, also one that no item has; anything else is an instant, or Malformed is raised."""
    if text.isascii() and text.isdigit():
        return min(int(text), LAST_VERSION) if len(text) <= len(str(LAST_VERSION)) else LAST_VERSION
    return parse_instant(text)


async def item_at(documents: Documents, item_id: int, moment: int | datetime) -> Document:
    """The item at a version or as of an instant. Raises ItemNotFound if there was none."""
    if isinstance(moment, datetime):
        found = await documents.get_as_of(item_id, until=moment)
        if found is None:
            raise ItemNotFound(f"There was no item {item_id} at {rfc3339(moment)}.")
        return found
    found = await documents.get_as_of(item_id, version=moment) if 1 <= moment <= LAST_VERSION else None
    if found is None or found.version != moment:
        raise no_such_version(item_id, moment)
    return found


def no_such_version(item_id: int, version: int) -> ItemNotFound:
    return ItemNotFound(f"Item {item_id} has no version {version}.")
