"""What disrupts the service in the second state machine: restarts and rebuilds; everything is read after each."""

import signal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from app.main import PROJECTIONS
from tests.support.machine_reads import Asked, Reads
from tests.support.patience import until

DISRUPTIONS = (*(each.name for each in PROJECTIONS), "one item", signal.SIGTERM.name, signal.SIGKILL.name)
"""Rebuilds of a read model or of one item, and restarts by a signal."""


class Disruptions(Reads):
    @initialize(order=st.permutations(DISRUPTIONS))
    def take_order(self, order: list[str]) -> None:
        self.order = order

    def disrupt(self, place: int) -> None:
        """The disruption at this place of the order; afterwards nothing has changed."""
        what = self.order[place % len(self.order)]
        if what.startswith("SIG"):
            self.service.restart(signal.Signals[what])
        elif what == "one item":
            self.rebuild_an_item(self.ids[0])
        else:
            self.rebuild_and_verify(what)
        self.look_at_everything()
        self.counts.add(f"everything was read after {what}")

    def rebuild_and_verify(self, name: str) -> None:
        """Items change while the rebuild runs; its tests hold each phase, here it takes its course."""
        before = self.get(f"/projections/{name}").json()["last_rebuild"]
        assert self.api.post(f"/projections/{name}/rebuild").status_code == 202
        for item_id in self.ids[:2]:
            if not self.model.now(item_id)["deleted_at"]:
                self.edit(item_id, {"name": f"HOE {name}", "description": "brigz kum-zod", "location_lat": 52.53})

        def ended() -> Any:
            state = self.get(f"/projections/{name}").json()
            return state["last_rebuild"] if state["last_rebuild"] != before and not state["rebuild"] else None

        assert until(ended, "the rebuild did not end")["error"] is None
        assert self.api.post(f"/projections/{name}/verify").raise_for_status().json()["differing"] == []

    def rebuild_an_item(self, item_id: int) -> None:
        answer = self.api.post(f"/items/{item_id}/rebuild").raise_for_status().json()
        assert answer["changed"] is False
        assert answer["item"] == self.model.now(item_id)

    def look_at_everything(self) -> None:
        """Read every item and its history, and each version by a search for all its words as of its first instant."""
        for item_id, versions in self.model.items.items():
            self.check_history(item_id)
            for version in versions:
                words = " ".join(self.words_of(version.document))
                search = f"{words} {self.mark}"
                self.read_a_listing(Asked(at=version.recorded_at, sort="name", words=words, search=search, equal={}))
        for owner in {each.document["owner_id"] for each in self.model.current()}:
            self.read_an_owner(owner, None)
        self.read_the_stats(None)
