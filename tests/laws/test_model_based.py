"""The service answers as a plain model says, after any commands and, in a second machine, restarts and rebuilds."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.support.catalog_machine import CatalogMachine, Sending, sendings
from tests.support.machine_commands import COMMANDS
from tests.support.machine_counts import Counts
from tests.support.machine_disruptions import DISRUPTIONS, Disruptions
from tests.support.machine_reads import READS, Reads
from tests.support.service_process import Restartable

TURNS_BETWEEN_DISRUPTIONS = 2
STEPS = 2 + TURNS_BETWEEN_DISRUPTIONS * len(DISRUPTIONS)


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
    N = __import__('collections').Counter()
    restartable.client.event_hooks['response'] = [lambda r: N.update([r.request.method+ ''.join(c for c in r.request.url.path if not c.isdigit())])]
    profile = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=tuple(HealthCheck)
    )

    def started() -> Any:
        return machine(restartable, counts)

    run_state_machine_as_test(started, settings=profile)
    print(N); return counts

def test_the_service_answers_as_the_model_says(restartable: Restartable) -> None:
    counts = run(Catalog, restartable, examples=20, steps=25)
    import time; print(time.process_time())
    print(*sorted(counts.of.items()), sep="\n")

def test_it_does_so_after_restarts_and_rebuilds(restartable: Restartable) -> None:
    counts = run(DisruptedCatalog, restartable, examples=3, steps=STEPS)
    print(*sorted(counts.of.items()), sep="\n")
