"""A log as a year of use would leave it: the same one every time, for all benchmarks that need a large one.

The streams are interleaved and of very unequal length. Most changes are a status or a small edit. Words, categories
and owners are as skewed as in practice. All items are in one town.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, get_args

import msgspec
import psycopg

from app.domain.events import Status
from bench.measure import following, scaled

ITEMS = scaled(tiny=100, small=2_000, full=100_000)
SEED = 2026
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
YEAR_SECONDS = 365 * 86_400.0
LIFE_SECONDS = 60 * 86_400.0
"""The mean time from an item's first event to its last."""
CHANGES = 8.6
"""The mean number of changes to an item, without the busy items."""
BUSY = {5_000: 1_000, 50_000: 10_000}
"""Busy items: every 5,000th has a thousand events, every 50,000th ten thousand; at most as many as there are items."""

TOWN = (52.52, 13.405)
"""Latitude and longitude of the town's centre."""
TOWN_DEGREES = (0.135, 0.22)
"""From the centre to the edge, some 15 km; most items are nearer."""
CATEGORIES = 30
STATUSES: tuple[Status, ...] = get_args(Status)
SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
WORDS = 4_000

Fields = dict[str, Any]


Happened = tuple[int, int, datetime, str, str]
"""Stream, version, instant, type and data of an event."""


def fill(connection: psycopg.Connection, items: int = ITEMS) -> int:
    """Write the log of so many items, and return its number of events."""
    stored = store(connection, following(events(items), items * 10, "the log"))
    connection.execute("select setval('catalog.streams_stream_id_seq', %s)", (items,))
    return stored


HAPPENED = """
create temporary table happened (stream_id integer, version integer, recorded_at timestamptz, type text, data jsonb)
"""
STORE = """
insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
select gen_random_uuid(), stream_id, version, type, catalog.redacted_event(type, data), '{"user_id": "bench"}',
    recorded_at
from pg_temp.happened;
insert into catalog.personal (stream_id, version, data)
select stream_id, version, catalog.personal_values(type, data)
from pg_temp.happened
where catalog.personal_values(type, data) is not null;
drop table pg_temp.happened
"""


def store(connection: psycopg.Connection, happened: Iterable[Happened]) -> int:
    """Write events of new streams into the log alone, and return how many."""
    last: dict[int, tuple[int, datetime]] = {}
    connection.execute(HAPPENED)
    with connection.cursor().copy("copy pg_temp.happened from stdin") as copy:
        for stream_id, version, recorded_at, kind, data in happened:
            copy.write_row((stream_id, version, recorded_at, kind, data))
            last[stream_id] = version, recorded_at
    connection.execute(STORE)
    with connection.cursor().copy("copy catalog.streams (stream_id, version, recorded_at) from stdin") as copy:
        for stream_id, (version, recorded_at) in last.items():
            copy.write_row((stream_id, version, recorded_at))
    connection.execute("vacuum analyze catalog.streams, catalog.log, catalog.personal")
    return sum(version for version, _ in last.values())


def events(items: int) -> Iterator[Happened]:
    """The events in the order of the log."""
    chance = random.Random(SEED)
    lives = _Lives(chance, items)
    recorded_at = BEGAN
    for second, stream_id in sorted(_when(chance, items)):
        recorded_at = max(recorded_at + timedelta(microseconds=1), BEGAN + timedelta(seconds=second))
        version, kind, data = lives.next_event(stream_id)
        yield stream_id, version, recorded_at, kind, msgspec.json.encode(data).decode()


def new_items(number: int) -> list[Fields]:
    """Commands that create so many items."""
    lives = _Lives(random.Random(SEED), number)
    return [lives.new_item() for _ in range(number)]


