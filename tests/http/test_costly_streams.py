"""An open stream takes the costly reads' share of the pool only until it has caught up."""

from typing import Any

import psycopg
import pytest

from app.engine.postgres.bulkheads import CostlyRead
from app.engine.postgres.pool import Database
from tests.support.appending import append
from tests.support.in_process_service import in_process_service
from tests.support.workload import SPADE

pytestmark = pytest.mark.anyio

SETTLE = "select catalog.publish_mark(position, instant) from catalog.begin_mark()"
EVENTS = 10


async def test_a_filtered_stream_is_a_costly_read_only_until_it_has_caught_up(
    conninfo: str, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a few open streams would take the costly reads' share of the pool at each event."""
    costly: list[str] = []
    lend = Database.costly

    def noted(database: Database, read: CostlyRead, wait_seconds: float | None = None) -> Any:
        costly.append(read.what)
        return lend(database, read, wait_seconds)

    monkeypatch.setattr(Database, "costly", noted)
    monkeypatch.setattr("app.engine.store.log_reader.SCANNED_EVENTS_MAX", 3)
    for _ in range(EVENTS):
        append(connection, None, [SPADE])
    connection.execute(SETTLE)
    async with (
        in_process_service(conninfo, monkeypatch, projector="off") as service,
        service.following("/events/stream?after=0&type=item_created") as follower,
    ):
        await follower.until_received(b"id: %d\n" % EVENTS)
        to_catch_up = len(costly)
        assert to_catch_up > 1
        for _ in range(EVENTS):
            _, _, position, _, _ = append(connection, None, [SPADE])
            connection.execute(SETTLE)
            await follower.until_received(b"id: %d\n" % position)
        assert len(costly) <= to_catch_up + 1
