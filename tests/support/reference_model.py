"""The past, recomputed: from a prefix of the log by the fold in Python, filtered and sorted in plain Python.

It shares nothing with the SQL that it is compared with: no stemmer, no index, no collation, no trigonometry.
"""

import math
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from psycopg.types.json import Jsonb

from app.engine.events.event import EventRegistry, Recorded
from app.engine.projection.projection import Projection
from app.engine.queries.listing import Listing
from app.engine.store.event_store import StoredEvent, decode_recorded
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners

STEMS = {"spades": "spade", "rakes": "rake", "running": "run", "runs": "run", "the": "", "and": ""}
"""The English stems, by hand, of those words of `random_histories.VOCABULARY` that are not their own; "" is none."""

NOW = datetime(2100, 1, 1, tzinfo=UTC)
EMPTY = """
do $$
declare
    table_name text;
begin
    alter table catalog.log disable trigger log_is_append_only;
    for table_name in
        select relname
        from pg_class
        where relnamespace = 'catalog'::regnamespace
            and relkind = 'r'
            and relname not in ('settled', 'projections', 'rebuild_steps', 'installed', 'migrations')
    loop
        execute format('delete from catalog.%I', table_name);
    end loop;
    alter table catalog.log enable always trigger log_is_append_only;
    alter sequence catalog.streams_stream_id_seq restart;
    alter sequence catalog.log_position_seq restart;
    alter sequence catalog.forgotten_id_seq restart;
end
$$
"""
"""To delete a few rows takes a twentieth of the time of a truncate, which makes new files for each table and index."""


class Step(Struct, frozen=True):
    """One append of a random history: to which stream, what, and how long after the one before."""

    stream: int
    """Modulo one more than there are: that one is new, so -1 always is."""
    events: Sequence[Struct]
    microseconds: int
    """With 0 an append to another stream is recorded at the very instant of the one before."""


def empty_catalog(connection: psycopg.Connection) -> None:
    """Delete everything before an example, and stop the clock in the future (see `append_steps`)."""
    connection.execute(EMPTY)
    connection.execute("update catalog.settled set noted_instant = %s, position = 0, instant = '-infinity'", (NOW,))


def append_steps(connection: psycopg.Connection, steps: Iterable[Step]) -> list[int]:
    """Append them all, in order; the streams that there are then.

    While `noted_instant` is ahead of the clock, appends are recorded a microsecond after it: so it is the clock, and
    different streams get equal instants.
    """
    tick = "update catalog.settled set noted_instant = noted_instant + %s * interval '1 microsecond'"
    streams: list[int] = []
    for step in steps:
        connection.execute(tick, (step.microseconds,))
        which = step.stream % (len(streams) + 1)
        encoded = Jsonb(EventRegistry.encode(step.events), dumps=lambda given: given)
        row = connection.execute(
            'select stream_id from catalog.append_to_stream(%s, null, %s, \'{"user_id": "x"}\')',
            (streams[which] if which < len(streams) else None, encoded),
        ).fetchone()
        assert row is not None
        streams += [row[0]] if which == len(streams) else []
    return streams


def whole_log(connection: psycopg.Connection, tags: EventRegistry[Any]) -> list[Recorded[Any]]:
    """Every event of these types, in order; the connection reads JSON as bytes."""
    rows = connection.execute(
        "select stream_id, position, event_id, version, recorded_at, metadata, type, data"
        " from catalog.events where type = any (%s) order by position",
        (list(tags.types),),
    ).fetchall()
    return [decode_recorded(stream_id, tags, StoredEvent(*rest)) for stream_id, *rest in rows]


def documents_as_of(
    projection: type[Projection[Any, Any]], log: Iterable[Recorded[Any]], until: datetime | None = None
) -> dict[int, Any]:
    """The documents by stream, from the prefix of the log until then."""
    found: dict[int, Any] = {}
    for event in log:
        if until is None or event.recorded_at <= until:
            found[event.stream_id] = projection().evolve(found.get(event.stream_id), event)
    return {stream: document for stream, document in found.items() if document is not None}


class ReferenceModel:
    """All answers as of an instant."""

    def __init__(self, log: Iterable[Recorded[Any]], until: datetime | None = None) -> None:
        self.items: dict[int, Item] = documents_as_of(Items, log, until)

    def listed(self, asked: Listing) -> list[Item]:
        """All pages of a listing, as one list."""
        found = [item for item in self.items.values() if _is_asked_for(item, asked)]
        found.sort(key=lambda item: item.id, reverse=asked.order in NEWEST_FIRST)
        found.sort(key=lambda item: _key(item, asked), reverse=asked.order in NEWEST_FIRST)
        return found

    def counted(self, *fields: str) -> Counter[tuple[str, ...]]:
        return Counter(tuple(getattr(item, field) for field in fields) for item in self.items.values())

    def owners(self) -> dict[str, bytes]:
        return _canonical(Owners(), self.items.values())

    def categories(self) -> dict[str, bytes]:
        return _canonical(Categories(), self.items.values())


NEWEST_FIRST = ("created_at", "updated_at")


def _canonical(rollup: Owners | Categories, items: Iterable[Item]) -> dict[str, bytes]:
    folded: dict[str, Any] = {**rollup.fold(items)}
    return {key: msgspec.json.encode(document, order="sorted") for key, document in folded.items()}


def _is_asked_for(item: Item, asked: Listing) -> bool:
    if any(getattr(item, field) != value for field, value in asked.equal.items()):
        return False
    if not matches(f"{item.name} {item.description}", asked.search):
        return False
    if asked.near is None or asked.near.within_km is None:
        return True
    distance = distance_of(item, asked)
    assert abs(distance - asked.near.within_km) > 0.001, "choose a radius that does not hang on the last digits"
    return distance < asked.near.within_km


def _key(item: Item, asked: Listing) -> Any:
    match asked.order:
        case None:
            return distance_of(item, asked)
        case "name":
            return item.name.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))
        case field:
            return getattr(item, field)


def matches(text: str, search: str) -> bool:
    """Each term stands in the text; or the stems of all its words do, and terms with punctuation as they are."""
    terms = search.lower().split()
    stand = [term in text.lower() for term in terms]
    if all(stand):
        return True
    literal = all(stands for term, stands in zip(terms, stand, strict=True) if set(term) & set(string.punctuation))
    return bool(stems(search)) and stems(search) <= stems(text) and literal


def stems(text: str) -> set[str]:
    words = text.lower().translate(str.maketrans(string.punctuation, " " * len(string.punctuation))).split()
    return {STEMS.get(word, word) for word in words} - {""}


def distance_of(item: Item, asked: Listing) -> float:
    """Along the great circle, by the chord between two points of the sphere; to a millimetre, so that ties are ties."""
    assert asked.near is not None
    here, there = _point(asked.near.latitude, asked.near.longitude), _point(item.location_lat, item.location_lon)
    return round(2 * 6371.0088 * math.asin(min(1.0, math.dist(here, there) / 2)), 6)


def _point(latitude: float, longitude: float) -> tuple[float, float, float]:
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)
