"""The data folder of the embedded Postgres: how it is claimed, and who may read it."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from app.errors import SetupError

with suppress(ImportError):  # on Windows, where `check_platform` refuses
    import pwd

MARKER = "swappo-catalog"
"""The file that marks a folder as the catalog's."""


class CannotRunHere(SetupError):
    """The embedded server cannot run here"""

    # Not on this machine, or not in this folder; another server is the way out. The detail ends with what else can be
    # done, so that a caller may add how another server is named.


def claim(data_dir: Path) -> None:
    """Make the folder the catalog's, if it is empty. Raises SetupError if it holds other files."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In this order: the marker is the first file that any process makes here.
    empty = not any(data_dir.iterdir())
    if not (data_dir / MARKER).exists():
        if not empty:
            raise SetupError(f"{data_dir} holds files that are not the catalog's: name a new or an empty folder")
        if os.geteuid() == 0 and data_dir.stat().st_uid == 0:
            _give_to_server_user(data_dir)
        if os.geteuid() in (0, data_dir.stat().st_uid):
            data_dir.chmod(0o700)


def _give_to_server_user(data_dir: Path) -> None:
    user, group = _server_user()
    try:
        os.chown(data_dir, user, group)
    except OSError as error:  # in a container that knows root alone, say
        raise CannotRunHere(
            f"Postgres does not run as root, and {data_dir} cannot be given to the user {user} to run it as "
            f"({error.strerror}): run the catalog as an ordinary user"
        ) from error


def _server_user() -> tuple[int, int]:
    """The user and the group that the server runs as if this process is root."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)[2:4]
    raise CannotRunHere(
        "Postgres does not run as root, and there is no user postgres or nobody to run it as: "
        "add one or run the catalog as an ordinary user"
    )


def make_private(folder: Path, owner: os.stat_result) -> None:
    """Make a folder of mode 0700 for Postgres alone. Raises SetupError if another user has taken its name in /tmp."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if os.geteuid() == 0 and folder.lstat().st_uid == 0:
        os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)
    found = folder.lstat()
    if (found.st_uid, found.st_mode) != (owner.st_uid, stat.S_IFDIR | 0o700):
        raise SetupError(f"{folder} is not our folder for the socket: remove it, or choose a shorter data folder")


def open_private(path: Path, flags: int = 0) -> int:
    """A descriptor of a file for this user alone. No child inherits it. As root it follows no link, since Postgres's
    user may have made that link."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)


def read_lines(file: Path) -> list[str]:
    """The stripped lines of a file; none if there is no such file."""
    with suppress(FileNotFoundError):
        return [line.strip() for line in file.read_text(errors="replace").splitlines()]
    return []


def holds_cluster(data_dir: Path) -> bool:
    """Whether a data folder holds a database. If the folder may not be read, the answer is True."""
    try:
        (data_dir / "cluster").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # a process that then uses the folder gets the reason
    return True
