"""A copy runs its own code, with a fault while the patch is applied and without it afterwards."""

import subprocess
from pathlib import Path

import pytest

from tests.mutants.copies import CannotCopy, Copy, tracked_files
from tests.mutants.patches import read_patch
from tests.support.paths import ROOT

FAULT = """\
Guarantee: Versions
Breaks: The second line is wrong.
Tests: tests/test_version.py

--- a/app/wording.py
+++ b/app/wording.py
@@ -1,2 +1,2 @@
 FIRST = 1
-SECOND = 2
+SECOND = 3
"""


def test_a_fault_is_planted_and_removed(tmp_path: Path) -> None:
    original = tmp_path / "original"
    (original / "app").mkdir(parents=True)
    module = original / "app" / "wording.py"
    module.write_text("FIRST = 1\nSECOND = 2\n")
    (tmp_path / "fault.patch").write_text(FAULT)
    copy, patch = Copy(original, ["app/wording.py"], tmp_path / "copy"), read_patch(tmp_path / "fault.patch")
    copied = copy.folder / "app" / "wording.py"
    assert copy.apply(patch) == ""
    assert copied.read_text() == "FIRST = 1\nSECOND = 3\n"
    assert "patch does not apply" in copy.apply(patch)
    copy.undo(patch)
    assert copied.read_text() == module.read_text() == "FIRST = 1\nSECOND = 2\n"
    assert copied.stat().st_mtime_ns == module.stat().st_mtime_ns


def test_a_copy_runs_its_own_code_and_one_that_runs_other_code_is_refused(tmp_path: Path) -> None:
    copy = Copy(ROOT, copied_files(), tmp_path / "copy")
    copy.make_environment()
    copy.check_canary()
    (found,) = copy.folder.glob(".venv/lib/*/site-packages/copy.pth")
    found.write_text(found.read_text().replace(str(copy.folder), str(ROOT)))
    with pytest.raises(CannotCopy):
        copy.check_canary()
    assert (copy.folder / "app" / "__init__.py").read_bytes() == (ROOT / "app" / "__init__.py").read_bytes()


def copied_files() -> list[str]:
    try:
        return tracked_files(ROOT)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("git is not installed, or this is no repository: it lists the files of a copy")
