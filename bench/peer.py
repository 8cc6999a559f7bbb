"""The peer: the same items in the library `eventsourcing`, on the same server, in a database of its own.

It runs with its defaults, which are safe: one writer at a time, so that readers skip no gap. The events have the same
fields. Its ids are UUIDs, and its events are JSON in bytea.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEventProtocol, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from bench.data import events
from bench.measure import following

SAVED_AT_ONCE = 1_000
CHANGEABLE = ("name", "description", "category", "image_urls", "location_lat", "location_lon")
PATIENCE_SECONDS = 600.0


class PeerItem(Aggregate):
    """An item with the fields of our items."""

    class Created(Aggregate.Created):
        name: str
        description: str
        category: str
        image_urls: list[str]
        location_lat: float
        location_lon: float
        owner_id: str
        status: str

    class Updated(Aggregate.Event):
        changes: dict[str, Any]
        previous_values: dict[str, Any]

    class StatusChanged(Aggregate.Event):
        old_status: str
        new_status: str
        reason: str | None

    class Deleted(Aggregate.Event):
        reason: str | None

    class Restored(Aggregate.Event):
        status: str

    @event(Created)
    def __init__(
        self,
        *,
        name: str,
        description: str,
        category: str,
        image_urls: list[str],
        location_lat: float,
        location_lon: float,
        owner_id: str,
        status: str,
    ) -> None:
        self.name = name
        self.description = description
        self.category = category
        self.image_urls = image_urls
        self.location_lat = location_lat
        self.location_lon = location_lon
        self.owner_id = owner_id
        self.status = status

    def update(self, **given: Any) -> None:
        """Records the fields that differ, as our `decide` does."""
        changes = {field: value for field, value in given.items() if value != getattr(self, field)}
        if changes:
            self.record_update(changes, {field: getattr(self, field) for field in changes})

    @event(Updated)
    def record_update(self, changes: dict[str, Any], previous_values: dict[str, Any]) -> None:
        for field, value in changes.items():
            setattr(self, field, value)

    @event(StatusChanged)
    def change_status(self, old_status: str, new_status: str, reason: str | None) -> None:
        self.status = new_status

    @event(Deleted)
    def delete(self, reason: str | None) -> None:
        self.status = "archived"

    @event(Restored)
    def restore(self, status: str) -> None:
        self.status = status


class PeerCatalog(Application[UUID]):
    """Load, modify, save."""

    def create(self, **fields: Any) -> UUID:
        item = PeerItem(**fields)
        self.save(item)
        return item.id

    def update(self, item_id: UUID, **fields: Any) -> None:
        item: PeerItem = self.repository.get(item_id)
        item.update(**fields)
        self.save(item)


def opened(conninfo: str) -> PeerCatalog:
    """The peer's application; it creates its tables itself."""
    return PeerCatalog(environment(conninfo))


def environment(conninfo: str) -> dict[str, str]:
    """The peer's settings: its database; everything else is the default."""
    to = conninfo_to_dict(conninfo)
    names = {"POSTGRES_DBNAME": "dbname", "POSTGRES_HOST": "host", "POSTGRES_PORT": "port", "POSTGRES_USER": "user"}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_PASSWORD": "",
        **{theirs: str(to[ours]) for theirs, ours in names.items()},
    }


def fill(catalog: PeerCatalog, items: int) -> list[UUID]:
    """Write the log of so many items, the same as ours, through the peer's own mapper and recorder: their ids."""
    lives: dict[int, PeerItem] = {}
    pending: list[DomainEventProtocol[UUID]] = []
    for stream_id, _, _, kind, data in following(events(items), items * 10, "eventsourcing's log"):
        given = msgspec.json.decode(data)
        if kind == "item_created":
            lives[stream_id] = PeerItem(**given)
        else:
            happened(lives[stream_id], kind, given)
        pending += lives[stream_id].collect_events()
        if len(pending) >= SAVED_AT_ONCE:
            _store(catalog, pending)
            pending = []
    _store(catalog, pending)
    return [item.id for item in lives.values()]


def happened(item: PeerItem, kind: str, data: dict[str, Any]) -> None:
    """The same event as ours."""
    match kind:
        case "item_updated":
            item.record_update(**data)
        case "item_status_changed":
            item.change_status(**data)
        case "item_deleted":
            item.delete(**data)
        case "item_restored":
            item.restore(**data)
        case _:
            raise AssertionError(kind)


def store_many(catalog: PeerCatalog, item: PeerItem) -> None:
    """The events of an item, in groups."""
    pending = list(item.collect_events())
    for start in range(0, len(pending), SAVED_AT_ONCE):
        _store(catalog, pending[start : start + SAVED_AT_ONCE])


def _store(catalog: PeerCatalog, pending: Sequence[DomainEventProtocol[UUID]]) -> None:
    catalog.recorder.insert_events([catalog.mapper.to_stored_event(each) for each in pending])


def fold_all(catalog: PeerCatalog, ids: Sequence[UUID]) -> None:
    """Replay every item from its events, one after the other, as the library does it."""
    for item_id in ids:
        catalog.repository.get(item_id)


class PeerDocuments(PostgresTrackingRecorder):
    """The peer's read model: a document for each item, written in the transaction that stores its position."""

    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        table = SQL("{}.{}").format(Identifier(datastore.schema), Identifier("documents"))
        self.sql_create_statements.append(
            SQL("create table if not exists {} (id uuid primary key, document jsonb not null)").format(table)
        )
        self._upsert = SQL(
            "insert into {0} as old values (%s, %s)"
            " on conflict (id) do update set document = old.document || excluded.document"
        ).format(table)

    def change(self, item_id: UUID, fields: dict[str, Any], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._upsert, (item_id, Jsonb(fields)), prepare=True)


class PeerProjection(Projection[PeerDocuments]):
    """One upsert for each event."""

    name = "documents"
    last = 0
    """The event to wait for."""

    def __init__(self, view: PeerDocuments) -> None:
        super().__init__(view)
        self.through = threading.Event()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.change(domain_event.originator_id, _changes(domain_event), tracking)
        if tracking.notification_id == self.last:
            self.through.set()


def _changes(recorded: Any) -> dict[str, Any]:
    match recorded:
        case PeerItem.Created():
            return {field: getattr(recorded, field) for field in (*CHANGEABLE, "owner_id", "status")}
        case PeerItem.Updated():
            return dict(recorded.changes)
        case PeerItem.StatusChanged():
            return {"status": recorded.new_status}
        case PeerItem.Deleted():
            return {"status": "archived"}
        case PeerItem.Restored():
            return {"status": recorded.status}
        case _:
            raise AssertionError(recorded)


def project(conninfo: str, events: int) -> float:
    """The seconds in which the peer's runner builds its read model from a log of so many events; dropped afterwards."""

    class ToTheLast(PeerProjection):
        name = PeerProjection.name
        last = events

    start = time.perf_counter()
    with ProjectionRunner(
        application_class=PeerCatalog,
        projection_class=ToTheLast,
        view_class=PeerDocuments,
        env=environment(conninfo),
    ) as runner:
        projection = runner.projection
        assert isinstance(projection, PeerProjection)
        assert projection.through.wait(PATIENCE_SECONDS), "the peer's runner did not get there"
        seconds = time.perf_counter() - start
        with runner.view.datastore.transaction(commit=True) as cursor:
            cursor.execute(SQL("drop table documents, {}").format(Identifier(runner.view.tracking_table_name)))
    return seconds