def _when(chance: random.Random, items: int) -> Iterator[tuple[float, int]]:
    """The second of the year and the stream of each event."""
    for stream_id in range(1, items + 1):
        created = YEAR_SECONDS * (stream_id - 1) / items
        life = min(chance.expovariate(1 / LIFE_SECONDS), YEAR_SECONDS - created)
        changes = int(chance.expovariate(1 / (CHANGES + 0.5)))
        for every, events_of_it in BUSY.items():
            if stream_id % every == 7 and events_of_it <= items:
                changes, life = events_of_it - 1, YEAR_SECONDS - created
        yield created, stream_id
        for _ in range(changes):
            yield created + chance.uniform(0.0, life), stream_id


class _Lives:
    """The next change of each item, and its current state."""

    def __init__(self, chance: random.Random, items: int) -> None:
        self.chance = chance
        self.owners = max(10, items // 10)
        self.words = words(chance)
        self.items: dict[int, Fields] = {}
        self.versions: dict[int, int] = {}
        self.deleted: set[int] = set()

    def next_event(self, stream_id: int) -> tuple[int, str, Fields]:
        """Its version, its type and its data."""
        version = self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
        item = self.items.get(stream_id)
        if item is None:
            self.items[stream_id] = created = self.new_item()
            return version, "item_created", created
        if stream_id in self.deleted:
            self.deleted.remove(stream_id)
            item["status"] = "active"
            return version, "item_restored", {"status": "active"}
        choice = self.chance.random()
        if choice < 0.01:
            self.deleted.add(stream_id)
            item["status"] = "archived"
            return version, "item_deleted", {"reason": None}
        if choice < 0.6:
            old, new = item["status"], self.chance.choice([each for each in STATUSES if each != item["status"]])
            item["status"] = new
            return version, "item_status_changed", {"old_status": old, "new_status": new, "reason": None}
        changes = self._edit(item, self.chance.random())
        before = {field: item[field] for field in changes}
        item |= changes
        return version, "item_updated", {"changes": changes, "previous_values": before}

    def new_item(self) -> Fields:
        latitude, longitude = self._place()
        return {
            "name": " ".join(self._some_words(3)).capitalize(),
            "description": " ".join(self._some_words(15)),
            "category": self._category(),
            "image_urls": self._images(),
            "location_lat": latitude,
            "location_lon": longitude,
            "owner_id": f"owner {self._skewed(self.owners)}",
            "status": "active",
        }

    def _edit(self, item: Fields, choice: float) -> Fields:
        """An edit of one field, mostly of a word in the description."""
        if choice < 0.45:
            described = item["description"].split()
            described[self.chance.randrange(len(described))] = self._some_words(1)[0]
            return {"description": " ".join(described)}
        if choice < 0.65:
            first, *rest = item["name"].split()
            return {"name": " ".join([first, *rest[:-1], *self._some_words(1)])}
        if choice < 0.8:
            return {"category": self._category()}
        if choice < 0.92:
            return {"image_urls": self._images()}
        latitude, longitude = self._place()
        return {"location_lat": latitude, "location_lon": longitude}

    def _skewed(self, number: int) -> int:
        """A skewed choice among so many: the first ones are frequent."""
        return int(number * self.chance.random() ** 3)

    def _some_words(self, number: int) -> list[str]:
        return [self.words[self._skewed(WORDS)] for _ in range(number)]

    def _category(self) -> str:
        return f"category {self._skewed(CATEGORIES)}"

    def _images(self) -> list[str]:
        return [f"https://images.example/{self.chance.getrandbits(32):08x}.jpg"]

    def _place(self) -> tuple[float, float]:
        latitude, longitude = (
            round(middle + max(-1.0, min(1.0, self.chance.gauss(0.0, 0.4))) * reach, 6)
            for middle, reach in zip(TOWN, TOWN_DEGREES, strict=True)
        )
        return latitude, longitude


def words(chance: random.Random) -> list[str]:
    """A vocabulary of distinct words, the common ones first."""
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chance.choices(SYLLABLES, k=chance.choice((2, 2, 3, 3, 4))))] = None
    return list(found)
