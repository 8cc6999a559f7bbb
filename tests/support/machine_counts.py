"""Counts what happened to the state machines, so that a machine that no longer reaches a case fails."""

from collections import Counter
from collections.abc import Mapping

LEAST: Mapping[str, int] = {
    "a command changed something": 100,
    "PUT an item changed something": 30,
    "PATCH /status changed something": 3,
    "DELETE an item changed something": 3,
    "POST /restore changed something": 4,
    "POST /import changed something": 5,
    "a deleted item was restored": 2,
    "a command changed nothing": 30,
    "a command with a key changed nothing": 6,
    "a command with a key was replayed at once": 15,
    "a command with a key was replayed later": 3,
    "a key was refused for another request": 20,
    "a refused command with a key was refused again": 2,
    "a command on a right condition was carried out": 10,
    "a command on a stale If-Match was refused with 412": 5,
    "a command on a stale expected_version was refused with 409": 5,
    "a command on a deleted item was refused": 4,
    "a command on no item was refused": 10,
    "a restore to a time without the item was refused": 4,
    "a spoiled import was refused": 3,
    "a listing was not empty": 35,
    "a listing as of an instant was not empty": 120,
    "a listing had several pages": 8,
    "a listing as of an instant had several pages": 8,
    "an item was changed between the pages of a listing": 5,
    "a listing held a replaced document": 70,
    "a search found a text that was replaced": 8,
    "a search found no item that only once had the words": 5,
    "the filter category as of an instant left something out": 4,
    "the filter owner_id as of an instant left something out": 4,
    "the filter status as of an instant left something out": 8,
    "the filter search as of an instant left something out": 25,
    "the filter around as of an instant left something out": 4,
    "the order newest as of an instant made a difference": 4,
    "the order updated as of an instant made a difference": 3,
    "the order name as of an instant made a difference": 3,
    "the order nearest as of an instant made a difference": 3,
    "a replaced document was read": 15,
    "an item was read before its creation": 1,
    "a difference was not empty": 15,
    "the past numbers of an owner were read": 5,
    "the present numbers of an owner were read": 10,
}
"""How often each case comes about at least. A run reaches about four times as many."""


class Counts:
    """How often each case came about in a run."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def add(self, what: str, holds: bool = True) -> None:
        self.of[what] += holds

    def carried_out(self, method: str, path: str, changed: bool, has_key: bool, is_conditional: bool = False) -> None:
        """A command that was not refused."""
        self.add("a command changed something" if changed else "a command changed nothing")
        self.add(f"{method} {path or 'an item'} changed something", changed)
        self.add("a command with a key changed nothing", has_key and not changed)
        self.add("a command on a right condition was carried out", is_conditional)

    def refused(self, status: int, condition: tuple[str, int] | None, is_known: bool) -> None:
        if not is_known:
            self.add("a command on no item was refused")
        elif condition is not None and condition[1]:
            self.add(f"a command on a stale {condition[0]} was refused with {status}")
        else:
            self.add("a command on a deleted item was refused")

    def too_few(self, minimums: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """What came about less often than it must, with the two numbers."""
        return {what: (self.of[what], least) for what, least in minimums.items() if self.of[what] < least}
