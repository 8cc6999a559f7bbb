"""How long does it take to replay one item, in Postgres and in Python? The floor: reading its rows.

python -m bench.replay        the whole log is replayed by `bench.rebuild`

The peer is `eventsourcing`, which reads the same events from its own log and folds them.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import set_json_loads

from app.engine.store.event_store import LAST_INSTANT, LAST_VERSION, READ_STREAM, StoredEvent, decode_recorded
from bench import peer
from bench.append import SPADE
from bench.data import BEGAN, Happened, store
from bench.measure import a_database, another_database, console, in_turns, sampled, scaled
from bench.rows import Report, reporting
from projections.items import Items

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = scaled(tiny=1, small=3, full=31)
FOLD = "select document from catalog.fold_items(%s)"


def events(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a spade, its creation first: types and data."""
    yield "item_created", msgspec.to_builtins(SPADE)
    for change in range(2, number + 1):
        match change % 5:
            case 0:
                yield "item_status_changed", {"old_status": "active", "new_status": "swapped", "reason": None}
            case 1:
                changes = {"category": f"category {change}"}
                yield "item_updated", {"changes": changes, "previous_values": {"category": "x"}}
            case _:
                changes = {"name": f"Spade {change}"}
                yield "item_updated", {"changes": changes, "previous_values": {"name": "x"}}


def ours(connection: psycopg.Connection, number: int) -> int:
    """The stream with so many events; its id is that number."""
    happened: Iterator[Happened] = (
        (number, version, BEGAN + timedelta(minutes=version), kind, json.dumps(data))
        for version, (kind, data) in enumerate(events(number), start=1)
    )
    store(connection, happened)
    return number


def theirs(catalog: peer.PeerCatalog, number: int) -> Callable[[], object]:
    """How the peer folds the same."""
    (_, created), *changes = events(number)
    item = peer.PeerItem(**created)
    for kind, data in changes:
        peer.happened(item, kind, data)
    peer.store_many(catalog, item)
    return lambda: catalog.repository.get(item.id)


def replay(report: Report, connection: psycopg.Connection, catalog: peer.PeerCatalog, number: int) -> None:
    stream_id, fold_theirs = ours(connection, number), theirs(catalog, number)
    items = Items()

    def read() -> list[tuple[Any, ...]]:
        return connection.execute(READ_STREAM, (stream_id, LAST_INSTANT, LAST_VERSION), prepare=True).fetchall()

    def fold_in_python() -> object:
        return items.fold(decode_recorded(stream_id, Items.registry, StoredEvent(*row)) for row in read())

    def fold_in_sql() -> object:
        return connection.execute(FOLD, (stream_id,), prepare=True).fetchone()

    def in_the_database() -> float:
        """The execution time that Postgres reports."""
        (shown,) = connection.execute(f"explain (analyze, format json) {FOLD}", (stream_id,)).fetchone() or (b"",)
        return float(msgspec.json.decode(shown)[0]["Execution Time"]) / 1000

    question, sizes = f"One item with {number:,} events", {"events": number}
    ways = {
        "reading its rows (floor)": read,
        "folded in SQL": fold_in_sql,
        "folded in Python": fold_in_python,
        "eventsourcing": fold_theirs,
    }
    report.times(question, in_turns(ways, ROUNDS), number, "events", peers=("eventsourcing",), sizes=sizes)
    inside = sampled({"folded in SQL": in_the_database}, ROUNDS)
    report.times(f"{question}, in the database", inside, number, "events", sizes=sizes)


def main() -> None:
    with a_database() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        set_json_loads(lambda stored: bytes(stored) if isinstance(stored, bytes) else stored.encode(), connection)
        with (
            reporting("replay", connection) as report,
            peer.opened(another_database(conninfo, "peer")) as catalog,
        ):
            for number in SIZES:
                replay(report, connection, catalog, number)
    console.print(f"Medians of {ROUNDS} rounds in turns.")


if __name__ == "__main__":
    main()
