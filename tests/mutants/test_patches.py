"""Every patch plants its fault in the present code, and names a guarantee and tests that exist."""

import ast
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.copies import git_apply
from tests.mutants.patches import MalformedPatch, guarantees, patch_files, read_patch
from tests.support.paths import ROOT

PATCHES_AT_LEAST = 60
OF_EACH_GUARANTEE_AT_LEAST = 2
SNAPSHOT = "test_the_compiled_projections_are_as_last_reviewed"
"""It fails after any change of the compiled SQL, so it proves nothing."""

each_patch = pytest.mark.parametrize("path", patch_files(), ids=lambda path: path.stem)


@each_patch
def test_a_patch_applies_to_the_present_code(path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: `git apply` shows whether the patches fit the code")
    assert git_apply(ROOT, path, "--check") == ""


@each_patch
def test_a_patch_names_a_guarantee(path: Path) -> None:
    assert read_patch(path).guarantee in guarantees()


@each_patch
def test_a_patch_changes_the_product_and_no_test(path: Path) -> None:
    files = read_patch(path).files
    assert files
    assert [file for file in files if file.startswith(("tests/", "bench/", "docs/"))] == []


@each_patch
def test_a_patch_names_tests_that_exist(path: Path) -> None:
    for test in read_patch(path).tests:
        file, _, function = test.partition("::")
        assert (ROOT / file).exists(), test
        name = function.partition("[")[0]
        assert not name or name in functions_of(ROOT / file), test
        assert name != SNAPSHOT


def functions_of(path: Path) -> set[str]:
    """The functions of a module, also those in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_guarantee_has_patches() -> None:
    counts = Counter(read_patch(path).guarantee for path in patch_files())
    assert [each for each in guarantees() if counts[each] < OF_EACH_GUARANTEE_AT_LEAST] == []
    assert counts.total() >= PATCHES_AT_LEAST


HEADERS = "Guarantee: Versions\nBreaks: It breaks.\nTests: tests/test_version.py\n"
DIFF = "\n--- a/app/x.py\n+++ b/app/x.py\n@@ -1 +1 @@\n-x\n+y\n"


def test_a_patch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fault.patch"
    path.write_text(f"{HEADERS}Survives: Nothing calls it.\n{DIFF}")
    read = read_patch(path)
    assert (read.name, read.guarantee, read.breaks) == ("fault", "Versions", "It breaks.")
    assert (read.tests, read.survives, read.files) == (("tests/test_version.py",), "Nothing calls it.", ("app/x.py",))


@pytest.mark.parametrize(
    "text",
    [
        HEADERS,
        HEADERS.replace("Breaks: It breaks.\n", "") + DIFF,
        HEADERS.replace("It breaks.", "") + DIFF,
        HEADERS + "Breaks: It breaks twice.\n" + DIFF,
        HEADERS + "Test: tests/test_make.py\n" + DIFF,
    ],
    ids=["without-diff", "without-header", "with-empty-header", "with-header-twice", "with-unknown-header"],
)
def test_a_malformed_patch_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fault.patch"
    path.write_text(text)
    with pytest.raises(MalformedPatch):
        read_patch(path)
