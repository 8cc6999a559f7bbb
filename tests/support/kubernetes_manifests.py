"""The manifests as kustomize renders them, for tests."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
MONITORING = DEPLOY / "monitoring"

Object = dict[str, Any]

needs_kustomize = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl renders the overlay")


@cache
def rendered(folder: str) -> list[Object]:
    """All objects of a folder, as kustomize makes them."""
    made = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / folder)], check=True, capture_output=True, text=True, timeout=60
    )
    return list(yaml.safe_load_all(made.stdout))


def only_manifest(kind: str, name: str = "catalog-service", folder: str = "gke") -> Object:
    """The one object of that kind and name; a generated name has a hash at its end."""
    (found,) = (
        each
        for each in rendered(folder)
        if each["kind"] == kind and re.fullmatch(rf"{name}(-[a-z0-9]{{10}})?", each["metadata"]["name"])
    )
    return found


def pod_of(name: str = "catalog-service") -> Object:
    kind = "Job" if name == "catalog-migrate" else "Deployment"
    pod: Object = only_manifest(kind, name)["spec"]["template"]["spec"]
    return pod


def container_of(name: str = "catalog-service") -> Object:
    (container,) = pod_of(name)["containers"]
    assert container["name"] == "catalog"
    return dict(container)


def pods() -> Iterator[tuple[str, Object]]:
    for name in ("catalog-service", "catalog-migrate"):
        yield name, pod_of(name)


def environment_of(name: str) -> dict[str, str | None]:
    """The variables of the container; None where a secret has the value."""
    container = container_of(name)
    given: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        given |= only_manifest("ConfigMap", re.sub(r"-[a-z0-9]{10}$", "", source["configMapRef"]["name"]))["data"]
    return given | {each["name"]: each.get("value") for each in container["env"]}


def mebibytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]
