"""The log of the embedded Postgres begins anew with each start, and no text of an item gets into it."""

import os
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.embedded_services import DEBIAN_15, FAST, answers, execute
from tests.support.patience import until


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


def crash(postgres: EmbeddedPostgres, connection: psycopg.Connection) -> None:
    """Kill a session's process, and wait until the server has therefore ended the other sessions too."""
    with closing(psycopg.connect(postgres.conninfo, autocommit=True)) as other:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        until(lambda: has_ended(other), "the server does not notice the crash")


def has_ended(connection: psycopg.Connection) -> bool:
    with suppress(psycopg.OperationalError):
        connection.execute("select 1")
        return False
    return True


def is_active(postgres: EmbeddedPostgres, connection: psycopg.Connection) -> object:
    pid = connection.info.backend_pid
    return execute(postgres.conninfo, f"select state = 'active' from pg_stat_activity where pid = {pid}")
