"""The uses of private details of dependencies are listed, and the versions of those packages are capped."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")


def listed() -> dict[str, str]:
    """The cap that the page names, by package."""
    table = PAGE.partition("### Private details that we use")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([\w-]+) `(<[\d.]+)` \|", table, re.MULTILINE))


def capped() -> dict[str, str]:
    """The upper bound that pyproject.toml sets, by package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    bounds = {canonicalize_name(each.name): [str(bound) for bound in each.specifier] for each in requirements}
    return {name: bound for name, those in bounds.items() for bound in those if bound.startswith("<")}


def test_the_page_lists_what_the_project_caps() -> None:
    assert listed() == capped() != {}


def test_every_import_of_a_private_module_is_listed() -> None:
    found = [
        module.split(".")[0]
        for path in (ROOT / "app").rglob("*.py")
        for module in re.findall(r"^(?:from|import) (\w+(?:\.\w+)*\._\w+)", path.read_text(encoding="utf-8"), re.M)
        if not module.startswith("app.")
    ]
    assert set(found) <= set(listed())
