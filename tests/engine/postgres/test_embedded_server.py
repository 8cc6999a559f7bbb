"""The embedded Postgres under real kills, real races and full disks; every process is real."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from app.cli.console import naming_other_servers
from app.engine.postgres.embedded_programs import embedded_binaries
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.errors import SetupError
from tests.support import paths

ROOT = os.geteuid() == 0
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
FAST = {"fsync": "off"}
PATIENCE_SECONDS = 20

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


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A folder that was used once. `cp -a` keeps its owner, so a copy serves as a new folder."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "template"
        with EmbeddedPostgres(folder, settings=FAST) as postgres:
            execute(postgres.conninfo, "create table kept as select 42 as answer")
        yield folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder. If the test leaves its server running, the test fails and the server is killed."""
    copy = tmp_path / "data"
    subprocess.run(["cp", "-a", template, copy], check=True)
    yield copy
    left = postmaster(copy)
    if left:
        os.kill(left, signal.SIGKILL)
    assert left is None, "the test left a server running"


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


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)


def refusal(postgres: EmbeddedPostgres) -> str:
    """The console's error for a start that must fail."""
    with pytest.raises(SetupError) as refused, naming_other_servers():
        postgres.start()
    assert "\n" not in refused.value.detail
    return refused.value.detail


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["the wheel's 18", "Debian's 15"])
def test_a_new_folder_becomes_a_durable_utf8_database_in_utc(tmp_path: Path, binaries: Path | None) -> None:
    if binaries and not binaries.exists():
        pytest.skip(f"there is no {binaries}")
    folder = tmp_path / "not" / "yet" / "there"
    with EmbeddedPostgres(folder, binaries=binaries) as postgres:
        version = execute(postgres.conninfo, "show server_version")
        assert str(version).startswith("15" if binaries else "18")
        assert execute(postgres.conninfo, "select current_database()") == "catalog"
        assert execute(postgres.conninfo, "show server_encoding") == "UTF8"
        assert execute(postgres.conninfo, "select lower('ÉŻ') || ('a' < 'B')") == "éżfalse"
        assert execute(postgres.conninfo, "show timezone") == "UTC"
        assert execute(postgres.conninfo, "show fsync") == "on"
        assert execute(postgres.conninfo, "show listen_addresses") == ""
        execute(postgres.conninfo, "create table kept as select 42 as answer")
    assert postmaster(folder) is None
    with EmbeddedPostgres(folder, binaries=binaries) as postgres:
        assert execute(postgres.conninfo, "select answer from kept") == 42


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["psql 18", "psql 15"])
def test_the_conninfo_is_good_for_psql(folder: Path, binaries: Path | None) -> None:
    psql = (binaries or embedded_binaries()) / "psql"
    if not psql.exists():
        pytest.skip(f"there is no {psql}")
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        command = [str(psql), postgres.conninfo, "-XAtc", "select answer from kept"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "42\n"


def test_settings_reach_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=FAST | {"TimeZone": "Asia/Tokyo", "work_mem": "5MB"}) as postgres:
        assert execute(postgres.conninfo, "show timezone") == "Asia/Tokyo"
        assert execute(postgres.conninfo, "show work_mem") == "5MB"


def test_start_and_stop_may_be_said_twice(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, settings=FAST)
    assert postgres.start() == postgres.start() == postgres.conninfo
    postgres.stop()
    postgres.stop()
    assert postmaster(folder) is None
    postgres.start()
    assert execute(postgres.conninfo, "select answer from kept") == 42
    postgres.stop()


def test_the_last_one_out_stops_the_server(folder: Path) -> None:
    first, second = Service(folder), Service(folder)
    assert first.started() == second.started()
    server = postmaster(folder)
    first.end()
    assert postmaster(folder) == server
    with EmbeddedPostgres(folder, settings=FAST) as third:
        second.end()
        assert postmaster(folder) == server
        assert execute(third.conninfo, "select answer from kept") == 42
    assert postmaster(folder) is None


def test_two_of_one_process_share_the_server(folder: Path) -> None:
    one, other = EmbeddedPostgres(folder, settings=FAST), EmbeddedPostgres(folder, settings=FAST)
    one.start()
    other.start()
    one.stop()
    assert execute(other.conninfo, "select answer from kept") == 42
    other.stop()
    assert postmaster(folder) is None


