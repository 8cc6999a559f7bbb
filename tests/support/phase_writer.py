"""Writes every kind of event in each phase of a rebuild, to old and to new streams, and notes what each phase had."""

import itertools
from collections.abc import Sequence

import psycopg
from msgspec import Struct, json, structs

from tests.support.appending import METADATA, append
from tests.support.every_event import EveryEvent, Label, labels_of

OWNER_TO_FORGET = "gertrude"
TOGETHER = (1, 3, 2, 8)
"""The sizes of the appends, in turn."""


class PhaseWriter:
    """Each old stream changes in one phase only, since a later fold of it would repair what an earlier one lost."""

    def __init__(self, connection: psycopg.Connection, old_streams: int) -> None:
        self._connection = connection
        self._every = EveryEvent()
        self._old = [self._create(connection) for _ in range(old_streams)]
        self.busy, self.untouched = self._create(connection), self._create(connection)
        """The stream that changes in every phase, and one that never changes."""
        self.secret = self._create_for(OWNER_TO_FORGET)
        """A text of the only item of that owner."""
        self.labels: dict[str, set[Label]] = {}
        """What the events of each phase had."""

    def _create_for(self, owner: str) -> str:
        event = structs.replace(self._every.beginning(), owner_id=owner)
        append(self._connection, None, [event])
        return event.name

    def _create(self, connection: psycopg.Connection) -> int:
        return append(connection, None, [self._every.beginning(), *self._every.changes()[:3]])[0]

    def write(self, phase: str, connection: psycopg.Connection | None = None) -> None:
        """Create, import and change items by every kind of event.

        The first and the last event of a phase are the only ones of their streams.
        """
        connection = connection or self._connection
        self._create_one(connection, phase)
        created, imported = self._create(connection), self._import(connection, phase)
        for stream in (self._old.pop(), created):
            self._change(connection, stream, phase, self._every.changes())
        for stream in (self.busy, imported[0]):
            self._change(connection, stream, phase, self._every.changes()[::7])
        self._create_one(connection, phase)

    def _create_one(self, connection: psycopg.Connection, phase: str) -> None:
        event = self._every.beginning()
        append(connection, None, [event])
        self._note(phase, [event])

    def _import(self, connection: psycopg.Connection, phase: str) -> list[int]:
        """Import three items; return their streams."""
        events: list[Struct] = [self._every.beginning() for _ in range(3)]
        with connection.transaction():
            connection.execute("select catalog.begin_import()")
            with connection.cursor() as cursor:
                lines = [(json.encode(event).decode(),) for event in events]
                cursor.executemany("insert into pg_temp.arriving values (%s)", lines)
            connection.execute("select catalog.append_new_streams(%s)", (METADATA,))
            found = connection.execute("select stream_id from pg_temp.new_streams order by 1").fetchall()
        self._note(phase, events)
        return [stream for (stream,) in found]

    def _change(self, connection: psycopg.Connection, stream: int, phase: str, changes: list[Struct]) -> None:
        """Append the changes, each time from another one on, so that streams end in different states."""
        first = 5 * len(self.labels) % len(changes)
        left = changes[first:] + changes[:first]
        for size in itertools.cycle(TOGETHER):
            if not left:
                return
            append(connection, stream, left[:size])
            self._note(phase, left[:size])
            left = left[size:]

    def _note(self, phase: str, events: Sequence[Struct]) -> None:
        for event in events:
            self.labels.setdefault(phase, set()).update(labels_of(event))
