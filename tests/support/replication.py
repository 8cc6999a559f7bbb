"""A real primary and a streaming replica of it, from the binaries under test, each in a folder of its own."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.engine.postgres.embedded_folder import MARKER, claim, open_private
from app.engine.postgres.embedded_programs import run_as_owner, run_tool
from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.databases import binaries_under_test
from tests.support.patience import until, until_equal
from tests.support.ready_made import NewFolder

STREAMING = "select count(*) from pg_stat_replication where state = 'streaming'"


class Pair:
    """`primary` and `replica` run; either may be stopped, killed or started again."""

    def __init__(self, primary: EmbeddedPostgres, replica: EmbeddedPostgres) -> None:
        self.primary = primary
        self.replica = replica

    @property
    def either(self) -> str:
        """The conninfo of whichever of the two takes changes."""
        return conninfo_of_either(self.primary, self.replica)

    def until_replayed(self) -> None:
        """Wait until the replica has all that the primary has by now."""
        written = query_value(self.primary, "select pg_current_wal_lsn()")
        until(lambda: query_value(self.replica, f"select pg_last_wal_replay_lsn() >= '{written}'") is True)

    @contextmanager
    def nothing_replayed(self) -> Iterator[None]:
        """The replica receives and does not replay."""
        query_value(self.replica, "select pg_wal_replay_pause()")
        until_equal(
            lambda: query_value(self.replica, "select pg_get_wal_replay_pause_state()"),
            "paused",
            "it did not come about",
        )
        try:
            yield
        finally:
            until(self._is_resumed, "it does not replay")

    def _is_resumed(self) -> bool:
        """Let it replay. What it replays may cancel the very query that told it to."""
        with suppress(psycopg.errors.SerializationFailure):
            query_value(self.replica, "select pg_wal_replay_resume()")
            return query_value(self.replica, "select pg_is_wal_replay_paused()") is False
        return False


@contextmanager
def primary_and_replica(
    folder: Path, new_server_folder: NewFolder, synchronous: bool = False, **settings: str
) -> Iterator[Pair]:
    """A primary with the catalog, and its replica; both are stopped at the end.

    `synchronous`: a commit on the primary waits until the replica has it on disk.
    """
    of_both = {"max_connections": "60", **settings}
    primary_folder = new_server_folder(folder / "primary")
    with (
        EmbeddedPostgres(primary_folder, binaries=binaries_under_test(), settings=of_both) as primary,
        replica_of(primary, folder / "replica", of_both) as replica,
    ):
        until_equal(lambda: query_value(primary, STREAMING), 1, "it does not stream")
        if synchronous:
            with psycopg.connect(primary.conninfo, autocommit=True) as connection:
                connection.execute("alter system set synchronous_standby_names = '*'")
                connection.execute("select pg_reload_conf()")
            until_equal(
                lambda: query_value(primary, "select max(sync_state) from pg_stat_replication"),
                "sync",
                "it did not come about",
            )
        yield Pair(primary, replica)


def replica_of(primary: EmbeddedPostgres, folder: Path, settings: Mapping[str, str]) -> EmbeddedPostgres:
    """Made of a base backup, not yet started."""
    replica = EmbeddedPostgres(folder, binaries=binaries_under_test(), settings=settings)
    claim(folder)
    os.close(open_private(folder / MARKER))
    tool = [*run_as_owner(folder, replica.binaries), str(replica.binaries / "pg_basebackup")]
    done = run_tool([*tool, f"--dbname={primary.conninfo}", f"--pgdata={folder / 'cluster'}", *OPTIONS])
    assert done.returncode == 0, done.stderr
    return replica


OPTIONS = ("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync")


def query_value(server: EmbeddedPostgres, query: str) -> object:
    """The one value that a query answers."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def conninfo_of_either(*servers: EmbeddedPostgres) -> str:
    """One conninfo of several servers, for whichever of them takes changes."""
    given = [conninfo_to_dict(server.conninfo) for server in servers]
    hosts, ports = (",".join(str(each[key]) for each in given) for key in ("host", "port"))
    return make_conninfo(servers[0].conninfo, host=hosts, port=ports, target_session_attrs="read-write")


def processes(data_dir: Path) -> list[int]:
    """The postmaster of a data folder and its children."""
    postmaster = int((data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def send_signal(pids: list[int], number: signal.Signals) -> None:
    """Signals them all; some may have ended meanwhile, as children do whose postmaster is gone, and be reaped."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_server(data_dir: Path) -> None:
    """kill -9 of all processes of a server at once."""
    send_signal(processes(data_dir), signal.SIGKILL)


@contextmanager
def paused_server(server: EmbeddedPostgres) -> Iterator[None]:
    """None of its processes does anything meanwhile."""
    pids = processes(server.data_dir)
    send_signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(pids, signal.SIGCONT)
