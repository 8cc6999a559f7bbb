"""A moment of an item's past as clients name it, a version or an instant, and the item then."""

from datetime import datetime

import msgspec
from msgspec import Struct

from app.domain.item import ItemNotFound
from app.engine.queries.documents import Documents
from app.engine.store.event_store import LAST_VERSION
from app.engine.store.live_fold import Document
from app.http.auth.actor import Actor
from app.http.wire.responses import rfc3339
from app.parsing.instants import parse_instant


def parse_moment(text: str) -> int | datetime:
    """A plain integer is a version, also one that no item has; anything else is an instant, or Malformed is raised."""
    if text.isascii() and text.isdigit():
        return min(int(text), LAST_VERSION) if len(text) <= len(str(LAST_VERSION)) else LAST_VERSION
    return parse_instant(text)


class Owned(Struct, frozen=True):
    owner_id: str


async def own_item(documents: Documents, item_id: int, actor: Actor) -> Document:
    """The present item, by one look at its document, before anything of its past is read.

    Raises ItemNotFound, and NotYours unless the actor is its owner or an admin.
    """
    current = await documents.get(item_id)
    if current is None:
        raise ItemNotFound("There is no such item.")
    actor.check_is_theirs(msgspec.json.decode(current.json, type=Owned).owner_id)
    return current


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
