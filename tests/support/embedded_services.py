"""Processes that share an embedded Postgres, and what a test asks of its folder and server."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.cli.console import naming_other_servers
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError
from tests.support import paths

ROOT = os.geteuid() == 0
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
FAST = {"fsync": "off"}

SERVICE = """
import signal, sys
from pathlib import Path
from app.engine.postgres.embedded_server import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.SIG_IGN)
postgres = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
print(postgres.start(), flush=True)
sys.stdin.read()
postgres.stop()
"""


class Service:
    """A separate process that starts the embedded Postgres and stops it when its input ends."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(paths.ROOT), *sys.path])}
        command = [sys.executable, "-c", SERVICE, str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment, start_new_session=True
        )

    def started(self) -> str:
        assert self.process.stdout
        conninfo = self.process.stdout.readline().strip()
        assert conninfo, "the service ended before it had started"
        return conninfo

    def end(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def execute(conninfo: str, statement: str) -> object:
    """The first column of the first row, or None."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def postmaster(folder: Path) -> int | None:
    """The pid of the folder's live server, found without the code under test."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        match command_of(pid):
            case [program, b"-D", cluster, *_] if program.endswith(b"/postgres"):
                if cluster == os.fsencode(folder / "cluster"):
                    return pid
    return None


def command_of(pid: int) -> list[bytes]:
    """The program and arguments of a process; an empty list if it has ended, even as a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def refusal(postgres: EmbeddedPostgres) -> str:
    """The console's error for a start that must fail."""
    with pytest.raises(SetupError) as refused, naming_other_servers():
        postgres.start()
    assert "\n" not in refused.value.detail
    return refused.value.detail


def answers(conninfo: str) -> bool:
    try:
        return execute(conninfo, "select 1") == 1
    except psycopg.OperationalError:
        return False
