"""The walks through the code name files that exist, and no walk visits a file twice."""

import re

import pytest

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STOP = re.compile(r"^\d+\. `(?P<path>[\w/.]+)` ", re.MULTILINE)
HEADINGS = ("One command through the code", "A listing as of an instant", "A background batch")


def stops(heading: str) -> list[str]:
    """The files of a walk, in order."""
    _, _, walk = PAGE.partition(f"\n## {heading}\n")
    numbered = re.findall(r"^\d+\. .*$", walk.partition("\n## ")[0], re.MULTILINE)
    found = [STOP.match(line) for line in numbered]
    assert all(found), "each stop begins with its file"
    return [stop["path"] for stop in found if stop]


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_stop_is_a_file_and_none_is_visited_twice(heading: str) -> None:
    visited = stops(heading)
    assert len(visited) >= 5
    assert [path for path in visited if not (ROOT / path).is_file()] == []
    assert len(set(visited)) == len(visited)
