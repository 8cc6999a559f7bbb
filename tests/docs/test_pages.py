"""The pages of the documentation hold together: links, anchors and paths resolve, and each page can be found."""

import re
from pathlib import Path

import pytest

import app
from tests.support.doc_pages import DOCS, PAGES, README, Page
from tests.support.paths import ROOT

README_LINES_MAX = 180
SCREENSHOT = "app/page/screenshot.png"
FOLDERS = ("app", "tests", "projections", "deploy", "docs", "bench")
NAMED_PATH = re.compile(rf"(?<![\w/])(?:{'|'.join(FOLDERS)})/[\w/.*-]+")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def target_of(page: Page, link: str) -> tuple[Path, str]:
    """The file and the anchor that a relative link leads to."""
    path, _, anchor = link.partition("#")
    return (page.path.parent / path).resolve() if path else page.path, anchor


def relative_links(page: Page) -> list[str]:
    return [link for link in page.links() if not re.match(r"[a-z]+:", link)]


@every_page
def test_every_relative_link_leads_to_a_file(page: Page) -> None:
    assert [link for link in relative_links(page) if not target_of(page, link)[0].exists()] == []


@every_page
def test_every_anchor_is_a_heading_of_its_page(page: Page) -> None:
    for link in relative_links(page):
        path, anchor = target_of(page, link)
        assert not anchor or not path.exists() or anchor in Page(path).anchors, link


def test_every_page_can_be_reached_from_the_index() -> None:
    by_path = {each.path: each for each in DOCS}
    reached: set[Path] = set()
    further = [ROOT / "docs" / "index.md"]
    while further:
        path = further.pop()
        if path in by_path and path not in reached:
            reached.add(path)
            further += [target_of(by_path[path], link)[0] for link in relative_links(by_path[path])]
    assert [page.name for page in DOCS if page.path not in reached] == []


def test_the_readme_leads_to_the_index_and_shows_the_picture() -> None:
    assert {"docs/index.md", SCREENSHOT} <= set(README.links())


def test_the_readme_is_short() -> None:
    assert len(README.text.splitlines()) <= README_LINES_MAX


@every_page
def test_every_path_that_a_page_names_exists(page: Page) -> None:
    named = {found for code in page.inline_code() for found in NAMED_PATH.findall(code)}
    named |= {found for block in page.blocks if block.kind == "text" for found in NAMED_PATH.findall(block.code)}
    assert [path for path in sorted(named) if not list(ROOT.glob(path.rstrip("/.")))] == []


def test_the_map_of_the_readme_names_every_package() -> None:
    """`app/engine/` and what lies directly in `app` and `app/engine`."""
    folder = Path(app.__path__[0])
    packages = [path.parent for outer in (folder, folder / "engine") for path in outer.glob("*/__init__.py")]
    drawing = README.code("text")
    assert [str(path) for path in packages if not re.search(rf"^ +{path.name}/", drawing, re.MULTILINE)] == []
