"""The catalog as a few dictionaries: the result of each command, and of each read at any instant.

It uses no code of the service. It has no clock: instants come from the answers, as for a client.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

Document = dict[str, Any]
Fact = tuple[str, dict[str, Any]]
"""An event as an item's history shows it: its type and its data."""

FIELDS = ("name", "description", "category", "image_urls", "location_lat", "location_lon")
"""What an update may change besides the status."""
EARTH_RADIUS_KM = 6371.0088


class Refused(Exception):
    """The command or read is answered with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Version(Struct, frozen=True):
    """An item after an event."""

    document: Document
    fact: Fact
    user: str

    @property
    def recorded_at(self) -> datetime:
        return instant(self.document["updated_at"])


class Around(Struct, frozen=True):
    """A place that listings measure from, and the radius of those that are bounded."""

    latitude: float
    longitude: float
    within_km: float | None


class Model:
    def __init__(self) -> None:
        self.items: dict[int, list[Version]] = {}

    def happened(self, item_id: int, facts: Iterable[Fact], recorded: Iterable[str], user: str) -> None:
        """Take down what was recorded of an item, and when."""
        versions = self.items.setdefault(item_id, [])
        for fact, at in zip(facts, recorded, strict=True):
            before = versions[-1].document if versions else {"id": item_id, "created_at": at, "deleted_at": None}
            after = {**before, **changes_by(fact, at), "version": len(versions) + 1, "updated_at": at}
            versions.append(Version(after, fact, user))

    def now(self, item_id: int) -> Document:
        return self.version(item_id, len(self.items.get(item_id, ())))

    def version(self, item_id: int, version: int) -> Document:
        versions = self.items.get(item_id, [])
        if not 1 <= version <= len(versions):
            raise Refused(404)
        return versions[version - 1].document

    def as_of(self, item_id: int, until: datetime | None) -> Document:
        """The item as of an instant; None is now."""
        found = [each for each in self.items.get(item_id, ()) if until is None or each.recorded_at <= until]
        if not found:
            raise Refused(404)
        return found[-1].document

    def at(self, item_id: int, moment: int | datetime | None) -> Document | None:
        """The item at a version or an instant; None before its creation, and for a version that does not exist."""
        try:
            return self.version(item_id, moment) if isinstance(moment, int) else self.as_of(item_id, moment)
        except Refused:
            return None

    def all(self, until: datetime | None = None) -> list[Document]:
        return [
            self.as_of(item_id, until)
            for item_id, versions in self.items.items()
            if until is None or versions[0].recorded_at <= until
        ]

    def replaced_at(self, version: Version) -> datetime | None:
        """When the next version of the item was recorded; None for the current one."""
        later = self.items[version.document["id"]][version.document["version"] :]
        return later[0].recorded_at if later else None

    def replaced(self) -> list[Version]:
        """All versions that are not current."""
        return [each for versions in self.items.values() for each in versions[:-1]]

    def current(self) -> list[Version]:
        return [versions[-1] for versions in self.items.values()]

    def listed(
        self,
        until: datetime | None,
        sort: str = "newest",
        search: str = "",
        around: Around | None = None,
        **equal: str | None,
    ) -> list[Document]:
        """All pages, as one list; a filter that is None is none."""
        found = [each for each in self.all(until) if is_asked_for(each, search, equal) and is_within(each, around)]
        if sort == "name":
            return sorted(found, key=lambda each: (each["name"].lower(), each["id"]))
        if sort == "nearest":
            return sorted(found, key=lambda each: (distance_km(each, around), each["id"]))
        by = {"newest": "created_at", "updated": "updated_at"}[sort]
        return sorted(found, key=lambda each: (instant(each[by]), each["id"]), reverse=True)

    def owner(self, owner_id: str, until: datetime | None) -> Document:
        """An owner in numbers."""
        theirs = [each for each in self.all(until) if each["owner_id"] == owner_id]
        if not theirs:
            raise Refused(404)
        return {
            "owner_id": owner_id,
            "total_items": len(theirs),
            "by_status": Counter(each["status"] for each in theirs),
            "by_category": Counter(each["category"] for each in theirs),
            "first_activity_at": min((each["created_at"] for each in theirs), key=instant),
            "latest_activity_at": max((each["updated_at"] for each in theirs), key=instant),
        }

    def updated(self, item_id: int, fields: Mapping[str, Any]) -> list[Fact]:
        item = self._living(item_id)
        return [*edits(item, fields), *status_changes(item, fields.get("status", item["status"]), None)]

    def status_changed(self, item_id: int, status: str, reason: str | None) -> list[Fact]:
        return status_changes(self._living(item_id), status, reason)

    def deleted(self, item_id: int, reason: str | None) -> list[Fact]:
        return [] if self.now(item_id)["deleted_at"] else [("item_deleted", {"reason": reason})]

    def restored(self, item_id: int, then: Document) -> list[Fact]:
        item = self.now(item_id)
        if then["deleted_at"]:
            raise Refused(409)
        if item["deleted_at"]:
            return [("item_restored", {"status": then["status"]}), *edits(item, then)]
        return [*edits(item, then), *status_changes(item, then["status"], None)]

    def _living(self, item_id: int) -> Document:
        item = self.now(item_id)
        if item["deleted_at"]:
            raise Refused(409)
        return item


def changes_by(fact: Fact, at: str) -> dict[str, Any]:
    """The fields that an event leaves changed, besides version and updated_at."""
    kind, data = fact
    match kind:
        case "item_created":
            return data
        case "item_updated":
            return dict(data["changes"])
        case "item_status_changed":
            return {"status": data["new_status"]}
        case "item_deleted":
            return {"status": "archived", "deleted_at": at}
        case _:
            assert kind == "item_restored"
            return {"status": data["status"], "deleted_at": None}


def edits(item: Document, fields: Mapping[str, Any]) -> list[Fact]:
    changed = {name: fields[name] for name in FIELDS if name in fields and fields[name] != item[name]}
    before = {name: item[name] for name in changed}
    return [("item_updated", {"changes": changed, "previous_values": before})] if changed else []


def status_changes(item: Document, status: str, reason: str | None) -> list[Fact]:
    change = {"old_status": item["status"], "new_status": status, "reason": reason}
    return [("item_status_changed", change)] if status != item["status"] else []


def is_asked_for(item: Document, search: str, equal: Mapping[str, str | None]) -> bool:
    """Every word of a search stands in name or description; none of the words in use here has other forms."""
    text = f"{item['name']} {item['description']}".lower()
    fits = all(value is None or item[field] == value for field, value in equal.items())
    return fits and all(word in text for word in search.lower().split())


def is_within(item: Document, around: Around | None) -> bool:
    return around is None or around.within_km is None or distance_km(item, around) <= around.within_km


def distance_km(item: Document, around: Around | None) -> float:
    """The great-circle distance, by the chord of two points of the sphere; rounded, so that equal places are equal."""
    assert around is not None, "a distance is from somewhere"
    places = ((around.latitude, around.longitude), (item["location_lat"], item["location_lon"]))
    here, there = (_point(math.radians(latitude), math.radians(longitude)) for latitude, longitude in places)
    return round(2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.dist(here, there) / 2)), 6)


def _point(latitude: float, longitude: float) -> tuple[float, float, float]:
    return math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)


def difference(before: Document, after: Document) -> dict[str, Any]:
    """Field by field; an item that was not there yet has none."""
    pairs = {field: {"from": before.get(field), "to": after.get(field)} for field in {**before, **after}}
    return {field: pair for field, pair in pairs.items() if pair["from"] != pair["to"]}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
