"""Law 5: versions have no gaps and no duplicates under any race; exactly one of several conditional writers wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.appending import append, error_of
from tests.support.toy_aggregate import ToyBuilt, ToyPlayed

DUCK = ToyBuilt(name="duck", weight=3, box="red")
WRITERS = 8


@pytest.fixture
def conninfo_of_log(log: psycopg.Connection) -> str:
    return make_conninfo(log.info.dsn)


def race(conninfo: str, write: Callable[[psycopg.Connection, Barrier], str]) -> list[str]:
    """Run all writers at once, each on its own connection; return what each of them returns."""
    start = Barrier(WRITERS)

    def run(_: int) -> str:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            return write(connection, start)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS)))


def versions(log: psycopg.Connection, stream_id: int) -> list[int]:
    rows = log.execute("select version from catalog.events where stream_id = %s order by position", (stream_id,))
    return [version for (version,) in rows]


def test_unconditional_writers_of_one_stream_number_their_events_without_holes(
    log: psycopg.Connection, conninfo_of_log: str
) -> None:
    stream_id, *_ = append(log, None, [DUCK])
    rounds = 25

    def write(connection: psycopg.Connection, start: Barrier) -> str:
        start.wait()
        for _ in range(rounds):
            append(connection, stream_id, [ToyPlayed(minutes=1), ToyPlayed(minutes=1)])
        return "done"

    race(conninfo_of_log, write)
    count = 1 + WRITERS * rounds * 2
    assert versions(log, stream_id) == list(range(1, count + 1))
    query = "select version, document -> 'times_played' from catalog.toys where id = %s"
    assert log.execute(query, (stream_id,)).fetchone() == (count, str(count - 1).encode())


def test_of_conditional_writers_that_read_the_same_version_exactly_one_wins(
    log: psycopg.Connection, conninfo_of_log: str
) -> None:
    """A barrier stands before the read and before the write, so that reading a version too late would be noticed."""
    stream_id, *_ = append(log, None, [DUCK])

    def write(connection: psycopg.Connection, start: Barrier) -> str:
        start.wait()
        query = "select version from catalog.streams where stream_id = %s"
        (version,) = connection.execute(query, (stream_id,)).fetchone() or (0,)
        start.wait()
        try:
            append(connection, stream_id, [ToyPlayed(minutes=1)], expected=version)
        except psycopg.Error as error:
            return error.sqlstate or ""
        return "won"

    for round_number in range(1, 21):
        assert sorted(race(conninfo_of_log, write)) == ["SW001"] * (WRITERS - 1) + ["won"]
        assert versions(log, stream_id) == list(range(1, round_number + 2))


def test_a_conflict_tells_both_versions_as_json(log: psycopg.Connection) -> None:
    stream_id, *_ = append(log, None, [DUCK, ToyPlayed(minutes=1)])
    with pytest.raises(psycopg.Error, match=f"stream {stream_id} is at version 2, not 1") as conflict:
        append(log, stream_id, [ToyPlayed(minutes=1)], expected=1)
    assert conflict.value.sqlstate == "SW001"
    facts = f'{{"stream_id" : {stream_id}, "expected_version" : 1, "current_version" : 2}}'
    assert conflict.value.diag.message_detail == facts


def test_a_stream_that_is_not_there_is_refused(log: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="there is no stream 2147483647") as missing:
        append(log, 2147483647, [DUCK])
    assert missing.value.sqlstate == "SW002"


@pytest.mark.parametrize(
    "events", ["[]", "{}", "null", '"x"', "[1]", "[{}]", '[{"type": 1}]', '[{"type": null}]', '[{"type": "x"}, 7]']
)
def test_what_is_no_event_is_refused_and_nothing_is_stored(log: psycopg.Connection, events: str) -> None:
    query = "select count(*), (select count(*) from catalog.streams) from catalog.events"
    before = log.execute(query).fetchone()
    sqlstate, _ = error_of(log, "select catalog.append_to_stream(null, null, %s::jsonb, '{}')", (events,))
    assert sqlstate == "SW004"
    assert log.execute(query).fetchone() == before


def test_an_append_that_is_rolled_back_leaves_a_gap_in_the_positions_and_none_in_the_versions(
    log: psycopg.Connection,
) -> None:
    stream_id, _, first, _, _ = append(log, None, [DUCK])
    with log.transaction(force_rollback=True):
        append(log, stream_id, [ToyPlayed(minutes=1)])
    _, version, second, _, documents = append(log, stream_id, [ToyPlayed(minutes=5)])
    assert version == 2
    assert second == first + 2
    assert b'"minutes_played": 5' in bytes(documents["toys"])


def test_appends_to_different_streams_do_not_wait_for_each_other(log: psycopg.Connection, conninfo_of_log: str) -> None:
    one, *_ = append(log, None, [DUCK])
    other, *_ = append(log, None, [DUCK])
    with log.transaction(), psycopg.connect(conninfo_of_log, autocommit=True) as connection:
        append(log, one, [ToyPlayed(minutes=1)])
        connection.execute("set lock_timeout to '30s'")
        assert append(connection, other, [ToyPlayed(minutes=1)])[1] == 2
        assert append(connection, None, [DUCK])[1] == 1


def test_the_append_gate_is_held_from_the_append_until_its_transaction_ends(
    log: psycopg.Connection, conninfo_of_log: str
) -> None:
    try_to_close = "select pg_try_advisory_xact_lock(catalog.append_gate())"
    with psycopg.connect(conninfo_of_log, autocommit=True) as connection:
        with log.transaction():
            append(log, None, [DUCK])
            assert connection.execute(try_to_close).fetchone() == (False,)
        assert connection.execute(try_to_close).fetchone() == (True,)


def test_who_holds_the_gate_can_be_listed(log: psycopg.Connection) -> None:
    """A reader that waits for exactly these holders knows when all earlier appends have ended."""
    holders = """
        select array_agg(pid) from pg_locks
        where locktype = 'advisory' and mode = 'ShareLock' and granted
            and database = (select oid from pg_database where datname = current_database())
            and (classid::bigint << 32) + objid::bigint = catalog.append_gate()
        """
    assert log.execute(holders).fetchone() == (None,)
    with log.transaction():
        append(log, None, [DUCK])
        assert log.execute(holders).fetchone() == ([log.info.backend_pid],)


def test_an_append_waits_while_the_gate_is_closed(log: psycopg.Connection, conninfo_of_log: str) -> None:
    with log.transaction(), psycopg.connect(conninfo_of_log, autocommit=True) as connection:
        log.execute("select pg_advisory_xact_lock(catalog.append_gate())")
        connection.execute("set lock_timeout to '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            append(connection, None, [DUCK])
