"""A real PgBouncer before the test server, in any of its modes."""

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.service_process import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
STARTS_WITHIN_SECONDS = 60

CONFIGURATION = """
[databases]
* = host={socket} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
server_login_retry = 0.2
{further}
"""


class PgBouncer:
    """`conninfo` leads through it; it can be killed and started again."""

    def __init__(self, server: str, folder: Path, mode: str, size: int, further: str = "") -> None:
        """Its own connections are to the server of this conninfo, and of its user."""
        given = conninfo_to_dict(server)
        port = free_port()
        socket = Path(str(given["host"]))
        self._user = pwd.getpwuid(socket.stat().st_uid).pw_name
        self._file = folder / f"pgbouncer-{port}.ini"
        self._file.write_text(
            CONFIGURATION.format(
                socket=socket,
                port=given["port"],
                user=given["user"],
                listen_port=port,
                mode=mode,
                size=size,
                further=further,
            )
        )
        self._file.chmod(0o644)
        for path in {*self._file.parents, *socket.parents}:
            if path.stat().st_uid == os.getuid():
                path.chmod(path.stat().st_mode | 0o011)
        self.conninfo = make_conninfo(
            server, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable", options=""
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None, "the test is skipped without it"
        as_user = ["-u", self._user] if os.getuid() == 0 else []
        command = [PROGRAM, "-q", *as_user, str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while True:
            try:
                psycopg.connect(self.conninfo, connect_timeout=30).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, "pgbouncer ended while starting"
                assert time.monotonic() < deadline, "pgbouncer did not start"
                time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def pgbouncer(
    server: str, folder: Path, mode: str = "transaction", size: int = 3, further: str = ""
) -> Iterator[PgBouncer]:
    """One that runs meanwhile."""
    pooler = PgBouncer(server, folder, mode, size, further)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.kill()


@contextmanager
def service_role(conninfo: str) -> Iterator[str]:
    """The same as a role of its own, with a service's rights: a pooler takes no `options`."""
    name = f"pooled_{secrets.token_hex(4)}"
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute(f"create role {name} login in role catalog_service")
    yield make_conninfo(conninfo, user=name)
