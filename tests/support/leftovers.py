"""Find the processes that a run of the suite, or one of its tests, has left."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

RUN = "SWAPPO_TEST_RUN"
"""The variable in the environment of all processes of a run; its value is the run's folder."""
ENDING_SECONDS = 3
"""How long a process may take to notice that its worker has ended."""


def commands_within(folder: Path) -> list[str]:
    """The command lines of all processes in which a path within the folder occurs."""
    named = os.fsencode(folder) + b"/"
    return [command for _, command in _processes(lambda pid: named in _read(pid, "cmdline"))]


def commands_of_run(folder: str) -> list[tuple[int, str]]:
    """The other processes of a run: those that name its folder, and those that have inherited its mark.

    Processes that are about to end are waited for.
    """
    named, mark = os.fsencode(folder) + b"/", os.fsencode(f"{RUN}={folder}\0")

    def left() -> list[tuple[int, str]]:
        found = _processes(lambda pid: named in _read(pid, "cmdline") or mark in _read(pid, "environ"))
        return [(pid, command) for pid, command in found if pid != os.getpid()]

    deadline = time.monotonic() + ENDING_SECONDS
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    return left()


def _processes(wanted: Callable[[int], bool]) -> list[tuple[int, str]]:
    return [(pid, _read(pid, "cmdline").replace(b"\0", b" ").decode()) for pid in _pids() if wanted(pid)]


def _pids() -> Iterator[int]:
    return map(int, filter(str.isdigit, os.listdir("/proc")))


def _read(pid: int, file: str) -> bytes:
    """Empty for a process that has ended, and for the environment of another user's."""
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return Path(f"/proc/{pid}/{file}").read_bytes()
    return b""