def test_whoever_has_started_has_a_server_however_others_come_and_go(folder: Path) -> None:
    people = 4
    barrier = Barrier(people)

    def come_and_go(_: int) -> None:
        postgres = EmbeddedPostgres(folder, settings=FAST)
        barrier.wait()
        for _ in range(5):
            with postgres:
                assert execute(postgres.conninfo, "select answer from kept") == 42

    services = [Service(folder) for _ in range(2)]
    with ThreadPoolExecutor(people) as pool:
        list(pool.map(come_and_go, range(people)))
    for service in services:
        assert execute(service.started(), "select answer from kept") == 42
        service.end()
    assert postmaster(folder) is None


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
    service = Service(folder)
    service.started()
    server = postmaster(folder) or 0
    assert service.process.stdin
    service.process.stdin.close()
    service.process.stdin = None
    until(lambda: "stopping" in (folder / "cluster" / "postmaster.pid").read_text())
    service.kill()
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        assert postmaster(folder) not in (None, server)
        assert execute(postgres.conninfo, "select answer from kept") == 42
    assert postmaster(folder) is None


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


def answers(conninfo: str) -> bool:
    try:
        return execute(conninfo, "select 1") == 1
    except psycopg.OperationalError:
        return False


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


def test_over_tcp_the_password_is_asked_for(folder: Path) -> None:
    with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as postgres:
        assert postgres.tcp_url
        assert execute(postgres.tcp_url, "select answer from kept") == 42
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            execute(re.sub(":[0-9a-f]{32}@", "@", postgres.tcp_url), "select 1")
        url = postgres.tcp_url
    with postgres:
        assert postgres.tcp_url == url


def test_a_server_left_without_the_tcp_port_is_started_again_with_it(folder: Path) -> None:
    killed = Service(folder)
    killed.started()
    killed.kill()
    with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as postgres:
        assert postgres.tcp_url
        with EmbeddedPostgres(folder, tcp_port=free_port(), settings=FAST) as second:
            assert second.tcp_url == postgres.tcp_url
            assert execute(second.conninfo, "select answer from kept") == 42


def test_a_taken_tcp_port_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(EmbeddedPostgres(folder, tcp_port=port, settings=FAST))
    assert said == f"TCP port {port} of 127.0.0.1 is taken: give the embedded Postgres another"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("name", ["n" * 120, "a, b", 'it\'s $HOME; "so" é'], ids=["long", "comma", "odd"])
def test_any_path_will_do(template: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "data"
    folder.parent.mkdir()
    subprocess.run(["cp", "-a", template, folder], check=True)
    service = Service(folder)
    conninfo = service.started()
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        assert postgres.conninfo == conninfo
        service.end()
        assert execute(conninfo, "select answer from kept") == 42
        place = Path(str(execute(conninfo, "show unix_socket_directories")))
        assert place.stat().st_mode & 0o777 == 0o700
    assert place.exists() == place.is_relative_to(folder)
    assert postmaster(folder) is None


def test_a_socket_folder_of_somebody_elses_is_not_used(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("n" * 120)
    subprocess.run(["cp", "-a", template, folder], check=True)
    with EmbeddedPostgres(folder, settings=FAST) as postgres:
        place = Path(str(execute(postgres.conninfo, "show unix_socket_directories")))
    place.symlink_to(tmp_path)
    try:
        assert f"{place} is not our folder for the socket" in refusal(postgres)
    finally:
        place.unlink()


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    before = tmp_path.stat()
    said = refusal(EmbeddedPostgres(tmp_path))
    assert said == f"{tmp_path} holds files that are not the catalog's: name a new or an empty folder"
    assert [file.name for file in tmp_path.iterdir()] == ["PG_VERSION"]
    assert (tmp_path.stat().st_mode, tmp_path.stat().st_uid) == (before.st_mode, before.st_uid)


def test_another_major_version_is_named(folder: Path) -> None:
    (folder / "cluster" / "PG_VERSION").write_text("15\n")
    said = refusal(EmbeddedPostgres(folder))
    assert said.startswith(f"{folder} was made by PostgreSQL 15 and {embedded_binaries()} is PostgreSQL 18: ")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(EmbeddedPostgres(tmp_path / "file" / "data"))
    assert said == f"the embedded Postgres cannot use {tmp_path}/file/data: Not a directory ({tmp_path}/file/data)"


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    tmp_path.chmod(0o700)
    assert said == f"the embedded Postgres cannot use {tmp_path}/data: Permission denied ({tmp_path}/data)"


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match="install it, or set CATALOG_POSTGRES_BIN"), naming_other_servers():
        EmbeddedPostgres(tmp_path)


def test_a_folder_without_server_binaries_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"{tmp_path} holds no initdb we can run"):
        EmbeddedPostgres(tmp_path / "data", binaries=tmp_path)


