"""How long does it take to replay one item, in Postgres and in Python? The floor: reading its rows.

python -m bench.replay        the whole log is replayed by `bench.rebuild`

The peer is `eventsourcing`, which reads the same events from its own log and folds them.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import set_json_loads

from app.store import LAST_INSTANT, LAST_VERSION, READ_STREAM, StoredEvent, recorded
from bench import peer
from bench.append import SPADE
from bench.measure import SMALL, a_database, another_database, console, in_turns, sampled
from bench.rows import Report, reporting
from projections.items import Items

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 3 if SMALL else 31
AT_ONCE = 100
"""So many changes are one append: fewer, and every one would wait for the disk."""

CREATE = 'select stream_id from catalog.append_to_stream(null, null, %s, \'{"user_id": "bench"}\')'
CHANGE = 'select catalog.append_to_stream(%s, null, %s, \'{"user_id": "bench"}\')'
FOLD = "select document from catalog.fold_items(%s)"


def events(number: int) -> list[dict[str, Any]]:
    """What happens to a spade, its creation first."""
    return [{"type": "item_created", **msgspec.to_builtins(SPADE)}, *map(_change, range(2, number + 1))]


def _change(number: int) -> dict[str, Any]:
    match number % 5:
        case 0:
            return {"type": "item_status_changed", "old_status": "active", "new_status": "swapped", "reason": None}
        case 1:
            changes, before = {"category": f"category {number}"}, {"category": "x"}
        case _:
            changes, before = {"name": f"Spade {number}"}, {"name": "x"}
    return {"type": "item_updated", "changes": changes, "previous_values": before}


def ours(connection: psycopg.Connection, happened: list[dict[str, Any]]) -> int:
    """The stream in which it is stored."""
    (stream_id,) = connection.execute(CREATE, (json.dumps(happened[:1]),)).fetchone() or (0,)
    for start in range(1, len(happened), AT_ONCE):
        connection.execute(CHANGE, (stream_id, json.dumps(happened[start : start + AT_ONCE])))
    connection.execute("vacuum analyze catalog.events")
    return int(stream_id)


def theirs(catalog: peer.PeerCatalog, happened: list[dict[str, Any]]) -> Callable[[], object]:
    """How the peer folds the same."""
    item = peer.PeerItem(**{field: value for field, value in happened[0].items() if field != "type"})
    for each in happened[1:]:
        peer.happened(item, each["type"], {field: value for field, value in each.items() if field != "type"})
    peer.store_many(catalog, item)
    return lambda: catalog.repository.get(item.id)


def replay(report: Report, connection: psycopg.Connection, catalog: peer.PeerCatalog, number: int) -> None:
    happened = events(number)
    stream_id, fold_theirs = ours(connection, happened), theirs(catalog, happened)
    items = Items()

    def read() -> list[tuple[Any, ...]]:
        return connection.execute(READ_STREAM, (stream_id, LAST_INSTANT, LAST_VERSION), prepare=True).fetchall()

    def fold_in_python() -> object:
        return items.fold(recorded(stream_id, Items.tags, StoredEvent(*row)) for row in read())

    def fold_in_sql() -> object:
        return connection.execute(FOLD, (stream_id,), prepare=True).fetchone()

    def in_the_database() -> float:
        """As Postgres itself measures it."""
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
