"""What is deployed is valid and true to the code: settings, ports, probes, times, connections, rights."""

import importlib.metadata
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import kubernetes_validate
import psycopg
import pytest
import yaml

from app.http.auth.tokens import check_authentication
from app.http.controllers.health import PROBE_WAITS_SECONDS
from app.http.server.server import STOPS_WITHIN_SECONDS
from app.http.wire.upload_slots import FULL_SIZE_UPLOADS
from app.settings import Settings, read_settings
from tests.support.kubernetes_manifests import (
    DEPLOY,
    MONITORING,
    container_of,
    environment_of,
    mebibytes,
    needs_kustomize,
    only_manifest,
    pod_of,
    pods,
    rendered,
)
from tests.support.service_process import running_service

KUBERNETES = "1.34"
"""Whose schemas the manifests are held against."""
CUSTOM = {"KongPlugin"}
"""Kinds that are not Kubernetes' own; nobody has their schemas here."""
DATABASE_CONNECTIONS = 25
FOR_THE_OTHERS = 4 * 2
OF_A_PROJECTOR = 1
OF_A_REBUILD = 3
OF_OPERATIONS = 2
"""The migration Job, and an operator."""
KUBELET_AND_SIDECARS_SECONDS = 10


def manifest_files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*.yaml") if path.parent != MONITORING or path.name.startswith("kust"))


def test_every_manifest_is_part_of_the_overlay() -> None:
    """Also without kustomize: what is named is there, and nothing is forgotten."""
    named = set()
    for path in DEPLOY.rglob("kustomization.yaml"):
        kustomization = yaml.safe_load(path.read_text())
        named.add(path)
        for name in kustomization.get("resources", []):
            target = (path.parent / name).resolve()
            named.add(target / "kustomization.yaml" if target.is_dir() else target)
        named |= {(path.parent / each["path"]).resolve() for each in kustomization.get("patches", []) if "path" in each}
    assert named == set(manifest_files())


@pytest.mark.parametrize("path", manifest_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_object_as_it_is_written_is_valid(path: Path) -> None:
    for given in yaml.safe_load_all(path.read_text()):
        if isinstance(given, dict) and given["kind"] not in {*CUSTOM, "Kustomization"}:
            kubernetes_validate.validate(given, KUBERNETES, strict=True)


@needs_kustomize
@pytest.mark.parametrize("folder", ["base", "gke", "monitoring"])
def test_every_object_as_it_is_rendered_is_valid_and_in_the_namespace(folder: str) -> None:
    for made in rendered(folder):
        assert made["metadata"]["namespace"] == "swappo"
        if made["kind"] not in CUSTOM:
            kubernetes_validate.validate(made, KUBERNETES, strict=True)


@needs_kustomize
def test_what_selects_pods_selects_ours() -> None:
    labels = only_manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    job_labels = only_manifest("Job", "catalog-migrate")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only_manifest("Deployment")["spec"]["selector"]["matchLabels"],
        only_manifest("Service")["spec"]["selector"],
        only_manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only_manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        pod_of()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= job_labels.items(), "the Service must not lead to the Job"
    assert (
        only_manifest("NetworkPolicy", "catalog-migrate")["spec"]["podSelector"]["matchLabels"].items()
        <= job_labels.items()
    )
    (expression,) = only_manifest("NetworkPolicy", "catalog-cloud-sql")["spec"]["podSelector"]["matchExpressions"]
    assert {labels["app"], job_labels["app"]} == set(expression["values"])
    assert (
        only_manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
        == only_manifest("Deployment")["metadata"]["name"]
    )


@needs_kustomize
def test_every_variable_is_a_setting_and_production_would_start_with_them() -> None:
    for name in ("catalog-service", "catalog-migrate"):
        given = environment_of(name)
        known = {field.upper() for field in Settings.__struct_encode_fields__}
        assert set(given) - known <= {"TMPDIR"}
        secret = {key: "a-secret-of-thirty-two-bytes-or-more" for key, value in given.items() if value is None}
        settings = read_settings({**{key: value for key, value in given.items() if value is not None}, **secret})
        check_authentication(settings)
        assert settings.database_url == secret["DATABASE_URL"], "not the embedded one"
    served = read_settings({key: value for key, value in environment_of("catalog-service").items() if value})
    assert (served.env, served.auth) == ("production", "jwt")
    assert served.host == "0.0.0.0"


@needs_kustomize
def test_secrets_are_named_and_never_contained() -> None:
    assert not [each for each in rendered("gke") if each["kind"] == "Secret"]
    for name in ("catalog-service", "catalog-migrate"):
        for variable in container_of(name)["env"]:
            secret = re.search("SECRET|TOKEN|DATABASE|SUBJECTS", variable["name"])
            assert ("valueFrom" in variable) == bool(secret), variable["name"]
        urls = [each["valueFrom"]["secretKeyRef"]["key"] for each in container_of(name)["env"] if "URL" in each["name"]]
        assert urls == [{"catalog-service": "service-url", "catalog-migrate": "owner-url"}[name]]


@needs_kustomize
def test_no_container_may_more_than_it_must() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in (*pod["containers"], *pod["initContainers"]):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context.get("runAsUser", pod["securityContext"]["runAsUser"]) > 0
            assert container["resources"]["limits"]["memory"]


@needs_kustomize
def test_the_way_to_the_database_is_there_before_the_service_and_ends_after_it() -> None:
    """A native sidecar, for the Job as well, which would never end beside an ordinary one."""
    for _, pod in pods():
        (proxy,) = pod["initContainers"]
        assert proxy["restartPolicy"] == "Always"
        assert proxy["startupProbe"]["httpGet"]["path"] == "/startup"
        assert "--address=127.0.0.1" in proxy["args"], "nobody else goes through it"


@needs_kustomize
def test_the_port_is_the_same_everywhere() -> None:
    port = int(environment_of("catalog-service")["CATALOG_PORT"] or 0)
    assert port == 8000
    (listening,) = container_of()["ports"]
    (offered,) = only_manifest("Service")["spec"]["ports"]
    (policy,) = only_manifest("NetworkPolicy")["spec"]["ingress"]
    annotations = only_manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert listening["containerPort"] == offered["port"] == policy["ports"][0]["port"] == port
    assert offered["targetPort"] == listening["name"]
    assert annotations == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(port),
        "prometheus.io/path": "/metrics",
    }


