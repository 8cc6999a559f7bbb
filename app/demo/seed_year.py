"""Fill an empty embedded catalog with a year of a small town, for `catalog serve --demo`.

The API cannot write past events: an append takes the database's clock. The demo inserts them directly, as the database
owner, and only into a log that never held an event and whose past was never read. Nothing over HTTP leads here. The
domain decides each event, in the order of the log, and the documents are folded from the log as always.
"""

import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET
from psycopg.types.json import Jsonb

from app.demo.corpus import Kind, read_corpus
from app.domain.events import Event
from app.domain.item import (
    ChangeStatus,
    Command,
    CreateItem,
    DeleteItem,
    ItemState,
    RestoreItem,
    UpdateItem,
    decide,
    evolve,
)
from app.engine.events.event import EventRegistry, Metadata, Recorded
from app.engine.postgres.session_settings import connect
from app.errors import SetupError

SEED = 7
DAYS = 365
ITEM_COUNT = 1200
TICK = timedelta(microseconds=1)
SEASONS = (5, 6, 10, 12, 11, 8, 5, 4, 9, 10, 8, 12)
"""The weights of the months, January first."""
WEEKDAYS = (4, 4, 5, 5, 7, 16, 10)
HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 5, 6, 7, 6, 5, 5, 6, 7, 8, 10, 12, 13, 10, 6, 3, 1)
MARKET_DAYS = 4
"""The number of Saturdays on which the whole town swaps."""


