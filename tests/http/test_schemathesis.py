"""Whatever somebody sends: no 5xx, and no answer that the OpenAPI document does not tell of (schemathesis)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import database_like
from tests.support.service_process import running_service

ADMIN_TOKEN = "an-admin-token-of-thirty-two-bytes-or-more"
ENOUGH_CASES = 2_000
ENDLESS = "/api/v2/events/stream"
EXAMPLES_PER_OPERATION = 40
NOT_SO_HERE = "positive_data_acceptance,use_after_free"
"""Instants, places and cursors are texts of many forms; what is none is refused, which a JSON schema cannot tell. And
a deleted item stays readable, by contract."""
HARD_TO_MAKE_UP = "filter_too_much"
"""Of random bytes few are lines of JSON: a complaint about the requests, not about the answers."""


@pytest.fixture(scope="module")
def guarded(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    environment = {"CATALOG_AUTH": "jwt", "CATALOG_JWT_SECRETS": "x" * 32, "CATALOG_ADMIN_TOKEN": ADMIN_TOKEN}
    with (
        database_like(server, template) as conninfo,
        running_service({"DATABASE_URL": conninfo, **environment}) as (url, _),
    ):
        yield url


def test_thousands_of_requests_find_no_server_error_and_no_answer_that_is_not_described(
    guarded: str, tmp_path: Path
) -> None:
    """All phases: the examples, the edges of each schema, random requests, and chains of them."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{guarded}/schema/openapi.json"]
    command += ["--header", f"Authorization: Bearer {ADMIN_TOKEN}", "--exclude-path", ENDLESS]
    command += ["--exclude-checks", NOT_SO_HERE, "--max-examples", str(EXAMPLES_PER_OPERATION)]
    command += ["--suppress-health-check", HARD_TO_MAKE_UP]
    command += ["--generation-database", "none", "--continue-on-failure", "--no-color"]
    command += ["--report", "json", "--report-json-path", str(report)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=540, check=False)
    found: dict[str, Any] = json.loads(report.read_text())
    assert ran.returncode == 0, ran.stdout[-20_000:]
    assert found["test_cases"]["generated"] >= ENOUGH_CASES
    assert {phase: told["status"] for phase, told in found["phases"].items()} == dict.fromkeys(
        ("examples", "coverage", "fuzzing", "stateful"), "success"
    )
