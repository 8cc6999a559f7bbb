"""Counts what happened to the state machines, so that a machine that no longer reaches a case fails."""

from collections import Counter
from collections.abc import Mapping


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
