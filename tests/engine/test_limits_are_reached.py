"""Every limit of the engine is reached by a test, on both sides: a new number must be entered in `limits_reached`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.limits_reached import NO_LIMITS, NO_LIMITS_IN_SQL, NOT_REACHED, REACHED, REACHED_IN_SQL
from tests.support.paths import ROOT, SCHEMA_SQL

ENGINE = ROOT / "app" / "engine"
NUMBER_IN_SQL = re.compile(r"(?<![\w.])\d{2,}(?:\.\d+)?(?!\w)")
NOT_CODE = re.compile(r"--[^\n]*|comment on .*?;\n|errcode = '[^']*'|hint = .*?;\n", re.DOTALL)


def is_number(value: ast.expr | None) -> bool:
    """Whether an expression is a number that bounds something, some numbers, or a span of time."""
    match value:
        case ast.Constant(value=number):
            return type(number) in (int, float) and number != 0
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Tuple(elts=elements):
            return bool(elements) and all(map(is_number, elements))
        case ast.Call(func=ast.Name(id="timedelta")):
            return True
    return False


def numbers_in(scope: ast.AST, prefix: str) -> Iterator[str]:
    """The names of numbers: of constants, of fields of classes, and of parameters with a default."""
    for statement in getattr(scope, "body", []):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_number(value):
                yield f"{prefix}.{name}"
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if is_number(value):
                yield f"{prefix}.{name}"
            case ast.ClassDef(name=name):
                yield from numbers_in(statement, f"{prefix}.{name}")
            case ast.FunctionDef(name=name, args=given) | ast.AsyncFunctionDef(name=name, args=given):
                positional = [*given.posonlyargs, *given.args]
                without_default = [None] * (len(positional) - len(given.defaults))
                defaults = [*without_default, *given.defaults, *given.kw_defaults]
                for each, default in zip([*positional, *given.kwonlyargs], defaults, strict=True):
                    if is_number(default):
                        yield f"{prefix}.{name}.{each.arg}"


def numbers_of_module(path: Path) -> Iterator[str]:
    name = ".".join(path.relative_to(ENGINE).with_suffix("").parts)
    return numbers_in(ast.parse(path.read_text(encoding="utf-8")), name)


def names_of_tests(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_every_number_of_the_engine_is_reached_by_a_test_or_is_no_limit() -> None:
    found = {name for path in ENGINE.rglob("*.py") for name in numbers_of_module(path)}
    assert sorted([*REACHED, *NOT_REACHED, *NO_LIMITS]) == sorted(found)


def test_every_number_of_the_schema_is_reached_by_a_test_or_is_no_limit() -> None:
    code = NOT_CODE.sub("", SCHEMA_SQL.read_text(encoding="utf-8"))
    assert {*NUMBER_IN_SQL.findall(code)} == REACHED_IN_SQL.keys() | NO_LIMITS_IN_SQL


@pytest.mark.parametrize("test", sorted({*REACHED.values(), *REACHED_IN_SQL.values()}))
def test_what_is_said_to_reach_it_is_a_test(test: str) -> None:
    path, name = test.split("::")
    assert name.startswith("test_")
    assert sum(each.startswith(name) for each in names_of_tests(ROOT / path)) == 1
