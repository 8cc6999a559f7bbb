"""Alerts and dashboard ask for what a real service measures, each alert fires when it should, the runbook is true."""

import json
import re
import shlex
import shutil
import subprocess

import click
import httpx
import promql_parser
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.cli.catalog import main
from tests.support.kubernetes_manifests import DEPLOY, MONITORING, Object, needs_kustomize, only_manifest
from tests.support.paths import ROOT
from tests.support.patience import until
from tests.support.sample_items import an_item


def alerts() -> dict[str, Object]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    return {rule["alert"]: rule for rule in rules}


def dashboard() -> Object:
    read: Object = json.loads((MONITORING / "dashboard.json").read_text())
    return read


def expressions() -> list[str]:
    of_panels = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    return [*(rule["expr"] for rule in alerts().values()), *of_panels]


FROM_OUTSIDE = {"app", "pod"}
"""Labels that Prometheus adds where it scrapes."""


@pytest.fixture(scope="module")
def exposed(api: httpx.Client) -> dict[str, set[str]]:
    """The labels of every sample that a real service exposes after some use; and Prometheus' own `up`."""
    api.post("/items", json=an_item())
    api.get("/items")
    until(lambda: api.get("/projections/categories").json()["position"] > 0, "no item was counted")
    page = httpx.get(f"{str(api.base_url).removesuffix('/api/v2/')}/metrics").text
    labels: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def nodes_of(expression: str) -> list[promql_parser.Expr]:
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expression), found.append, lambda _: None)
    return found


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_is_promql_over_metrics_that_are_there(expression: str, exposed: dict[str, set[str]]) -> None:
    nodes = nodes_of(expression)
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in exposed
        matchers = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert matchers["app"] == "catalog-service", "others may have metrics of the same name"
        assert set(matchers) <= exposed[selector.name or ""] | FROM_OUTSIDE
    known = set().union(*(exposed[selector.name or ""] for selector in selectors)) | FROM_OUTSIDE
    for node in nodes:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            assert set(node.modifier.labels) <= known


def test_the_apps_label_is_that_of_the_pods() -> None:
    deployment = next(yaml.safe_load_all((DEPLOY / "base" / "service.yaml").read_text()))
    assert deployment["spec"]["template"]["metadata"]["labels"]["app"] == "catalog-service"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_names_labels_that_it_has_and_is_of_a_known_severity(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    kept = {label for node in nodes_of(rule["expr"]) if isinstance(node, promql_parser.AggregateExpr) and node.modifier
            for label in node.modifier.labels}  # fmt: skip
    aggregated = any(isinstance(node, promql_parser.AggregateExpr) for node in nodes_of(rule["expr"]))
    for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
        assert label in (kept if aggregated else FROM_OUTSIDE)


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool evaluates the alerts; Debian's prometheus has it"
)
def test_every_alert_fires_when_it_should_and_no_other() -> None:
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        ran = subprocess.run(
            ["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False, timeout=120
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text())["tests"]
    fired = set(re.findall(r'alertname="(\w+)"', json.dumps(cases).replace("\\", "")))
    assert fired == set(alerts())


def test_the_dashboard_can_be_read_by_grafana() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"
    assert [each["name"] for each in dashboard()["templating"]["list"]] == ["datasource"]


@needs_kustomize
def test_alerts_and_dashboard_are_deployed_as_they_are_tested() -> None:
    (rules,) = only_manifest("ConfigMap", "catalog-alerts")["data"].values()
    (shown,) = only_manifest("ConfigMap", "catalog-dashboard")["data"].values()
    assert rules == (MONITORING / "alerts.yaml").read_text()
    assert json.loads(shown) == dashboard()


RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_the_runbook_has_one_entry_for_each_alert_and_no_other() -> None:
    entries = re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)
    assert sorted(entries) == sorted(alerts())
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbook.md#{name.lower()}")
    for entry in re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]:
        for part in ("**What it means.**", "**Look at**", "**Do**"):
            assert entry.count(part) == 1, entry.partition("\n")[0]


def runbook_commands() -> list[str]:
    return sorted(set(re.findall(r"(?:`|-- )catalog ([^`\n]*)", RUNBOOK)))


@pytest.mark.parametrize("line", runbook_commands())
def test_every_command_that_the_runbook_names_exists(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = main.commands[name]
    with click.Context(main, info_name="catalog") as parent:
        command.make_context(name, arguments, parent=parent)


def test_the_runbook_names_the_commands_that_look() -> None:
    assert {"lag", "inspect", "verify", "events", "resume", "rebuild", "migrate"} <= {
        line.split()[0] for line in runbook_commands()
    }


@pytest.mark.parametrize("block", re.findall(r"^```sql\n(.*?)^```$", RUNBOOK, re.DOTALL | re.MULTILINE))
def test_the_runbooks_queries_are_answered(block: str, connection: psycopg.Connection, conninfo: str) -> None:
    """And the first one shows who appends."""
    with psycopg.connect(conninfo) as appending:
        appending.execute("select pg_advisory_xact_lock_shared(catalog.append_gate())")
        first, *others = [each for each in block.split(";") if each.strip()]
        assert [row[0] for row in connection.execute(first).fetchall()] == [appending.info.backend_pid]
        assert len(others) == 2
        for query in others:
            connection.execute(query).fetchall()