@needs_kustomize
def test_probes_ask_for_what_the_service_answers_and_wait_for_its_answer(service: str) -> None:
    probes = {name: container_of()[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    for probe in probes.values():
        assert probe["httpGet"]["port"] == container_of()["ports"][0]["name"]
        assert httpx.get(service + probe["httpGet"]["path"]).status_code == 200
    assert probes["liveness"]["httpGet"]["path"] == "/health/live", "no restart for a database that is away"
    assert probes["readiness"]["httpGet"]["path"] == "/health/ready"
    assert probes["readiness"]["timeoutSeconds"] > PROBE_WAITS_SECONDS


@needs_kustomize
def test_a_pod_has_the_time_to_stop_gracefully() -> None:
    sleep = container_of()["lifecycle"]["preStop"]["sleep"]["seconds"]
    probe = container_of()["readinessProbe"]
    assert sleep >= probe["periodSeconds"], "until the gateway has heard of it"
    needed = sleep + STOPS_WITHIN_SECONDS + KUBELET_AND_SIDECARS_SECONDS
    assert needed <= pod_of()["terminationGracePeriodSeconds"]


@needs_kustomize
def test_all_pods_together_leave_the_other_services_their_connections() -> None:
    pool = int(environment_of("catalog-service")["CATALOG_POOL_SIZE"] or 0)
    scaling = only_manifest("HorizontalPodAutoscaler")["spec"]
    update = only_manifest("Deployment")["spec"]["strategy"]["rollingUpdate"]
    at_most = scaling["maxReplicas"] + update["maxSurge"]
    assert pool <= 4
    ours = at_most * (pool + OF_A_PROJECTOR) + OF_A_REBUILD + OF_OPERATIONS
    assert ours + FOR_THE_OTHERS <= DATABASE_CONNECTIONS
    one_more = ours + pool + OF_A_PROJECTOR
    assert one_more + FOR_THE_OTHERS > DATABASE_CONNECTIONS, "another pod would have its connections"
    assert update["maxUnavailable"] < scaling["minReplicas"], "somebody serves during an update"
    assert only_manifest("PodDisruptionBudget")["spec"]["minAvailable"] < scaling["minReplicas"], (
        "or no node could be drained"
    )
    assert "replicas" not in only_manifest("Deployment")["spec"], "it is the autoscaler's"


STATUSES = ("active", "archived", "swapped", "any")


def test_a_service_takes_no_more_connections_than_are_counted(conninfo: str) -> None:
    """Its pool and its projector's; the one that looks after the projections is there for moments."""
    count = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    seen: set[int] = set()
    with (
        running_service({"DATABASE_URL": conninfo, "CATALOG_POOL_SIZE": "3"}) as (url, _),
        psycopg.connect(conninfo, autocommit=True) as connection,
        httpx.Client(base_url=url, timeout=30) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        asked = [threads.submit(client.get, "/api/v2/items", params={"status": status}) for status in STATUSES * 100]
        while not all(each.done() for each in asked):
            seen.update(connection.execute(count).fetchone() or ())
        assert {each.result().status_code for each in asked} == {200}
    of_looking_after = 1
    assert 3 <= max(seen) <= 3 + OF_A_PROJECTOR + of_looking_after


@needs_kustomize
def test_arriving_imports_have_room() -> None:
    limit = int(environment_of("catalog-service")["CATALOG_IMPORT_LIMIT_MIB"] or 0)
    volumes = {each["name"]: each for each in pod_of()["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container_of()["volumeMounts"]}
    temporary = mounts[environment_of("catalog-service")["TMPDIR"] or ""]["emptyDir"]
    assert "medium" not in temporary, "on disk: in memory it would count against the limit"
    assert mebibytes(temporary["sizeLimit"]) >= FULL_SIZE_UPLOADS * limit
    assert mebibytes(container_of()["resources"]["limits"]["ephemeral-storage"]) > mebibytes(temporary["sizeLimit"])


@needs_kustomize
def test_images_have_a_version_and_only_the_overlay_says_from_where() -> None:
    for _, pod in pods():
        for container in (*pod["containers"], *pod["initContainers"]):
            image, _, tag = container["image"].rpartition(":")
            assert re.fullmatch(r"\d+\.\d+\.\d+", tag)
            assert image.startswith("registry.example/"), "a placeholder"
    served, migrated = container_of()["image"], container_of("catalog-migrate")["image"]
    assert served == migrated
    assert served.rpartition(":")[2] == importlib.metadata.version("swappo-catalog")
    for made in rendered("base"):
        for image in re.findall(r"image: (\S+)", yaml.safe_dump(made)):
            assert image == "catalog-service"
