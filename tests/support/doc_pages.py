"""README.md and the pages below docs/: their prose, headings, links and code blocks."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from tests.support.paths import ROOT

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INLINE_CODE = re.compile(r"(`+)(?P<code>.+?)\1")


class Block(Struct, frozen=True, kw_only=True):
    """A fenced code block."""

    line: int
    """The line of its opening fence, 1-based."""
    info: str
    """What stands behind the opening fence, such as `sh setup`."""
    code: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def kind(self) -> str:
        """The info string without a reason: `sh shown: it needs a cluster` is of the kind `sh shown`."""
        return self.info.partition(":")[0].strip()

    @property
    def reason(self) -> str:
        return self.info.partition(":")[2].strip()


class Page:
    """A Markdown file of the documentation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(line=self.text.count("\n", 0, found.start()) + 1, info=found["info"].strip(), code=found["code"])
            for found in FENCE.finditer(self.text)
        ]

    def code(self, kind: str) -> str:
        """The code of all blocks of one kind."""
        return "".join(block.code for block in self.blocks if block.kind == kind)

    @cached_property
    def without_blocks(self) -> str:
        """The text with each line of a code block empty, so that line numbers stay."""
        return FENCE.sub(lambda found: "\n" * found[0].count("\n"), self.text)

    @cached_property
    def prose(self) -> str:
        """The text without code blocks and inline code."""
        return INLINE_CODE.sub("` `", self.without_blocks)

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives the headings."""
        return {slug(found["text"]) for found in HEADING.finditer(self.without_blocks)}

    def links(self) -> Iterator[str]:
        for found in LINK.finditer(self.prose):
            yield found["target"]

    def inline_code(self) -> Iterator[str]:
        for found in INLINE_CODE.finditer(self.without_blocks):
            yield found["code"]


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


README = Page(ROOT / "README.md")
DOCS = [Page(path) for path in sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [README, *DOCS]


def page(name: str) -> Page:
    """The page of a path such as `docs/psql.md`."""
    (found,) = [each for each in PAGES if each.name == name]
    return found
