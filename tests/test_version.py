"""Every place that names the version of the product names the same one."""

import importlib.metadata
import re
import tomllib

import yaml

from tests.support.paths import RELEASE_DUMPS, ROOT


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def declared_version() -> str:
    version: str = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    return version


def changelog_versions() -> list[str]:
    """The releases of the changelog, newest first."""
    return re.findall(r"^## (\d+\.\d+\.\d+)$", text_of("CHANGELOG.md"), re.MULTILINE)


def test_the_installed_package_has_the_declared_version() -> None:
    assert importlib.metadata.version("swappo-catalog") == declared_version(), "run `make setup`"


def test_the_changelog_begins_with_the_declared_version() -> None:
    versions = changelog_versions()
    assert versions[0] == declared_version()
    assert versions == sorted(set(versions), key=lambda version: [*map(int, version.split("."))], reverse=True)


def test_the_label_of_the_image_is_the_declared_version() -> None:
    assert re.findall(r'org\.opencontainers\.image\.version="(.*?)"', text_of("Dockerfile")) == [declared_version()]


def test_the_overlay_deploys_and_labels_the_declared_version() -> None:
    overlay = yaml.safe_load(text_of("deploy/gke/kustomization.yaml"))
    (tag,) = [image["newTag"] for image in overlay["images"] if image["name"] == "catalog-service"]
    (label,) = [pairs for each in overlay["labels"] for pairs in each["pairs"].items()]
    assert (tag, label) == (declared_version(), ("app.kubernetes.io/version", declared_version()))


def test_upgrading_says_how_to_reach_the_declared_version() -> None:
    versions = changelog_versions()
    headings = re.findall(r"^## From (\S+) to (\S+)$", text_of("docs/upgrading.md"), re.MULTILINE)
    assert sorted(headings) == sorted(zip(versions[1:], versions, strict=False))


def test_each_earlier_release_left_a_database() -> None:
    kept = {path.stem for path in RELEASE_DUMPS.glob("*.sql")}
    earlier, known = changelog_versions()[1:], changelog_versions()
    assert set(earlier) <= kept <= set(known)
