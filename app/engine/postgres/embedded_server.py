"""The embedded Postgres: a server of our own in a folder of our own, shared by its users and stopped by the last one.

    data_dir/
        swappo-catalog    marks the folder as the catalog's; locked by the process that starts or stops the server
        in-use            locked, shared, by every process that uses the server; the kernel unlocks it for a killed one
        cluster/          Postgres's PGDATA; made as cluster.new and renamed when it is complete
        socket/           the Unix socket, or /tmp/catalog-<hash of data_dir> if this path is too long for one
        password          of the role `catalog` over TCP
        server.log        since the server's last start; server.old.log is the one before

Access: a user who may enter the socket's folder (mode 0700) is the superuser `catalog`, without a password. TCP, if
enabled, is open to every user of this machine, so it requires the password.

Root: Postgres refuses to run as root. If this process is root, the server runs as the owner of data_dir. If root owns
data_dir, it is given to the OS user `postgres`, or `nobody`. A person who runs programs as that user can read the data.
If data_dir lies under a folder closed to that user, such as /root, the server gets the Linux capability to pass
through: dac_read_search, which also reads any file, or dac_override where dac_read_search is unavailable or not enough.
If the way is open, the server gets no capability.

Linux only: embedded_process reads from /proc whether a process is the server.
"""

import logging
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from app.engine.postgres.embedded_folder import open_private
from app.engine.postgres.embedded_locks import FolderLocks
from app.engine.postgres.embedded_process import RunningServer, ServerProcess
from app.engine.postgres.embedded_programs import check_platform, embedded_binaries, error_line, run_as_owner, run_tool
from app.engine.postgres.session_settings import connect
from app.errors import SetupError

logger = logging.getLogger("catalog")

LIVENESS_CHECK_SECONDS = 0.5
"""The pause between two checks whether a supervised server lives."""
RESTART_RETRY_SECONDS = 5.0
"""The pause after a restart that failed."""


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
        """`settings` are Postgres's own, as in postgresql.conf; a server that already runs keeps its settings.

        Raises CannotRunHere for this platform or a missing package, and SetupError if `binaries` holds no server.
        """
        check_platform()
        self.data_dir = data_dir.resolve()
        self.binaries = (binaries or embedded_binaries()).resolve()
        for tool in ("initdb", "postgres"):
            if not os.access(self.binaries / tool, os.X_OK):
                raise SetupError(f"{self.binaries} holds no {tool} we can run: it must be a folder of server binaries")
        self.conninfo = ""
        """For libpq, over the socket; empty until started."""
        self.tcp_url: str | None = None
        """The same over TCP, with the password; None if the server listens on its socket only."""
        self._process = ServerProcess(self.data_dir, self.binaries, tcp_port, settings or {})
        self._locks = FolderLocks(self.data_dir)
        self._known_server: RunningServer | None = None

    def start(self) -> str:
        """Make, start or take over the server, and return `conninfo` when it accepts connections.

        Raises SetupError, one sentence, if that fails; a server launched by this call is then stopped.
        """
        if not self._locks.is_user:
            with self._locks.exclusive():
                self._locks.become_user()
                try:
                    self._start_server()
                except BaseException:
                    self._leave()
                    raise
        return self.conninfo

    def stop(self) -> None:
        """Stop using the server; the last user stops it. Raises SetupError if it does not stop."""
        if self._locks.is_user:
            with self._locks.exclusive():
                self._leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Within the context start the server again whenever it dies."""
        done = threading.Event()
        watching = threading.Thread(target=self._watch, args=(done,), name="embedded-postgres", daemon=True)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()

    def _watch(self, done: threading.Event) -> None:
        pause = LIVENESS_CHECK_SECONDS
        while not done.wait(pause):
            try:
                if self._restart_if_dead():
                    logger.warning("the embedded Postgres had died and was started again; see %s", self._process.log)
                pause = LIVENESS_CHECK_SECONDS
            except SetupError as error:
                logger.error("the embedded Postgres has died: %s", error.detail)
                pause = RESTART_RETRY_SECONDS
            except Exception:
                logger.exception("looking after the embedded Postgres failed")
                pause = RESTART_RETRY_SECONDS

    def _restart_if_dead(self) -> bool:
        """Whether the server was dead and was started again, at the address where its users know it."""
        assert self._known_server is not None, "only a server that was started is watched"
        if self._process.running():
            return False
        with self._locks.exclusive():
            if self._process.running():
                return False
            with suppress(ChildProcessError):
                os.waitpid(self._known_server.pid, os.WNOHANG)
            self._process.tcp_port = self._known_server.port if self._known_server.on_tcp else None
            self._start_server()
            return True

    def _start_server(self) -> None:
        self._process.run_as = tuple(run_as_owner(self.data_dir, self.binaries))
        self._check_cluster(int(re.findall(r"\) (\d+)", self._tool("postgres", "--version"))[0]))
        server, tcp_port = self._process.running(), self._process.tcp_port
        if server and tcp_port and (tcp_port, True) != (server.port, server.on_tcp) and self._locks.is_last_user():
            self._process.stop(self.stop_seconds)
        self._connect(self._process.start_and_wait(self.start_seconds))

    def _check_cluster(self, version: int) -> None:
        """Make the cluster if there is none. Raises SetupError if another version of PostgreSQL made it."""
        cluster = self._process.cluster
        if not cluster.exists():
            self._make_cluster(version)
        made_by = (cluster / "PG_VERSION").read_text().strip()
        if made_by != str(version):
            raise SetupError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and {self.binaries} is PostgreSQL {version}: "
                "use the binaries it was made with, or dump and restore"
            )

    def _make_cluster(self, version: int) -> None:
        """Make the cluster; the rename comes last, so an existing cluster is complete."""
        new = self.data_dir / "cluster.new"
        if new.exists():
            shutil.rmtree(new)  # the rest of a start that was killed
        locale = ["--locale=C.UTF-8"]
        if version >= 17:  # Its own C.UTF-8 asks nothing of the operating system.
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username=catalog", "--auth-local=trust", "--auth-host=scram-sha-256"]
        sync = ["--no-sync"] if self._process.settings.get("fsync") == "off" else []
        self._tool("initdb", "-D", str(new), "--encoding=UTF8", *locale, *access, *sync)
        new.rename(self._process.cluster)
        folder = os.open(self.data_dir, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _connect(self, server: RunningServer) -> None:
        """Set `conninfo` and `tcp_url`, after making the database and the password if they are missing."""
        self.conninfo = self._process.conninfo(server)
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
            why = error_line(str(error), self.data_dir)
            raise SetupError(f"the embedded Postgres cannot be set up: {why}") from error

    def _password(self) -> str:
        with open(open_private(self.data_dir / "password"), "r+") as file:
            if not (password := file.read()):
                password = secrets.token_hex(16)
                file.write(password)
        return password

    def _leave(self) -> None:
        try:
            if self._locks.is_last_user():
                self._process.stop(self.stop_seconds)
        finally:
            self._locks.leave()

    def _tool(self, name: str, *arguments: str) -> str:
        """The output of a server tool. The tool inherits the exclusive lock, so that if this process is killed the next
        start waits for the tool's end."""
        command = [*self._process.run_as, str(self.binaries / name), *arguments]
        done = run_tool(command, keep=(self._locks.exclusive_file,))
        if done.returncode != 0:
            why = error_line(done.stderr or done.stdout, self.data_dir)
            raise SetupError(f"the embedded Postgres's {name} failed: {why}")
        return done.stdout
