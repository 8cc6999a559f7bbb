"""The postmaster of a data folder: found, launched, awaited and stopped.

Whether a process is the folder's server is read from /proc, so Linux only.
"""

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_folder import make_private, open_private, read_lines
from app.engine.postgres.embedded_programs import error_line, tool_environment
from app.errors import SetupError

LOG_WITHOUT_DATA = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}
"""Settings that keep people's data out of the server's log: details, contexts, statements and parameters hold what
people wrote. The service reports errors itself."""

POLL_SECONDS = 0.01


class RunningServer(NamedTuple):
    """What the server's lock file says of it."""

    pid: int
    port: int
    on_tcp: bool
    ready: bool


class ServerProcess:
    """The one postmaster that may run on a data folder, whichever process launched it."""

    run_as: tuple[str, ...] = ()
    """The prefix of the launch command, from `run_as_owner`."""

    def __init__(self, data_dir: Path, binaries: Path, tcp_port: int | None, settings: Mapping[str, str]) -> None:
        self.cluster = data_dir / "cluster"
        self.log = data_dir / "server.log"
        self.tcp_port = tcp_port
        self._data_dir = data_dir
        self._binaries = binaries
        self.settings = settings
        self._name = f"catalog-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
        self._socket = data_dir / "socket"
        # A socket's path has at most 107 bytes, on macOS 103; libpq reads a comma as the end of a host.
        if len(os.fsencode(self._socket / ".s.PGSQL.65535")) > 103 or "," in str(self._socket):
            self._socket = Path("/tmp") / self._name  # noqa: S108, because `make_private` checks its owner

    def conninfo(self, server: RunningServer) -> str:
        return make_conninfo(host=str(self._socket), port=server.port, user="catalog", dbname="catalog")

    def running(self) -> RunningServer | None:
        """The live postmaster of this folder, whichever process launched it; it may be starting or stopping."""
        pid_file = read_lines(self.cluster / "postmaster.pid")
        if len(pid_file) < 5 or not self._is_postmaster(pid_file[0]):
            return None
        # The lines, written as it starts: pid, folder, time, port, socket folder, address, shared memory, state.
        return RunningServer(
            int(pid_file[0]), int(pid_file[3]), bool("".join(pid_file[5:6])), pid_file[7:] == ["ready"]
        )

    def start_and_wait(self, timeout_seconds: float) -> RunningServer:
        """Wait until the server accepts connections. If none runs, launch one; launch again where that may help.

        Raises SetupError if the server fails to start or is not ready in time; a server launched here is then ended.
        """
        deadline = time.monotonic() + timeout_seconds
        child = 0
        if not self.running() and self.log.exists():
            self.log.replace(self.log.with_suffix(".old.log"))
        try:
            while not ((server := self.running()) and server.ready and self._accepts_connections(server)):
                if child and os.waitpid(child, os.WNOHANG)[0]:
                    child = 0
                    self._check_failed_start()
                if not child and not server:
                    child = self._launch()
                if time.monotonic() > deadline:
                    last_lines = " / ".join(read_lines(self.log)[-3:])
                    raise SetupError(
                        f"the embedded Postgres was not ready within {timeout_seconds:g} s; "
                        f"{self.log} ends: {last_lines}"
                    )
                time.sleep(POLL_SECONDS)
        except BaseException:
            if child:
                os.kill(child, signal.SIGQUIT)
                os.waitpid(child, 0)
            raise
        return server

    def stop(self, timeout_seconds: float) -> None:
        """Stop the server if it runs. Raises SetupError if it does not stop in time.

        pg_ctl is of no use here: it waits in vain for a killed postmaster that is a zombie of this process.
        """
        if server := self.running():
            deadline = time.monotonic() + timeout_seconds
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGINT)  # Postgres's fast shutdown
            while self._is_postmaster(server.pid):
                if time.monotonic() > deadline:
                    raise SetupError(f"the embedded Postgres did not stop within {timeout_seconds:g} s: {self.log}")
                time.sleep(POLL_SECONDS)
            with suppress(ChildProcessError):
                os.waitpid(server.pid, 0)
        if self._socket.parent != self._data_dir:
            shutil.rmtree(self._socket, ignore_errors=True)

    def _launch(self) -> int:
        """The pid of a new postmaster, in a session of its own, which the terminal's Ctrl-C does not reach."""
        self._remove_stale_lock_files()
        make_private(self._socket, self._data_dir.stat())
        settings = {"timezone": "UTC", "log_timezone": "UTC", "log_checkpoints": "off", **LOG_WITHOUT_DATA}
        settings |= dict(self.settings) | {
            "listen_addresses": "127.0.0.1" if self.tcp_port else "",
            "port": str(self.tcp_port or 5432),
            "unix_socket_directories": str(self._socket),
            "unix_socket_permissions": "0700",
            "cluster_name": self._name,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [*self.run_as, str(self._binaries / "postgres"), "-D", str(self.cluster), *options]
        log = open_private(self.log, os.O_APPEND | os.O_TRUNC)
        files: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        files += [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        not_ignored = (signal.SIGINT, signal.SIGQUIT)  # A background job of a script begins with these two ignored.
        try:  # A Popen would complain of a child that outlives it, as this one may.
            return os.posix_spawnp(
                command[0], command, tool_environment(), file_actions=files, setsid=True, setsigdef=not_ignored
            )
        finally:
            os.close(log)

    def _check_failed_start(self) -> None:
        """Return if another launch may succeed: an orphan had not ended yet, or another server was just starting.

        Raises SetupError otherwise.
        """
        log = "\n".join(read_lines(self.log))
        if "shared memory block" in log:
            self._end_orphans()
        elif "Address already in use" in log:
            raise SetupError(f"TCP port {self.tcp_port} of 127.0.0.1 is taken: give the embedded Postgres another")
        elif '"postmaster.pid" already exists' not in log:
            raise SetupError(f"the embedded Postgres did not start: {error_line(log, self._data_dir)}")

    def _end_orphans(self) -> None:
        """Kill the backends of a killed postmaster: until they next wait, they hold the memory a new one needs."""
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if command.read_bytes().startswith(f"postgres: {self._name}: ".encode()):
                    os.kill(int(command.parent.name), signal.SIGKILL)

    def _remove_stale_lock_files(self) -> None:
        """Remove lock files whose pid belongs to another program by now; Postgres would take them for live."""
        for lock in (self.cluster / "postmaster.pid", *self._socket.glob(".s.PGSQL.*.lock")):
            if not self._is_postmaster("".join(read_lines(lock)[:1]) or "none"):
                lock.unlink(missing_ok=True)

    def _is_postmaster(self, pid: str | int) -> bool:
        """Whether the process is a live postmaster of this folder. A zombie has no arguments any more."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return os.fsencode(self.cluster) in command.split(b"\0")

    def _accepts_connections(self, server: RunningServer) -> bool:
        try:
            psycopg.connect(self.conninfo(server), dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True
