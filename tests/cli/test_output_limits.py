"""The console reads the log in pages of any size, and says how many differences it does not show."""

import psycopg
import pytest
from msgspec import Raw

from app.cli import log_queries, rendering
from app.cli.log_queries import position_before_last, settled_events
from app.cli.rendering import show_verified
from app.engine.background.verify import Mismatch, VerifyResult
from app.engine.postgres.connections import read_json_as_bytes
from app.engine.store.log_reader import EventFilter
from tests.support.appending import append
from tests.support.operator_commands import settle_now
from tests.support.workload import SPADE, SWAPPED

EVENTS = 7


@pytest.mark.parametrize("page_events", [1, 2, EVENTS - 1, EVENTS, log_queries.PAGE_EVENTS])
def test_the_log_is_the_same_in_pages_of_any_size(
    connection: psycopg.Connection, page_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forwards, and backwards from its end; all events, or every second one."""
    monkeypatch.setattr(log_queries, "PAGE_EVENTS", page_events)
    read_json_as_bytes(connection)
    append(connection, None, [SPADE, SWAPPED] * 3 + [SPADE])
    settle_now(connection)
    positions = list(range(1, EVENTS + 1))
    for sought, expected in ((EventFilter(), positions), (EventFilter(type="item_created"), positions[::2])):
        for after, upto in ((0, EVENTS), (2, EVENTS), (0, 3), (EVENTS, EVENTS)):
            within = [position for position in expected if after < position <= upto]
            assert [each.position for each in settled_events(connection, sought, after, upto)] == within
            for count in range(1, EVENTS + 2):
                begins = position_before_last(connection, sought, after, upto, count)
                last = [each.position for each in settled_events(connection, sought, begins, upto)]
                assert (last, begins >= after) == (within[-count:], True)


@pytest.mark.parametrize(("differing", "said"), [(2, None), (3, "and 1 more"), (5, "and 3 more")])
def test_differences_beyond_those_that_are_shown_are_counted(
    differing: int, said: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendering, "MISMATCHES_SHOWN", 2)
    mismatches = [
        Mismatch(id=1000 + number, of="document", stored=Raw(b"null"), folded=Raw(b"{}")) for number in range(differing)
    ]
    show_verified(VerifyResult(projection="items", checked=differing, differing=mismatches))
    printed = capsys.readouterr().out
    assert [str(each.id) in printed for each in mismatches] == [True, True, *[False] * (differing - 2)]
    assert ("more" in printed) is (said is not None)
    assert said is None or said in printed
