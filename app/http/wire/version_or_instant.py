"""Parses a version or an instant, and reads an item as of it."""

from datetime import datetime

import msgspec
from msgspec import Struct

from app.domain.item import ItemNotFound
from app.engine.events.timestamps import shortest_rfc3339
from app.engine.queries.documents import Documents
from app.engine.store.event_store import LAST_VERSION
from app.engine.store.live_fold import Document
from app.http.auth.actor import Actor
from app.parsing.instants import parse_instant


def parse_version_or_instant(text: str) -> int | datetime:
    """An integer is a version, even one that no item has; other text is an instant. Raises Malformed."""
    if text.isascii() and text.isdigit():
        return min(int(text), LAST_VERSION) if len(text) <= len(str(LAST_VERSION)) else LAST_VERSION
    return parse_instant(text)


class OwnerOfItem(Struct, frozen=True):
    owner_id: str


async def require_own_item(documents: Documents, item_id: int, actor: Actor) -> Document:
    """Return the current item. Handlers call it first, so that the owner is checked before history is read.

    Raises ItemNotFound, and NotYours unless the actor is the owner or an admin.
    """
    current = await documents.get(item_id)
    if current is None:
        raise ItemNotFound("There is no such item.")
    actor.require_owner(msgspec.json.decode(current.json, type=OwnerOfItem).owner_id)
    return current


async def item_at(documents: Documents, item_id: int, version_or_instant: int | datetime) -> Document:
    """The item at a version or as of an instant. Raises ItemNotFound if there was none."""
    if isinstance(version_or_instant, datetime):
        found = await documents.get_as_of(item_id, until=version_or_instant)
        if found is None:
            raise ItemNotFound(f"There was no item {item_id} at {shortest_rfc3339(version_or_instant)}.")
        return found
    found = (
        await documents.get_as_of(item_id, version=version_or_instant)
        if 1 <= version_or_instant <= LAST_VERSION
        else None
    )
    if found is None or found.version != version_or_instant:
        raise no_such_version(item_id, version_or_instant)
    return found


def no_such_version(item_id: int, version: int) -> ItemNotFound:
    return ItemNotFound(f"Item {item_id} has no version {version}.")
