"""The image's recipe: read, and its commands run where nothing has to be downloaded for them."""

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings import read_settings
from tests.support.kubernetes_manifests import DEPLOY
from tests.support.paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def test_the_image_runs_as_nobody_in_particular_and_holds_nothing_to_download_with() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["${PYTHON} AS build", "${PYTHON}"], "the environment's Python is the same in both"
    final = instructions()[[name for name, _ in instructions()].index("FROM", 2) :]
    assert ("USER", "10001:10001") in final
    assert not [rest for name, rest in final if name == "RUN"], "nothing is installed there"
    assert [rest for name, rest in final if name == "COPY"] == ["--from=build /opt/catalog /opt/catalog"]
    assert not re.search(r"\b(curl|wget|apt|apt-get|sudo|chmod)\b|https?://|:latest", DOCKERFILE)
    assert ("ENTRYPOINT", '["catalog"]') in final
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)


def test_the_image_listens_where_the_manifests_say() -> None:
    (environment,) = [rest for name, rest in instructions()[5:] if name == "ENV" and "CATALOG_PORT" in rest]
    given = dict(each.split("=", 1) for each in environment.split())
    settings = read_settings({name: value for name, value in given.items() if name.startswith("CATALOG_")})
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert ("EXPOSE", "8000") in instructions()


def test_what_the_image_copies_is_let_in_and_all_of_it_is_there() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")]
    assert {name for names in copied for name in names} == let_in
    for name in let_in:
        assert (ROOT / name).exists(), name


def pins(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by name."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for block in re.split(r"\n(?=\S)", path.read_text()):
        name, version = re.match(r"([\w.-]+)==([^\s;]+)", block).groups()  # type: ignore[union-attr]
        hashes = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
        assert hashes, name
        found[canonicalize_name(name)] = (version, hashes)
    return found


def test_the_image_has_the_versions_that_the_tests_have() -> None:
    tested = pins(ROOT / "requirements.lock")
    for name in ("run.lock", "build.lock"):
        assert pins(DEPLOY / name).items() <= tested.items()
    assert not {"pytest", "mypy", "ruff", "hypothesis", "kubernetes-validate"} & set(pins(DEPLOY / "run.lock"))


def needed_by(requirement: Requirement) -> Iterator[str]:
    """The names of all that has to be installed for it here."""
    yield canonicalize_name(requirement.name)
    for text in importlib.metadata.requires(requirement.name) or []:
        inner = Requirement(text)
        extras = requirement.extras or {""}
        if not inner.marker or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
            yield from needed_by(inner)


def test_the_image_has_all_that_the_service_needs() -> None:
    needed = set(needed_by(Requirement("swappo-catalog"))) - {"swappo-catalog"}
    assert {"litestar", "psycopg-binary", "cryptography"} <= needed <= set(pins(DEPLOY / "run.lock"))
    assert set(needed_by(Requirement("hatchling"))) <= set(pins(DEPLOY / "build.lock"))


def test_the_wheel_that_the_image_builds_has_everything_and_works_far_from_a_checkout(tmp_path: Path) -> None:
    """By the same two commands; what they need is taken from here instead of fetched."""
    commands = [rest for name, rest in instructions() if name == "RUN" and "--no-deps" in rest]
    building, installing = (shlex.split(each) for each in commands)
    assert building[:5] == ["python", "-m", "pip", "wheel", "--no-deps"]
    source, dist = tmp_path / "source", tmp_path / "dist"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "schema.sql"):
        shutil.copy(ROOT / name, source)
    for name in ("app", "projections"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, *building[1:]], cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = (source / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "app/schema.sql" in names
    assert "app/http/swagger_ui/swagger-ui-bundle.js" in names
    assert {"app/page/index.html", "app/page/vendor/uplot.js", "app/page/pictures/kite.svg"} <= set(names)
    assert "app/page/screenshot.png" not in names, "the README's picture"
    assert "projections/items.py" in names
    assert not [name for name in names if name.startswith(("tests", "bench", "deploy"))]

    installed = tmp_path / "opt"
    venv.create(installed, with_pip=False, symlinks=True)
    python = installed / "bin" / "python"
    assert installing[3:6] == ["--python", "/opt/catalog/bin/python", "install"]
    installing[installing.index("/opt/catalog/bin/python")] = str(python)
    subprocess.run([sys.executable, *installing[1:]], cwd=source, check=True, capture_output=True, timeout=120)
    shutil.move(source / "dist", dist)
    shutil.rmtree(source)
    (site,) = (installed / "lib").glob("python3*/site-packages")
    (ours,) = {Path(str(importlib.metadata.distribution("litestar").locate_file(""))).resolve()}
    (site / "dependencies.pth").write_text(f"{ours}\n")
    told = subprocess.run(
        [installed / "bin" / "catalog", "schema"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.startswith((ROOT / "schema.sql").read_text())
    where = subprocess.run(
        [python, "-c", "import app; print(app.__file__)"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(site)), "not the checkout"
