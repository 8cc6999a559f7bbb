"""The locks of a data folder: one process at a time starts or stops the server, and the last user stops it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.engine.postgres.embedded_folder import MARKER, CannotRunHere, claim, open_private
from app.errors import SetupError

with suppress(ImportError):  # on Windows, where `check_platform` refuses
    import fcntl

NO_LOCK_SUPPORT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""The errors of flock on network file systems without locks."""


class FolderLocks:
    """A shared lock on `in-use` for each user, and an exclusive one on the marker for the process that starts or stops.

    The kernel releases both when a process is killed.
    """

    exclusive_file = -1
    """The descriptor of the exclusive lock. A child that inherits it keeps the lock if this process is killed."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._shared_file: int | None = None

    @property
    def is_user(self) -> bool:
        return self._shared_file is not None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Within the context no other process starts or stops the server.

        Raises CannotRunHere if the file system has no locks, and SetupError for any other OSError within the context.
        """
        try:
            if not self.is_user:
                claim(self._data_dir)
            self.exclusive_file = open_private(self._data_dir / MARKER)
            try:
                fcntl.flock(self.exclusive_file, fcntl.LOCK_EX)
                yield
            finally:
                os.close(self.exclusive_file)
        except OSError as error:
            cannot = f"the embedded Postgres cannot use {self._data_dir}"
            if error.errno in NO_LOCK_SUPPORT:
                why = f"its file system has no locks ({error.strerror})"
                raise CannotRunHere(f"{cannot}: {why}; name a folder on a local disk") from error
            raise SetupError(f"{cannot}: {error.strerror} ({error.filename or self._data_dir})") from error

    def become_user(self) -> None:
        self._shared_file = open_private(self._data_dir / "in-use")
        fcntl.flock(self._shared_file, fcntl.LOCK_SH)

    def is_last_user(self) -> bool:
        """Whether no other process uses the folder.

        Call it within `exclusive`: no other process may become a user while the shared lock is made exclusive and back.
        """
        assert self._shared_file is not None, "only a user can be the last one"
        try:
            fcntl.flock(self._shared_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._shared_file, fcntl.LOCK_SH)
        return True

    def leave(self) -> None:
        assert self._shared_file is not None, "only a user can leave"
        os.close(self._shared_file)
        self._shared_file = None
