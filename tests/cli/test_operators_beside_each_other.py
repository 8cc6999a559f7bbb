"""What an operator has seen and confirmed still holds when the command acts, whoever works beside it."""

import psycopg
import pytest
from click.testing import CliRunner

from app.cli import log_queries, operations
from app.engine.store.log_reader import ALL_EVENTS
from app.errors import Conflict
from tests.support.appending import append
from tests.support.operator_commands import SPADE, Ownerless, settle_now

STOPPED = "select state, error_position, skipped from catalog.projections where name = 'owners'"


@pytest.fixture
def in_this_process(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands use the test's database, and leave the handlers of signals as they are."""
    monkeypatch.setenv("DATABASE_URL", connection.info.dsn)
    monkeypatch.setattr(operations, "exit_on_stop_signal", lambda *_: None)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("stops_again", [True, False])
def test_a_skip_is_of_the_event_that_was_confirmed_or_of_none(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, stops_again: bool
) -> None:
    """Another operator skips the event during the question, and perhaps a second event stops the projection."""
    _, _, first, _, _ = append(connection, None, [Ownerless()])
    if stops_again:
        append(connection, None, [Ownerless()])
    settle_now(connection)

    def confirm_late(question: str) -> None:
        assert f"position {first} " in question
        connection.execute("select catalog.resume_projection('owners', 'olga')")
        settle_now(connection)

    monkeypatch.setattr(operations, "confirm", confirm_late)
    ran = CliRunner().invoke(operations.resume_command, ["owners", "--skip"])
    assert isinstance(ran.exception, Conflict)
    assert "resumed by another operator meanwhile" in ran.exception.detail
    (found,) = connection.execute(STOPPED).fetchall()
    assert found[:2] == (("stopped", first + 1) if stops_again else ("running", None))
    assert [(each["position"], each["by"]) for each in found[2]] == [(first, "olga")]


@pytest.mark.parametrize("page_events", [1, 2, 1000])
def test_events_that_are_settled_while_others_are_printed_are_not_printed(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, page_events: int
) -> None:
    """Positions without an event leave room on the page for events behind the mark that the command has read."""
    monkeypatch.setattr(log_queries, "PAGE_EVENTS", page_events)
    append(connection, None, [SPADE])
    with connection.transaction(force_rollback=True):
        append(connection, None, [SPADE, SPADE])
    _, _, upto, _, _ = append(connection, None, [SPADE])
    append(connection, None, [SPADE, SPADE])
    settle_now(connection)
    with log_queries.operator_connection(connection.info.dsn) as operator:
        found = [each.position for each in log_queries.settled_events(operator, ALL_EVENTS, 0, upto)]
    assert found == [1, upto]
