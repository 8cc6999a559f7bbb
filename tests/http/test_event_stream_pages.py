"""An event stream sends each event once, however few it reads at a time."""

from itertools import islice
from typing import Any

import psycopg
import pytest

from tests.support.appending import append
from tests.support.service_process import running_service
from tests.support.sse_client import following
from tests.support.workload import SPADE, SWAPPED

EVENTS = 7
PROGRAM = """if True:
    from app.http.controllers import events
    from app.engine.store import log_reader
    events.STREAM_PAGE_EVENTS, log_reader.SCANNED_EVENTS_MAX = {}, {}
    from app.cli.catalog import main
    main()
"""


@pytest.mark.parametrize("page_events", [1, 3, EVENTS])
def test_a_stream_that_reads_few_events_at_a_time_sends_them_all(
    conninfo: str, connection: psycopg.Connection, page_events: int
) -> None:
    """All of them, and every second one, of which some pages have none; then those that arrive later."""
    append(connection, None, [SPADE, SWAPPED] * 3 + [SPADE])
    program = PROGRAM.format(page_events, 1)
    kinds: list[tuple[dict[str, Any], int]] = [({}, 1), ({"type": "item_created"}, 2)]
    with running_service({"DATABASE_URL": conninfo}, program) as (url, _):
        for query, step in kinds:
            with following(url, "0", **query) as follower:
                seen = follower.seen()
                expected = list(range(1, EVENTS + 1, step))
                assert [event.id for event in islice(seen, len(expected))] == expected
                _, _, position, *_ = append(connection, None, [SPADE])
                assert next(event.id for event in seen if event.id > EVENTS) <= position
