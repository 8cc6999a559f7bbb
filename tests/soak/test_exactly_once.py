"""Law 4 for minutes: every committed event is applied exactly once, despite late commits, rollbacks and kills."""

import itertools
import random
import subprocess
import time
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Event

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.engine.postgres.embedded_server import EmbeddedPostgres
from tests.support.leadership import LEADERS
from tests.support.patience import until
from tests.support.service_process import running_service
from tests.support.workload import (
    audit,
    differences,
    idle_in_a_transaction_elsewhere,
    is_caught_up,
    not_applied_once,
    projector_process,
    write_directly,
    write_over_http,
)

DIRECT_WRITERS = 8
HTTP_WRITERS = 4
EVENTS = 20_000
OVER_HTTP = 4_000
KILLS = 20

MINUTES = 600.0
"""In seconds: how long a soak test waits before it calls it hanging."""

pytestmark = pytest.mark.soak


@pytest.fixture
def audited(conninfo: str, server: EmbeddedPostgres) -> Iterator[str]:
    audit(conninfo)
    with idle_in_a_transaction_elsewhere(server.conninfo):
        yield conninfo


def test_every_event_of_many_writers_is_applied_once(audited: str) -> None:
    """There are two services, either of which may lead, and two kinds of writers."""
    start = Barrier(DIRECT_WRITERS + HTTP_WRITERS)
    per_direct, per_http = (EVENTS - OVER_HTTP) // DIRECT_WRITERS, OVER_HTTP // HTTP_WRITERS
    environment = {"DATABASE_URL": audited}
    with (
        running_service(environment) as (url, _),
        running_service(environment) as (other, _),
        ThreadPoolExecutor(DIRECT_WRITERS + HTTP_WRITERS) as pool,
    ):
        writers = [
            pool.submit(write_directly, audited, n, start, lambda n: n >= per_direct) for n in range(DIRECT_WRITERS)
        ] + [
            pool.submit(write_over_http, (url, other)[n % 2], n, start, lambda n: n >= per_http)
            for n in range(HTTP_WRITERS)
        ]
        committed = sum(writer.result() for writer in writers)
        until(lambda: is_caught_up(audited), "it did not catch up", MINUTES)
    with psycopg.connect(audited) as connection:
        (in_the_log,) = connection.execute("select count(*) from catalog.events").fetchone() or (0,)
    assert in_the_log >= committed >= EVENTS
    assert not_applied_once(audited) == []
    assert differences(audited) == []


LEADER = f"select application_name from pg_stat_activity where pid in ({LEADERS})"
CHECKPOINT = "select min(position) from catalog.projections where background"


def leader_at_work(conninfo: str, alive: Container[str]) -> str:
    """Wait until the leading projector has applied an event since it was first seen; return its application name."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        seen: list[tuple[str, int]] = []

        def works() -> bool:
            (name,) = connection.execute(LEADER.encode()).fetchone() or ("",)
            (position,) = connection.execute(CHECKPOINT).fetchone() or (0,)
            if name in alive:
                seen.append((name, position))
            return bool(seen) and seen[0][0] == seen[-1][0] and seen[0][1] < seen[-1][1]

        until(works, "nobody leads and works", MINUTES)
        return seen[-1][0]


def test_a_projector_killed_again_and_again_loses_and_repeats_nothing(audited: str) -> None:
    """Two projectors run at a time. The leading one is killed at any moment of its work."""
    chance, start, done = random.Random(7), Barrier(4), Event()
    with ThreadPoolExecutor(4) as pool, ExitStack() as stack:
        writers = [pool.submit(write_directly, audited, n, start, lambda _: done.is_set()) for n in range(4)]
        projectors: dict[str, subprocess.Popen[bytes]] = {}
        numbers = itertools.count()

        def another() -> None:
            name = f"projector {next(numbers)}"
            projectors[name] = stack.enter_context(projector_process(make_conninfo(audited, application_name=name)))

        try:
            another()
            for _ in range(KILLS):
                another()
                leader = leader_at_work(audited, alive=projectors)
                time.sleep(chance.uniform(0, 0.1))
                process = projectors.pop(leader)
                process.kill()
                assert process.wait() == -9
        finally:
            done.set()
        assert sum(writer.result() for writer in writers) > KILLS
        until(lambda: is_caught_up(audited), "it did not catch up", MINUTES)
    assert not_applied_once(audited) == []
    assert differences(audited) == []
