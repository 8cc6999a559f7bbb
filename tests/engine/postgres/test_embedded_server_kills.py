"""Services and servers that are killed at any moment leave the embedded Postgres to the next user."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import FAST, Service, answers, command_of, execute, postmaster
from tests.support.patience import until
from tests.support.service_process import free_port


def test_a_killed_service_leaves_its_server_to_the_next(folder: Path) -> None:
    killed = Service(folder)
    conninfo = killed.started()
    server = postmaster(folder)
    killed.kill()
    assert execute(conninfo, "select answer from kept") == 42
    with EmbeddedPostgres(folder, settings=FAST):
        assert postmaster(folder) == server
    assert postmaster(folder) is None


def test_a_killed_service_has_no_share(folder: Path) -> None:
    """The server inherits no descriptor; otherwise it would hold the shared lock as long as it runs."""
    killed = Service(folder)
    killed.started()
    other = Service(folder)
    other.started()
    killed.kill()
    other.end()
    assert postmaster(folder) is None


def test_a_start_killed_at_any_moment_is_made_good_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for trace in ("swappo-catalog", "cluster.new", "cluster.new/base", "cluster.new/base/5", "cluster/postmaster.pid"):
        killed = Service(folder)
        until((folder / trace).exists)
        killed.kill()
        assert trace.startswith("cluster/") or not (folder / "cluster").exists()
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        assert execute(postgres.conninfo, "select 42") == 42
    assert postmaster(folder) is None
    assert not (folder / "cluster.new").exists()


def test_a_stop_that_was_killed_is_waited_out_by_the_next_start(folder: Path) -> None:
    """The checkpointer, which the server ends last, is held until the next start is under way."""
    service = Service(folder)
    service.started()
    server = postmaster(folder) or 0
    checkpointer = child_of(server, b"checkpointer")
    os.kill(checkpointer, signal.SIGSTOP)
    try:
        assert service.process.stdin
        service.process.stdin.close()
        service.process.stdin = None
        until(lambda: "stopping" in (folder / "cluster" / "postmaster.pid").read_text())
        service.kill()
        postgres = EmbeddedPostgres(folder, settings=FAST)
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(postgres.start)
            until(lambda: is_locked(folder / "swappo-catalog"))
            assert postmaster(folder) == server
            os.kill(checkpointer, signal.SIGCONT)
            starting.result()
    finally:
        with suppress(ProcessLookupError):
            os.kill(checkpointer, signal.SIGCONT)
    assert postmaster(folder) not in (None, server)
    assert execute(postgres.conninfo, "select answer from kept") == 42
    postgres.stop()
    assert postmaster(folder) is None


def child_of(server: int, name: bytes) -> int:
    children = map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())
    (found,) = [pid for pid in children if any(name in each for each in command_of(pid))]
    return found


def is_locked(file: Path) -> bool:
    return f":{file.stat().st_ino} " in Path("/proc/locks").read_text()


def test_a_killed_postmaster_is_replaced_even_while_its_backend_is_busy(folder: Path) -> None:
    service = Service(folder)
    conninfo = service.started()
    with closing(psycopg.connect(conninfo, autocommit=True)) as busy:
        busy.execute("insert into kept values (43)")
        orphan = busy.info.backend_pid
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        until(lambda: execute(conninfo, f"select state = 'active' from pg_stat_activity where pid = {orphan}"))
        os.kill(postmaster(folder) or 0, signal.SIGKILL)
        with EmbeddedPostgres(folder, settings=FAST) as postgres:
            assert execute(postgres.conninfo, "select sum(answer) from kept") == 85
            assert not command_of(orphan), "the orphan could still have written"
            service.end()
            assert execute(postgres.conninfo, "select sum(answer) from kept") == 85


def test_a_postmaster_killed_under_its_own_process_is_replaced(folder: Path) -> None:
    """It stays a zombie of this process, and signals to its pid still succeed."""
    first = EmbeddedPostgres(folder, settings=FAST)
    first.start()
    os.kill(postmaster(folder) or 0, signal.SIGKILL)
    with EmbeddedPostgres(folder, settings=FAST) as second:
        assert execute(second.conninfo, "select answer from kept") == 42
        first.stop()
        assert execute(second.conninfo, "select answer from kept") == 42
    first.stop()


def test_a_supervised_server_that_is_killed_is_started_again_where_its_users_find_it(folder: Path) -> None:
    """The second one asked for a port, came too late for it, and must not move the server now."""
    with (
        EmbeddedPostgres(folder, settings=FAST) as first,
        EmbeddedPostgres(folder, settings=FAST, tcp_port=free_port()) as second,
        first.supervised(),
        second.supervised(),
    ):
        for _ in range(2):
            killed = postmaster(folder) or 0
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: (postmaster(folder) or killed) != killed)  # type: ignore[misc]
            until(lambda: answers(first.conninfo) and answers(second.conninfo))
        assert execute(first.conninfo, "select answer from kept") == 42


def test_a_killed_postmaster_does_not_keep_its_service_from_stopping(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST):
        os.kill(postmaster(folder) or 0, signal.SIGKILL)


def test_a_lock_file_whose_pid_is_somebody_elses_by_now_is_no_lock(folder: Path) -> None:
    lock = f"{os.getpid()}\n{folder / 'cluster'}\n1700000000\n5432\n{folder / 'socket'}\n\n 1 1\nready\n"
    (folder / "cluster" / "postmaster.pid").write_text(lock)
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text(lock)
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        assert execute(postgres.conninfo, "select answer from kept") == 42


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(folder: Path) -> None:
    service = Service(folder)
    conninfo = service.started()
    server = postmaster(folder)
    assert server
    assert os.getsid(server) == server
    with psycopg.connect(conninfo) as draining:
        os.killpg(service.process.pid, signal.SIGINT)
        assert draining.execute("select answer from kept").fetchone() == (42,)
        assert execute(conninfo, "select answer from kept") == 42
    service.end()
    assert postmaster(folder) is None
