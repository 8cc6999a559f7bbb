"""Copies of the repository in which faults are planted: each has an environment of its own, so that its code runs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.mutants.patches import Patch

CANARY = "the code of the copy runs"
WAYS_TO_RUN = (
    (".venv/bin/catalog", "--version"),
    (".venv/bin/python", "-m", "app.cli", "--version"),
    (".venv/bin/python", "-c", "import app.main"),
    (".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_version.py"),
)
"""How tests run our code; the canary sings in all of them."""


class CannotCopy(Exception):
    """The copy is not what would run."""


class Copy:
    """A copy of some files of a folder, with a `.venv` that finds its modules before the installed ones.

    The environment has no reference to the folder it was copied from. So a process that a test starts, even with an
    empty environment, runs the copy's code.
    """

    def __init__(self, source: Path, files: list[str], folder: Path) -> None:
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"
        self._source = source
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name, follow_symlinks=False)

    def make_environment(self) -> None:
        """Create `.venv`, with the programs and packages of the running interpreter's environment."""
        venv.create(self.folder / ".venv", symlinks=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(self.folder / ".venv")}))
        # A path in a .pth file is searched, but its own .pth files are not read: ours name the original.
        (packages / "copy.pth").write_text(f"{self.folder}\n{sysconfig.get_path('purelib')}\n")
        for program in filter(Path.is_file, (Path(sys.prefix) / "bin").iterdir()):
            copied = self.folder / ".venv" / "bin" / program.name
            first, _, rest = program.read_bytes().partition(b"\n")
            if not copied.exists() and first.startswith(b"#!") and os.fsencode(sys.prefix) in first:
                copied.write_bytes(f"#!{self.python}\n".encode() + rest)
                copied.chmod(0o755)

    def check_canary(self) -> None:
        """Plant a fault that every way to run the code must show. Raises CannotCopy."""
        package = self.folder / "app" / "__init__.py"
        kept = package.read_text(encoding="utf-8")
        package.write_text(f"{kept}\nraise SystemExit({CANARY!r})\n", encoding="utf-8")
        try:
            for program, *arguments in WAYS_TO_RUN:
                ran = subprocess.run(
                    [self.folder / program, *arguments],
                    cwd=self.folder if "pytest" in arguments else "/",
                    env={},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if CANARY not in ran.stdout + ran.stderr:
                    raise CannotCopy(f"{program} {' '.join(arguments)} runs other code than the copy's")
        finally:
            self._restore("app/__init__.py")

    def apply(self, patch: Patch) -> str:
        """Plant the fault; returns why git refuses the patch, or nothing."""
        return git_apply(self.folder, patch.path)

    def undo(self, patch: Patch) -> None:
        for name in patch.files:
            self._restore(name)

    def _restore(self, name: str) -> None:
        """With the old time of the last change, by which Python knows its compiled file."""
        shutil.copy2(self._source / name, self.folder / name, follow_symlinks=False)


def git_apply(folder: Path, patch: Path, *options: str) -> str:
    """`git apply` in a folder that need not be a repository; returns what git complains about."""
    command = ["git", "apply", *options, str(patch)]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ran.stderr.strip() if ran.returncode else ""


def tracked_files(folder: Path) -> list[str]:
    """The files that git tracks and that exist."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (folder / name).exists()]