def test_a_server_that_never_gets_ready_is_given_up(folder: Path, tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    shutil.copytree(embedded_binaries(), binaries, copy_function=os.symlink)
    (binaries / "postgres").unlink()
    (binaries / "postgres").write_text(
        "#!/bin/sh\n"
        f'case "$1" in --version|-V) exec {embedded_binaries()}/postgres --version;; esac\n'
        "echo thinking\nexec sleep 600\n"
    )
    (binaries / "postgres").chmod(0o755)
    postgres = EmbeddedPostgres(folder, binaries=binaries)
    postgres.start_seconds = 0.3
    assert refusal(postgres).endswith(f"was not ready within 0.3 s; {folder}/server.log ends: thinking")


def test_what_the_server_says_of_its_failure_is_said(folder: Path) -> None:
    said = refusal(EmbeddedPostgres(folder, settings={"shared_buffers": "nonsense"}))
    assert said.endswith('start: invalid value for parameter "shared_buffers": "nonsense"')


def test_the_log_begins_anew_and_the_one_before_is_kept(folder: Path) -> None:
    for _ in range(3):
        with EmbeddedPostgres(folder, settings=FAST) as postgres, pytest.raises(psycopg.Error):
            execute(postgres.conninfo, "select 1 / 0")
    for log in (folder / "server.log", folder / "server.old.log"):
        assert log.read_text().count("database system is ready") == 1
        assert "division by zero" not in log.read_text()


FAILING = """
create table item (id integer primary key, name text check (length(name) < 100), count integer);
insert into item values (1, '{0}');
insert into item values (1, '{0}');
insert into item values (2, repeat('{0}', 20));
insert into item values (3, '', '{0}');
do $$ begin raise exception 'no %', '{0}' using detail = '{0}', hint = '{0}'; end $$;
select '{0}' from nowhere
"""


@pytest.mark.parametrize("binaries", [None, DEBIAN_15], ids=["the wheel's 18", "Debian's 15"])
def test_no_text_of_an_item_gets_into_the_log_however_its_statement_ends(tmp_path: Path, binaries: Path | None) -> None:
    """Errors with details, hints and contexts; copies whose client disconnects; statements that end or crash."""
    if binaries and not binaries.exists():
        pytest.skip(f"there is no {binaries}")
    folder, secret = tmp_path / "data", "a very private spade"
    with EmbeddedPostgres(folder, binaries=binaries, settings=FAST) as postgres:
        with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
            for statement in FAILING.format(secret).strip().split(";\n"):
                with suppress(psycopg.Error):
                    connection.execute(statement.encode())
            with pytest.raises(psycopg.Error):
                connection.execute("insert into item values (1, %s)", (secret,))
        for end in (hang_up, pg_terminate, crash):
            with closing(psycopg.connect(postgres.conninfo)) as copying:
                copy_some(copying, secret)
                end(postgres, copying)
            until(lambda: answers(postgres.conninfo))
        for end in (pg_terminate, crash):
            with closing(psycopg.connect(postgres.conninfo)) as busy:
                busy.pgconn.send_query(f"select pg_sleep(600), '{secret}'".encode())
                until(lambda busy=busy: is_active(postgres, busy))  # type: ignore[misc]
                end(postgres, busy)
            until(lambda: answers(postgres.conninfo))
        stopped = psycopg.connect(postgres.conninfo)
        copy_some(stopped, secret)
    stopped.close()
    log = (folder / "server.log").read_text()
    assert "terminated by signal" in log, "this is where it would be"
    assert secret not in log


def copy_some(connection: psycopg.Connection, text: str) -> None:
    """Send most of a COPY, ending within a row."""
    connection.pgconn.exec_(b"copy item from stdin")
    connection.pgconn.put_copy_data(b"".join(b"%d\t%s\t\\N\n" % (n, text.encode()) for n in range(10, 20_000)))
    connection.pgconn.put_copy_data(f"7\t{text}".encode())
    connection.pgconn.flush()


def hang_up(_: EmbeddedPostgres, connection: psycopg.Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def pg_terminate(postgres: EmbeddedPostgres, connection: psycopg.Connection) -> None:
    execute(postgres.conninfo, f"select pg_terminate_backend({connection.info.backend_pid}, 10000)")


def crash(_: EmbeddedPostgres, connection: psycopg.Connection) -> None:
    os.kill(connection.info.backend_pid, signal.SIGKILL)


def is_active(postgres: EmbeddedPostgres, connection: psycopg.Connection) -> object:
    pid = connection.info.backend_pid
    return execute(postgres.conninfo, f"select state = 'active' from pg_stat_activity where pid = {pid}")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A small disk, mounted at a short path, so that the socket and its lock file are on it too."""
    disk = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=90m,mode=755", "none", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True) if ROOT else None
    if not mounted or mounted.returncode:
        disk.rmdir()
        pytest.skip(f"a small disk takes the right to mount one: {mounted.stderr.strip() if mounted else 'not root'}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)
    disk.rmdir()


def fill(disk: Path, leave_bytes: int) -> None:
    size = shutil.disk_usage(disk).free - leave_bytes
    with open(disk / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, size)


@pytest.mark.parametrize("left_bytes", [0, 2**23])
def test_a_disk_too_full_for_a_new_cluster_is_named(small_disk: Path, left_bytes: int) -> None:
    fill(small_disk, left_bytes)
    postgres = EmbeddedPostgres(small_disk / "data")
    assert "No space left on device" in refusal(postgres)
    (small_disk / "filler").unlink()
    with postgres:
        assert execute(postgres.conninfo, "select 42") == 42


@pytest.mark.parametrize("left_bytes", [0, 2**12])
def test_a_disk_too_full_to_start_on_is_named(small_disk: Path, template: Path, left_bytes: int) -> None:
    folder = small_disk / "data"
    subprocess.run(["cp", "-a", template, folder], check=True)
    fill(small_disk, left_bytes)
    assert "No space left on device" in refusal(EmbeddedPostgres(folder))
    (small_disk / "filler").unlink()
    with EmbeddedPostgres(folder) as postgres:
        assert execute(postgres.conninfo, "select answer from kept") == 42


DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2
as_root = pytest.mark.skipif(not ROOT, reason="only root runs Postgres as somebody else")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own, with server binaries and a place for data."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        for name in ("code", "work"):
            (Path(place) / name).mkdir(0o755)
        installed = embedded_binaries().parent
        package = Path(place) / "code" / installed.parent.name
        package.mkdir(0o755)
        libraries = installed.parent.with_name(f"{package.name}.libs")
        subprocess.run(["cp", "-a", libraries, package.parent], check=True)
        subprocess.run(["cp", "-a", installed, package], check=True)
        yield Path(place)


def programs(home: Path) -> Path:
    (found,) = home.glob("code/*/pginstall18/bin")
    return found


@as_root
@pytest.mark.parametrize(
    ("binaries", "closed"),
    [
        *((None, closed) for closed in ((), ("work",), ("code",), ("code", "work"), (".",))),
        *((DEBIAN_15, closed) for closed in ((), ("work",))),
    ],
)
def test_as_root_the_server_gets_a_capability_only_where_the_way_is_closed(
    home: Path, binaries: Path | None, closed: tuple[str, ...]
) -> None:
    """Closed are the folders above the data, above the server's programs, or both."""
    if binaries and not binaries.exists():
        pytest.skip(f"there is no {binaries}")
    for name in closed:
        (home / name).chmod(0o700)
    with EmbeddedPostgres(home / "work" / "data", binaries=binaries or programs(home), settings=FAST) as postgres:
        assert execute(postgres.conninfo, "select 42") == 42
        rights = rights_of_the_server(home / "work" / "data")
    assert rights == (DAC_READ_SEARCH if closed else 0)
    for name in (*closed, "work"):
        assert (home / name).stat().st_mode & 0o777 == (0o700 if name in closed else 0o755)
        assert (home / name).stat().st_uid == 0


@as_root
def test_as_root_programs_that_only_root_may_execute_take_the_next_capability(home: Path) -> None:
    """pip with umask 077 installs them so. The first capability passes folders, but executes no file."""
    subprocess.run(["chmod", "-R", "go=", home / "code"], check=True)
    with EmbeddedPostgres(home / "work" / "data", binaries=programs(home), settings=FAST):
        assert rights_of_the_server(home / "work" / "data") == DAC_OVERRIDE


@as_root
def test_as_root_without_the_right_to_set_securebits_closed_data_are_served_and_closed_programs_refused(
    home: Path,
) -> None:
    """A container may drop that right; access(2) then ignores the capability that passes the folders."""
    without = ["setpriv", "--bounding-set=-setpcap", "--inh-caps=-setpcap"]
    binaries = programs(home)
    (home / "work").chmod(0o700)
    assert started_by(without, home / "work" / "data", binaries) == ""
    (home / "code").chmod(0o700)
    said = started_by(without, home / "work" / "data", binaries)
    assert 'program "postgres" is needed by initdb' in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


@as_root
def test_in_a_container_that_knows_root_alone_it_is_said_that_nobody_else_can_run_it(home: Path) -> None:
    said = started_by(["unshare", "--user", "--map-root-user"], home / "work" / "data", embedded_binaries())
    assert "cannot be given to the user" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


def rights_of_the_server(folder: Path) -> int:
    """The capabilities of the running server, as bits; the server must not run as root."""
    status = Path(f"/proc/{postmaster(folder)}/status").read_text()
    effective, permitted = (int(re.findall(rf"{name}:\s+(\w+)", status)[0], 16) for name in ("CapEff", "CapPrm"))
    assert effective == permitted
    assert "Uid:\t0" not in status
    return effective


START = """
import sys
from pathlib import Path
from app.errors import SetupError
from app.cli.console import naming_other_servers
from app.engine.postgres.embedded_server import EmbeddedPostgres
try:
    folder, binaries = map(Path, sys.argv[1:])
    with naming_other_servers(), EmbeddedPostgres(folder, binaries=binaries, settings={"fsync": "off"}):
        pass
except SetupError as error:
    print(error.detail)
"""


def started_by(wrapper: list[str], folder: Path, binaries: Path) -> str:
    """The error of a start in a process begun by `wrapper`; empty if the start succeeds."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(paths.ROOT), *sys.path])}
    command = [*wrapper, sys.executable, "-c", START, str(folder), str(binaries)]
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if ran.stderr.startswith("unshare: "):
        pytest.skip(f"a container or chroot may not do this: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@as_root
def test_without_proc_it_is_refused_at_once_and_another_server_named(tmp_path: Path) -> None:
    """macOS has no /proc."""
    without_proc = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    said = started_by(without_proc, tmp_path / "data", embedded_binaries())
    assert "needs Linux with /proc mounted" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said
    assert not (tmp_path / "data").exists()


def test_a_platform_without_unix_modules_is_refused_in_the_same_sentence(tmp_path: Path) -> None:
    """Windows has no fcntl, pwd and SIGHUP; all commands can still be imported."""
    program = (
        "import signal, sys; sys.modules.update(fcntl=None, pwd=None); del signal.SIGHUP\n"
        "import pathlib; real = pathlib.Path.exists\n"
        "pathlib.Path.exists = lambda path: not path.is_relative_to('/proc') and real(path)\n"
        "from app.cli.catalog import main; main(prog_name='catalog')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve"],
        env=environment | {"CATALOG_DATA_DIR": str(tmp_path / "data")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "set DATABASE_URL to a PostgreSQL server" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "its file system has no locks (No locks available)" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


@as_root
def test_as_root_without_setpriv_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "there is no setpriv" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said


@as_root
def test_as_root_without_a_user_to_run_it_as_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", unknown)
    said = refusal(EmbeddedPostgres(tmp_path / "data"))
    assert "there is no user postgres or nobody" in said
    assert "set DATABASE_URL to a PostgreSQL server" in said
