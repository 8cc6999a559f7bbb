"""The service answers as a plain model says, after any commands and, in a second machine, restarts and rebuilds."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.support.catalog_machine import CatalogMachine, Sending, sendings
from tests.support.machine_commands import COMMANDS
from tests.support.machine_counts import LEAST, Counts
from tests.support.machine_disruptions import DISRUPTIONS, Disruptions
from tests.support.machine_reads import READS, Reads
from tests.support.service_process import Restartable

EXAMPLES, TURNS = 20, 25
TURNS_BETWEEN_DISRUPTIONS = 2
INITIAL_STEPS = 2
"""The items are created, and the order of the disruptions is drawn."""
DISRUPTED_EXAMPLES, DISRUPTED_TURNS = 3, INITIAL_STEPS + TURNS_BETWEEN_DISRUPTIONS * len(DISRUPTIONS)
LEAST_WHEN_DISRUPTED = {
    "a command changed something": 20,
    "a listing held a replaced document": 40,
    "a search found a text that was replaced": 20,
}


class Catalog(Reads):
    """Commands and reads, in turns."""

    @rule(data=st.data(), command=st.sampled_from(COMMANDS), read=st.sampled_from(READS), sending=sendings)
    def take_a_turn(self, data: st.DataObject, command: str, read: str, sending: Sending) -> None:
        getattr(self, command)(data, sending)
        self.list_items(data)
        getattr(self, read)(data)


class DisruptedCatalog(Disruptions):
    """Commands and listings, with a disruption after a few of them."""

    turns = 0

    @rule(data=st.data(), command=st.sampled_from(COMMANDS), sending=sendings)
    def take_a_turn(self, data: st.DataObject, command: str, sending: Sending) -> None:
        getattr(self, command)(data, sending)
        self.list_items(data)
        self.turns += 1
        if self.turns % TURNS_BETWEEN_DISRUPTIONS == 0:
            self.disrupt(self.turns // TURNS_BETWEEN_DISRUPTIONS)


@pytest.fixture(scope="module")
def restartable(module_conninfo: str) -> Iterator[Restartable]:
    """A service that all examples share."""
    with Restartable({"DATABASE_URL": module_conninfo}) as running:
        yield running


def run(machine: type[CatalogMachine], restartable: Restartable, examples: int, steps: int) -> Counts:
    counts = Counts()
    profile = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=tuple(HealthCheck)
    )

    def started() -> Any:
        return machine(restartable, counts)

    run_state_machine_as_test(started, settings=profile)  # type: ignore[arg-type]
    return counts


def test_the_service_answers_as_the_model_says(restartable: Restartable) -> None:
    counts = run(Catalog, restartable, examples=EXAMPLES, steps=TURNS)
    assert counts.too_few(LEAST) == {}


def test_it_does_so_after_restarts_and_rebuilds(restartable: Restartable) -> None:
    counts = run(DisruptedCatalog, restartable, examples=DISRUPTED_EXAMPLES, steps=DISRUPTED_TURNS)
    after = {f"everything was read after {what}": DISRUPTED_EXAMPLES - 1 for what in DISRUPTIONS}
    assert counts.too_few(after | LEAST_WHEN_DISRUPTED) == {}


@pytest.mark.soak
def test_the_service_answers_as_the_model_says_at_length(restartable: Restartable) -> None:
    assert run(Catalog, restartable, examples=300, steps=40).too_few(LEAST) == {}
    assert run(DisruptedCatalog, restartable, examples=30, steps=DISRUPTED_TURNS).too_few(LEAST_WHEN_DISRUPTED) == {}
