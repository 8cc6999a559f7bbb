"""Counts what happened to the state machines, so that a machine that no longer reaches a case fails."""

from collections import Counter
from collections.abc import Mapping

LEAST: Mapping[str, int] = {
    "a command changed something": 50,
    "PUT an item changed something": 15,
    "PATCH /status changed something": 1,
    "DELETE an item changed something": 1,
    "POST /restore changed something": 1,
    "POST /import changed something": 1,
    "a deleted item was restored": 1,
    "a command changed nothing": 15,
    "a command with a key changed nothing": 2,
    "a command with a key was replayed at once": 7,
    "a command with a key was replayed later": 1,
    "a key was refused for another request": 10,
    "a refused command with a key was refused again": 1,
    "a command on a right condition was carried out": 3,
    "a command on a stale If-Match was refused with 412": 1,
    "a command on a stale expected_version was refused with 409": 1,
    "a command on a deleted item was refused": 1,
    "a command on no item was refused": 3,
    "a restore to a time without the item was refused": 1,
    "a spoiled import was refused": 1,
    "a listing was not empty": 17,
    "a listing as of an instant was not empty": 60,
    "a listing had several pages": 2,
    "a listing as of an instant had several pages": 2,
    "an item was changed between the pages of a listing": 1,
    "a listing held a replaced document": 35,
    "a search found a text that was replaced": 2,
    "a search found no item that only once had the words": 1,
    "the filter category as of an instant left something out": 1,
    "the filter owner_id as of an instant left something out": 1,
    "the filter status as of an instant left something out": 2,
    "the filter search as of an instant left something out": 12,
    "the filter around as of an instant left something out": 1,
    "the order newest as of an instant made a difference": 1,
    "the order updated as of an instant made a difference": 1,
    "the order name as of an instant made a difference": 1,
    "the order nearest as of an instant made a difference": 1,
    "a replaced document was read": 7,
    "an item was read before its creation": 1,
    "a difference was not empty": 7,
    "the past numbers of an owner were read": 1,
    "the present numbers of an owner were read": 3,
}
"""How often each case comes about at least. A run reaches many times as many."""


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
