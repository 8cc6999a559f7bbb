"""What the embedded Postgres asks of the operating system: /proc, a folder of its own, a user who may run it."""

import os
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

from app.errors import SetupError

with suppress(ImportError):  # on Windows, where `check_platform` refuses
    import pwd

MARKER = "swappo-catalog"
"""The file that says that a folder is ours."""

OTHER_SERVER = "set DATABASE_URL to a PostgreSQL server"
"""The way out wherever the embedded server cannot run."""


def check_platform() -> None:
    """Raises SetupError where the embedded server cannot run whatever its folder is."""
    if not Path("/proc/self/cmdline").exists():
        raise SetupError(
            "the embedded Postgres needs Linux with /proc mounted, where it finds its server: "
            f"{OTHER_SERVER}, or run the catalog in a Linux container"
        )


def claim(data_dir: Path) -> None:
    """Makes the folder ours, which it becomes only while it is empty."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In this order: the marker is the first file anyone makes here.
    empty = not any(data_dir.iterdir())
    if not (data_dir / MARKER).exists():
        if not empty:
            raise SetupError(f"{data_dir} holds files that are not the catalog's: name a new or an empty folder")
        if os.geteuid() == 0 and data_dir.stat().st_uid == 0:
            _give_to_server_user(data_dir)
        if os.geteuid() in (0, data_dir.stat().st_uid):
            data_dir.chmod(0o700)


def _give_to_server_user(data_dir: Path) -> None:
    user, group = server_user()
    try:
        os.chown(data_dir, user, group)
    except OSError as error:  # in a container that knows root alone, say
        raise SetupError(
            f"Postgres does not run as root, and {data_dir} cannot be given to the user {user} to run it as "
            f"({error.strerror}): run the catalog as an ordinary user, or {OTHER_SERVER}"
        ) from error


def server_user() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)[2:4]
    raise SetupError(
        "Postgres does not run as root, and there is no user postgres or nobody to run it as: "
        f"add one, run the catalog as an ordinary user, or {OTHER_SERVER}"
    )


def make_private(folder: Path, owner: os.stat_result) -> None:
    """Of mode 0700 and for Postgres alone; in /tmp somebody else may have taken the name."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if os.geteuid() == 0 and folder.lstat().st_uid == 0:
        os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)
    found = folder.lstat()
    if (found.st_uid, found.st_mode) != (owner.st_uid, stat.S_IFDIR | 0o700):
        raise SetupError(f"{folder} is not a folder of ours for the socket: remove it, or choose a shorter data folder")


DROPPED_RIGHTS = (
    [],
    *(
        [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", *securebits]
        for capability in ("dac_read_search", "dac_override")
        for securebits in ([], ["--securebits=+no_setuid_fixup"])
    ),
)
"""What `setpriv` grants beside the user, least first.

access(2), by which Postgres looks for its own programs, ignores the capability unless no_setuid_fixup is set.
"""


def run_as_owner(data_dir: Path, binaries: Path) -> list[str]:
    """What to put before a command so that it runs as whom Postgres may run as, with no more rights than it needs."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise SetupError(
            "Postgres does not run as root, and there is no setpriv (util-linux) to run it as another user: "
            f"install it, run the catalog as an ordinary user, or {OTHER_SERVER}"
        )
    owner = data_dir.stat()
    become = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    refusals = []
    for rights in DROPPED_RIGHTS:
        # `--show` makes nothing: initdb looks for the server's programs first, and then for the user's name.
        looks = 'test -w "$1" && "$0" --show -D "$1"'
        tried = run_tool([*become, *rights, "sh", "-c", looks, str(binaries / "initdb"), str(data_dir)])
        if tried.returncode == 0 or "could not look up effective user ID" in tried.stderr:
            return [*become, *rights]
        refusals.append(" ".join(tried.stderr.split()) or f"{data_dir} cannot be written")
    raise SetupError(
        f"Postgres does not run as root, and the user {owner.st_uid} can neither be let through to {binaries} and "
        f"{data_dir} nor go there itself ({' / '.join(dict.fromkeys(refusals))}): "
        f"move them, run the catalog as an ordinary user, or {OTHER_SERVER}"
    )


def open_private(path: Path, flags: int = 0) -> int:
    """A descriptor no child inherits, of a file for us alone; as root we follow no link that Postgres's user made."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)


def run_tool(command: list[str], keep: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
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
    """Without the user's PGPORT and the like; in English, for we read what the server says."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def read_lines(file: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return [line.strip() for line in file.read_text(errors="replace").splitlines()]
    return []