class Town:
    """Simulates a year in order of time. Each deed may plan further deeds."""

    def __init__(self, seed: int, until: datetime) -> None:
        self.random = random.Random(seed)  # noqa: S311, it draws no secrets
        self.until = until
        self.corpus = read_corpus()
        self.log: list[Recorded[Event]] = []
        self.items: dict[int, list[ItemState]] = {}
        """Every version of each item, the newest last."""
        self.kinds: dict[int, Kind] = {}
        self._last: dict[int, datetime] = {}
        self._to_come: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._count = 0

    def live(self) -> list[Recorded[Event]]:
        """The events of the whole year."""
        for moment in self._moments(ITEM_COUNT):
            self._plan(moment, self._offer)
        while self._to_come:
            moment, _, deed = heapq.heappop(self._to_come)
            deed(moment)
        return sorted(self.log, key=lambda each: each.recorded_at)

    def _moments(self, count: int) -> list[datetime]:
        """When people offer things: by season, weekday and hour, and most on market days."""
        days = [self.until - timedelta(days=back) for back in range(DAYS, 0, -1)]
        saturdays = [day for day in days if day.weekday() == 5]
        markets = {day.date() for day in self.random.sample(saturdays, MARKET_DAYS)}
        weights = [
            SEASONS[day.month - 1] * WEEKDAYS[day.weekday()] * (8 if day.date() in markets else 1) for day in days
        ]
        chosen = self.random.choices(days, weights, k=count)
        moments = [self._at_some_hour(day) for day in chosen]
        return sorted(moment for moment in moments if moment < self.until)

    def _at_some_hour(self, day: datetime) -> datetime:
        (hour,) = self.random.choices(range(24), HOURS)
        midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(hours=hour, seconds=self.random.uniform(0, 3600))

    def _plan(self, moment: datetime, deed: Callable[[datetime], None]) -> None:
        if moment < self.until:
            self._count += 1
            heapq.heappush(self._to_come, (moment, self._count, deed))

    def _later(self, moment: datetime, days: float, deed: Callable[[datetime], None]) -> None:
        self._plan(self._at_some_hour(moment + timedelta(days=1 + self.random.expovariate(1 / days))), deed)

    def _offer(self, moment: datetime) -> None:
        draw, corpus = self.random, self.corpus
        kind = draw.choice(corpus.kinds)
        colour = draw.choice(corpus.colours)
        item_id, owner = len(self.items) + 1, draw.choice(corpus.owners)
        offer = CreateItem(
            name=draw.choice(kind.names).format(colour=colour, Colour=colour.capitalize()),
            description=" ".join(draw.sample(kind.sentences, 2)),
            category=kind.category,
            image_urls=(f"page/pictures/{kind.picture}.svg",),
            location_lat=round(draw.gauss(corpus.market_place[0], 0.012), 5),
            location_lon=round(draw.gauss(corpus.market_place[1], 0.018), 5),
            owner_id=owner,
        )
        self.kinds[item_id] = kind
        self._do(item_id, offer, moment, owner)
        while draw.random() < 0.5:
            self._later(moment, 30, lambda then: self._improve(item_id, then))
        if draw.random() < 0.6:
            self._later(moment, 70, lambda then: self._swap(item_id, then))
        if draw.random() < 0.09:
            self._later(moment, 60, lambda then: self._withdraw(item_id, then))

    def _improve(self, item_id: int, moment: datetime) -> None:
        item, draw = self.items[item_id][-1], self.random
        if item.deleted_at is not None or item.status != "active":
            return
        said = [sentence.rstrip(".") + "." for sentence in item.description.split(". ")]
        new = [one for one in (*self.kinds[item_id].sentences, *self.corpus.additions) if one not in said]
        first, second = draw.sample(new, 2)
        said[draw.randrange(len(said))] = first
        description = " ".join([*said, second][:4])
        moved, renamed = draw.random() < 0.15, "," not in item.name and draw.random() < 0.3
        better = UpdateItem(
            description=description,
            location_lat=round(item.location_lat + draw.gauss(0, 0.004), 5) if moved else UNSET,
            name=item.name + draw.choice(self.corpus.name_endings) if renamed else UNSET,
        )
        self._do(item_id, better, moment, item.owner_id)

    def _swap(self, item_id: int, moment: datetime) -> None:
        """Swap two things. The first swap's event is the causation of the second."""
        item = self.items[item_id][-1]
        if item.deleted_at is not None or item.status != "active":
            return
        others = [
            other
            for other, versions in self.items.items()
            if versions[-1].status == "active" and versions[-1].owner_id != item.owner_id
        ]
        if not others:
            return
        other_id = self.random.choice(others)
        other = self.items[other_id][-1]
        first = self._do(item_id, self._swapped_for(other), moment, item.owner_id)
        second = moment + timedelta(seconds=self.random.uniform(20, 900))
        self._do(other_id, self._swapped_for(item), min(second, self.until - TICK), other.owner_id, first)
        if self.random.random() < 0.1:
            self._later(moment, 6, lambda then: self._fall_through(item_id, then))

    def _swapped_for(self, other: ItemState) -> ChangeStatus:
        reason = self.random.choice(self.corpus.swaps).format(other.name)
        return ChangeStatus(new_status="swapped", reason=reason)

    def _fall_through(self, item_id: int, moment: datetime) -> None:
        item = self.items[item_id][-1]
        if item.deleted_at is None and item.status == "swapped":
            reason = self.random.choice(self.corpus.fallen_through)
            self._do(item_id, ChangeStatus(new_status="active", reason=reason), moment, item.owner_id)
            self._later(moment, 30, lambda then: self._swap(item_id, then))

    def _withdraw(self, item_id: int, moment: datetime) -> None:
        item = self.items[item_id][-1]
        if item.deleted_at is None:
            self._do(item_id, DeleteItem(reason=self.random.choice(self.corpus.withdrawn)), moment, item.owner_id)
            if self.random.random() < 0.4:
                self._later(moment, 4, lambda then: self._bring_back(item_id, then))

    def _bring_back(self, item_id: int, moment: datetime) -> None:
        versions = self.items[item_id]
        good = [version for version in versions if version.deleted_at is None]
        to = good[-1] if self.random.random() < 0.6 else good[0]
        self._do(item_id, RestoreItem(to=to), moment, to.owner_id)

    def _do(
        self, item_id: int, command: Command, moment: datetime, who: str, because: UUID | None = None
    ) -> UUID | None:
        """Record the events that the domain decides. The id of the first, if there is one."""
        versions = self.items.setdefault(item_id, [])
        metadata = Metadata(
            user_id=who,
            correlation_id=str(self._uuid7(moment)),
            causation_id=None if because is None else str(because),
        )
        ids = []
        for event in decide(command, versions[-1] if versions else None):
            moment = max(moment, self._last.get(item_id, moment - TICK) + TICK)
            self._last[item_id] = moment
            ids.append(self._uuid7(moment))
            recorded = Recorded[Event](
                position=len(self.log) + 1,
                event_id=ids[-1],
                stream_id=item_id,
                version=len(versions) + 1,
                recorded_at=moment,
                metadata=metadata,
                event=event,
            )
            self.log.append(recorded)
            versions.append(evolve(versions[-1] if versions else None, recorded))
        return ids[0] if ids else None

    def _uuid7(self, moment: datetime) -> UUID:
        milliseconds = int(moment.timestamp() * 1000)
        value = milliseconds << 80 | 7 << 76 | self.random.getrandbits(12) << 64 | 2 << 62 | self.random.getrandbits(62)
        return UUID(int=value)


