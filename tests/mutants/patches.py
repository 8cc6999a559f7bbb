"""Reads the patches: each plants one fault, and names the guarantee that it breaks and the tests that must find it."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from msgspec import Struct

from tests.support.paths import ROOT

PATCHES = Path(__file__).parent / "patches"
HEADERS = ("Guarantee", "Breaks", "Tests", "Survives")
REQUIRED_HEADERS = HEADERS[:-1]
CHANGED_FILE = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
GUARANTEES_PAGE = ROOT / "docs" / "guarantees.md"
ROW_OF_A_GUARANTEE = re.compile(r"^\| \*\*(.+?)\*\*", re.MULTILINE)


class MalformedPatch(Exception):
    """A patch that the runner cannot use, with the reason."""


class Patch(Struct, frozen=True, kw_only=True):
    """One planted fault: a unified diff below headers."""

    name: str
    path: Path
    guarantee: str
    """The guarantee that it breaks: the bold text of its row in docs/guarantees.md, without the last sign."""
    breaks: str
    """What goes wrong, in a sentence."""
    tests: tuple[str, ...]
    """pytest's ids of the tests of which at least one must fail."""
    survives: str | None = None
    """Why no test finds it, if that is known."""
    files: tuple[str, ...]
    """The files that it changes, from the repository's folder."""


def read_patch(path: Path) -> Patch:
    """Raises MalformedPatch."""
    text = path.read_text(encoding="utf-8")
    head, separator, _ = text.partition("\n--- ")
    if not separator:
        raise MalformedPatch(f"{path.name} has no diff")
    given = dict(_headers(path, head.splitlines()))
    if missing := [header for header in REQUIRED_HEADERS if header not in given]:
        raise MalformedPatch(f"{path.name} lacks {' and '.join(missing)}")
    return Patch(
        name=path.stem,
        path=path,
        guarantee=given["Guarantee"],
        breaks=given["Breaks"],
        tests=tuple(given["Tests"].split()),
        survives=given.get("Survives"),
        files=tuple(CHANGED_FILE.findall(text)),
    )


def _headers(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The headers and their values."""
    seen: set[str] = set()
    for line in filter(None, lines):
        header, separator, value = line.partition(": ")
        if header not in HEADERS or not separator or not value.strip():
            raise MalformedPatch(f"{path.name} has a line before the diff that is no header: {line}")
        if header in seen:
            raise MalformedPatch(f"{path.name} has {header} twice")
        seen.add(header)
        yield header, value.strip()


def patch_files() -> list[Path]:
    return sorted(PATCHES.glob("*.patch"))


def selected_patches(wanted: Iterable[str]) -> list[Patch]:
    """The patches whose names match one of the given patterns, such as `gate-*`; all of them if none is given."""
    patterns = list(wanted) or ["*"]
    patches = [read_patch(path) for path in patch_files()]
    return [patch for patch in patches if any(fnmatch(patch.name, pattern) for pattern in patterns)]


def guarantees() -> list[str]:
    """The bold texts of the rows of docs/guarantees.md, without the last sign."""
    return [found.rstrip(".,:") for found in ROW_OF_A_GUARANTEE.findall(GUARANTEES_PAGE.read_text(encoding="utf-8"))]
