"""One rebuild in a process of its own, which says how long it took and how much memory it needed at most.

python -m bench.rebuilding CONNINFO NAME
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from app.domain.events import Event
from app.engine.background.rebuild import rebuild
from app.engine.projection.projection import Projection
from app.engine.projection.rollup import AnyReadModel
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners


class Bare(Projection[Item, Event]):
    """Items without any index but the primary key, like the floor."""

    rules = Items.rules


READ_MODELS: tuple[AnyReadModel, ...] = (Items, Owners, Categories, Bare)
"""The schema of a database whose rebuilds are timed."""


class Done(Struct, frozen=True, kw_only=True):
    seconds: float
    """The time of the rebuild, without the start of its process."""
    peak_mib: float
    """The peak memory of its process, private and shared (VmHWM)."""


def rebuilt(conninfo: str, name: str) -> Done:
    """Rebuild a read model in a new process, whose messages go to our stderr."""
    command = [sys.executable, "-m", "bench.rebuilding", conninfo, name]
    return msgspec.json.decode(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, type=Done)


def main() -> None:
    _, conninfo, name = sys.argv
    (read_model,) = (each for each in READ_MODELS if each.name == name)
    done = asyncio.run(rebuild(conninfo, read_model))
    kib = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(msgspec.json.encode(Done(seconds=done.seconds, peak_mib=int(kib[0]) / 1024)).decode())


if __name__ == "__main__":
    main()