EMPTY_AND_UNASKED = """
select not exists (select from catalog.streams)
    and (select not is_called from catalog.log_position_seq)
    and (select noted_instant = '-infinity' from catalog.settled)
"""
"""An instant that is noted, and not settled yet, may be settled at any moment."""
CLOSE_GATE = """
select pg_advisory_xact_lock(catalog.append_gate()), pg_advisory_xact_lock_shared(catalog.append_gate())
"""
"""Exclusively, so that no append runs meanwhile, and shared as well, because the high-water mark waits for sharers."""
BEGINS_BEFORE_ITSELF = """
select (select recorded_at from catalog.log order by position limit 1)
    < (select min(installed_at) from catalog.installed)
"""
"""Whether the first event is older than the catalog: only the demo writes such an event."""
INSERT_EVENT = """
select catalog.insert_event(%s::uuid, %s::integer, %s::integer, %s::text, %s::jsonb, %s::jsonb, %s::timestamptz)
"""
"""As append_to_stream does, with an instant of the past."""
INSERT_STREAMS = """
insert into catalog.streams (stream_id, version, recorded_at)
overriding system value
select stream_id, max(version), max(recorded_at)
from catalog.events
group by stream_id
"""
NEXT_STREAM = """
select setval('catalog.streams_stream_id_seq', max(stream_id))
from catalog.streams
"""
DOCUMENTS = """
select sum(catalog.refold_items(stream_id))
from catalog.streams
"""


def fill(conninfo: str, seed: int = SEED) -> int:
    """Insert the year's events, all or none, and return how many.

    0 if the catalog holds that year already. Raises SetupError if it holds other events. Also raises it if the catalog
    is empty but its past has been read: an answer about the past must stay true.
    """
    with connect(conninfo) as connection:
        connection.execute(CLOSE_GATE)
        (events,) = connection.execute("select count(*) from catalog.streams").fetchone() or (0,)
        if events:
            if connection.execute(BEGINS_BEFORE_ITSELF).fetchone() == (True,):
                return 0
            raise SetupError(
                "this catalog holds events that are not the demo's, and --demo fills only an empty one: "
                "serve it without --demo, or name another folder with `catalog --data-dir DIR serve --demo`"
            )
        if connection.execute(EMPTY_AND_UNASKED).fetchone() != (True,):
            raise SetupError(
                "this catalog is empty, but its past has been read, and such an answer must stay true: "
                "name another folder with `catalog --data-dir DIR serve --demo`"
            )
        (now,) = connection.execute("select clock_timestamp()").fetchone() or (datetime.now(UTC),)
        happened = Town(seed, now.astimezone(UTC) - timedelta(minutes=1)).live()
        with connection.cursor() as cursor:
            cursor.executemany(INSERT_EVENT, map(_event_row, happened))
        for statement in (INSERT_STREAMS, NEXT_STREAM, DOCUMENTS):
            connection.execute(statement)
    with connect(conninfo, autocommit=True) as connection:
        connection.execute("analyze")
    return len(happened)


def _event_row(recorded: Recorded[Event]) -> tuple[object, ...]:
    data = msgspec.json.decode(EventRegistry.encode([recorded.event]), type=list[dict[str, object]])[0]
    tag = data.pop("type")
    metadata = msgspec.to_builtins(recorded.metadata)
    return (
        *(recorded.event_id, recorded.stream_id, recorded.version, tag),
        *(Jsonb(data), Jsonb(metadata), recorded.recorded_at),
    )
