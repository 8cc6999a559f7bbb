"""No test depends on how fast a machine is: whoever waits is patient, and says in the end what was last seen."""

import ast
from collections.abc import Iterator

import httpx
import pytest

from tests.support.paths import ROOT
from tests.support.patience import LIMIT_SECONDS, PATIENCE_SECONDS, PATIENT_LIMITS, until, until_equal
from tests.support.service_process import service_environment

LEAST_PATIENCE_SECONDS = 30
CLOCKS = {"monotonic", "perf_counter"}
FILES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py") if "soak" not in path.parts
)
STILL_TIMED = {
    "tests/http/test_item_import_limits.py": "An upload's pace is what it tests.",
    "tests/laws/test_high_water_mark.py": "The mark waits for a moment; test_orders_of_the_mark.py needs no seconds.",
}
"""These depend on seconds, and why."""


def impatient(source: str) -> Iterator[str]:
    """What in a test depends on seconds: pauses, assertions about a clock, and time limits below the least."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assert(test=test) if CLOCKS & attributes_in(test):
                yield f"line {node.lineno}: an assertion about a clock"
            case ast.Call(func=ast.Attribute(attr="sleep"), args=[how_long]) if not is_number(how_long, 0, 0):
                yield f"line {node.lineno}: a pause"
            case ast.Call(func=ast.Attribute(attr="timeout"), args=[limit]) if is_number(limit, 0.001):
                yield f"line {node.lineno}: a time limit"
            case ast.Call(func=ast.Attribute(attr="wait_for"), args=[_, limit]) if is_number(limit, 0.001):
                yield f"line {node.lineno}: a time limit"
            case ast.keyword(arg="timeout", value=limit) if is_number(limit, 0.001):
                yield f"line {node.value.lineno}: a time limit"


def attributes_in(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def is_number(node: ast.AST, least: float, most: float = LEAST_PATIENCE_SECONDS - 1) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and least <= node.value <= most


@pytest.mark.parametrize("path", [path for path in FILES if path not in STILL_TIMED])
def test_a_test_depends_on_no_seconds(path: str) -> None:
    assert [*impatient((ROOT / path).read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(0.1)",
        "await asyncio.sleep(pause)",
        "assert time.monotonic() - began < 3",
        "assert 1 < perf_counter.perf_counter()",
        "process.wait(timeout=8)",
        "await asyncio.wait_for(work, 10)",
        "async with asyncio.timeout(10): pass",
    ],
)
def test_what_depends_on_seconds_is_noticed(line: str) -> None:
    assert len([*impatient(f"async def test() -> None:\n    {line}\n")]) == 1


@pytest.mark.parametrize("line", ["await asyncio.sleep(0)", "process.wait(timeout=60)", "began = time.monotonic()"])
def test_what_does_not_is_let_be(line: str) -> None:
    assert [*impatient(f"async def test() -> None:\n    {line}\n")] == []


def test_who_waits_in_vain_says_what_was_last_seen() -> None:
    with pytest.raises(AssertionError, match=r"no spade came; last seen after 0 s: \[\]"):
        until(list, "no spade came", seconds=0)
    with pytest.raises(AssertionError, match="not all came: 3 was wanted; last seen after 0 s: 2"):
        until_equal(lambda: 2, 3, "not all came", seconds=0)


def test_who_waits_looks_until_it_is_there() -> None:
    seen = iter([None, 0, "", "a spade"])
    assert until(lambda: next(seen)) == "a spade"
    counted = iter(range(5))
    until_equal(lambda: next(counted), 3, "not all came")
    assert next(counted) == 4, "it is looked at no more than needed"


def test_clients_and_services_of_tests_are_patient_unless_a_test_says_otherwise() -> None:
    with httpx.Client() as client:
        assert client.timeout == httpx.Timeout(PATIENCE_SECONDS)
    given = service_environment({"CATALOG_LOCK_TIMEOUT_SECONDS": "1"})
    assert {name: given[name] for name in PATIENT_LIMITS} == {
        "CATALOG_POOL_TIMEOUT_SECONDS": str(LIMIT_SECONDS),
        "CATALOG_STATEMENT_TIMEOUT_SECONDS": str(LIMIT_SECONDS),
        "CATALOG_LOCK_TIMEOUT_SECONDS": "1",
    }
