"""Law 4 in examples: which projector leads, what a poisoned event stops, and that no event is lost or repeated."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from app.engine.background.checkpoints import catch_up, resume_projection
from app.engine.background.projector import Projector
from app.engine.background.rebuild import rebuild
from app.engine.background.verify import verify
from app.engine.store.high_water_mark import advance_mark
from app.errors import NotFound
from app.main import PROJECTIONS
from projections.categories import Categories
from projections.items import Item, Items
from projections.owners import Owners
from tests.support.appending import append
from tests.support.leadership import LEADERS, leaders, terminate_leader, until_refused
from tests.support.patience import until, until_equal
from tests.support.stalling_proxy import stalling_proxy
from tests.support.workload import (
    SPADE,
    SWAPPED,
    audit,
    catch_up_all,
    differences,
    is_caught_up,
    not_applied_once,
    poison,
    run_for_a_while,
)

END_EVERYBODY_LEADER_FIRST = f"""
select pg_terminate_backend(pid)
from (
    select pid
    from pg_stat_activity
    where datname = current_database()
    order by pid in ({LEADERS}) desc
    offset 0
) as ended
where pid <> all (%s)
"""


SLOW_BATCHES = """
create function public.take_time() returns trigger language plpgsql as $$
begin
    if new.position - old.position > 3 then
        raise query_canceled;
    end if;
    return null;
end $$;
create trigger take_time after update of position on catalog.projections
for each row execute function public.take_time();
"""
"""A batch of more than three events takes too long: it ends as the server ends a statement after its time."""


async def catch_up_from_everywhere(conninfo: str, at_once: int) -> None:
    await asyncio.gather(*(catch_up_all(conninfo, batch_events) for batch_events in range(1, at_once + 1)))


def state_of(connection: psycopg.Connection, name: str) -> tuple[Any, ...]:
    """The row of (position, state, error, error_position, skipped)."""
    row = connection.execute(
        "select position, state, error, error_position, skipped from catalog.projections where name = %s", (name,)
    ).fetchone()
    assert row is not None
    return row


def resumed(conninfo: str, name: str, skip_as: str | None) -> None:
    async def go_on() -> None:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await resume_projection(connection, name, skip_as)

    asyncio.run(go_on())


def test_leaders_that_do_not_know_of_each_other_apply_nothing_twice(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    audit(conninfo)
    for _ in range(3):
        for _ in range(40):
            append(connection, None, [SPADE, SWAPPED])
        asyncio.run(catch_up_from_everywhere(conninfo, at_once=8))
    assert is_caught_up(conninfo)
    assert not_applied_once(conninfo) == []
    assert differences(conninfo) == []


def test_the_audit_would_see_an_event_that_is_missed(connection: psycopg.Connection) -> None:
    """The control: a mark that does not wait for running appends loses their events."""
    conninfo = connection.info.dsn
    rollups = sorted(each.name for each in PROJECTIONS if each.is_async())
    audit(conninfo)
    with psycopg.connect(conninfo) as slow:
        _, _, late, _, _ = append(slow, None, [SPADE])
        append(connection, None, [SPADE])
        connection.execute("select catalog.publish_mark(position, instant) from catalog.begin_mark()")
        for rollup in rollups:
            connection.execute(f"select catalog.catch_up_{rollup}(0, 1000)")
        slow.commit()
    asyncio.run(catch_up_all(conninfo))
    assert not_applied_once(conninfo) == [(rollup, late, 0) for rollup in rollups]


def test_a_leader_whose_connection_is_ended_is_followed_by_one(connection: psycopg.Connection) -> None:
    conninfo, ended, acknowledged = connection.info.dsn, Event(), set()
    audit(conninfo)
    projectors = [Projector(conninfo, PROJECTIONS) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(asyncio.run, run_for_a_while(each, ended)) for each in projectors]
        try:
            for _ in range(3):
                terminate_leader(connection)
                acknowledged.add(append(connection, None, [SPADE, SWAPPED])[2])
                until(lambda: is_caught_up(conninfo), "nobody followed")
                until_refused(connection, others=1)
                assert sum(each.leads for each in projectors) == len(leaders(connection)) == 1
        finally:
            ended.set()
        assert all(each.result() is None for each in running)
    assert not_applied_once(conninfo) == []
    assert acknowledged <= {position for (position,) in connection.execute("select position from catalog.events")}
    assert differences(conninfo) == []


def test_a_poisoned_event_stops_that_rollup_alone_until_somebody_skips_it(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    streams = [append(connection, None, [SPADE])[0] for _ in range(30)]
    poisoned = poison(connection)
    append(connection, streams[0], [SWAPPED])
    asyncio.run(catch_up_all(conninfo))
    position, state, error, error_position, skipped = state_of(connection, "owners")
    assert (state, error_position, skipped) == ("stopped", poisoned, [])
    assert position == poisoned - 1
    assert "owners_members" in error
    assert state_of(connection, "categories")[:2] == (poisoned + 1, "running")

    resumed(conninfo, "owners", None)
    assert state_of(connection, "owners")[1] == "running"
    asyncio.run(catch_up_all(conninfo))
    assert state_of(connection, "owners")[1:4] == ("stopped", error, poisoned)

    resumed(conninfo, "owners", "olga")
    asyncio.run(catch_up_all(conninfo))
    position, state, *_, (skip,) = state_of(connection, "owners")
    assert (position, state) == (poisoned + 1, "running")
    assert (skip["position"], skip["by"], skip["error"]) == (poisoned, "olga", error)
    assert asyncio.run(verify(conninfo, Owners)).differing == []


def test_a_skipped_event_stays_out_when_its_stream_changes_again(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    poisoned = poison(connection)
    asyncio.run(catch_up_all(conninfo))
    resumed(conninfo, "owners", "olga")
    (stream,) = connection.execute("select stream_id from catalog.events").fetchone() or (0,)
    append(connection, stream, [SWAPPED])
    asyncio.run(catch_up_all(conninfo))
    assert state_of(connection, "owners")[:2] == (poisoned + 1, "running")
    assert asyncio.run(verify(conninfo, Owners)).differing == []


def test_an_event_skipped_in_the_middle_of_its_stream_does_not_trouble_the_later_ones(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    stream, *_ = append(connection, None, [SPADE])
    poisoned = poison(connection, stream)
    append(connection, stream, [SWAPPED])
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))
    assert state_of(connection, "categories")[1:4:2] == ("stopped", poisoned)
    resumed(conninfo, "categories", "olga")
    asyncio.run(catch_up_all(conninfo))
    append(connection, stream, [SWAPPED])
    asyncio.run(catch_up_all(conninfo))
    for _ in range(2):
        assert state_of(connection, "categories")[:2] == (poisoned + 3, "running")
        counted = "select document -> 'total_items', document -> 'by_status' from catalog.categories"
        assert connection.execute(counted).fetchall() == [(2, {"active": 1, "swapped": 1})]
        verified = asyncio.run(verify(conninfo, Categories))
        assert (verified.checked, verified.differing) == (1, [])
        asyncio.run(rebuild(conninfo, Categories))


def test_a_passing_fault_stops_nothing(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    append(connection, None, [SPADE])

    async def impatiently() -> None:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as hurried:
            await advance_mark(hurried)
            await hurried.execute("set lock_timeout = '20ms'")
            await catch_up(hurried, "owners")

    with psycopg.connect(conninfo) as other:
        other.execute("lock table catalog.owners_members")
        with pytest.raises(psycopg.OperationalError):
            asyncio.run(impatiently())
    assert state_of(connection, "owners")[:2] == (0, "running")
    asyncio.run(catch_up_all(conninfo))
    assert asyncio.run(verify(conninfo, Owners)).differing == []


def test_a_rebuild_that_cannot_succeed_does_not_keep_the_leader_from_its_work(connection: psycopg.Connection) -> None:
    """Its rules have changed, so the projector tries to rebuild it, and a poisoned event makes the rebuild fail."""
    conninfo, ended = connection.info.dsn, Event()
    poison(connection)
    connection.execute("update catalog.projections set fingerprint = 'of other rules'")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, run_for_a_while(Projector(conninfo, PROJECTIONS), ended))
        try:
            until_equal(lambda: state_of(connection, "owners")[1], "stopped", "the event did not stop it")
            fingerprints = "select name from catalog.projections where fingerprint = 'of other rules'"
            of_owner = {(each.name,) for each in PROJECTIONS if getattr(each, "by", None) == Item.owner_id}
            until_equal(lambda: set(connection.execute(fingerprints)), of_owner, "not all others were rebuilt")
            *_, head, _, _ = append(connection, None, [SPADE])
            until_equal(lambda: state_of(connection, "categories")[0], head, "the leader does not work")
        finally:
            ended.set()
        running.result()


def test_a_leader_that_dies_in_the_middle_of_its_rebuild_is_followed(connection: psycopg.Connection) -> None:
    """The rebuild loses its connections with the leader: it must end, and must not keep the projector from leading."""
    conninfo, ended = connection.info.dsn, Event()
    append(connection, None, [SPADE])
    connection.execute("update catalog.projections set fingerprint = 'of other rules' where name = 'items'")
    projector = Projector(conninfo, PROJECTIONS)
    with psycopg.connect(conninfo) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("select from catalog.items")
        running = pool.submit(asyncio.run, run_for_a_while(projector, ended, wakes=True))
        try:
            ready = "select rebuild -> 'done' = rebuild -> 'events' from catalog.projections where name = 'items'"
            until_equal(lambda: connection.execute(ready).fetchone(), (True,), "the rebuild did not come so far")
            ours = [connection.info.backend_pid, reader.info.backend_pid]
            connection.execute(END_EVERYBODY_LEADER_FIRST.encode(), (ours,))
            reader.rollback()
            append(connection, None, [SPADE])
            until(lambda: is_caught_up(conninfo) and projector.leads)
            assert len(leaders(connection)) == 1
        finally:
            ended.set()
        running.result()


def test_a_leader_whose_connection_swallows_everything_is_followed(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo, ended = connection.info.dsn, Event()
    monkeypatch.setattr("app.engine.postgres.connections.ANSWER_SECONDS", 0.5)
    with stalling_proxy(conninfo) as proxy, ThreadPoolExecutor(1) as pool:
        projector = Projector(proxy.conninfo, PROJECTIONS)
        running = pool.submit(asyncio.run, run_for_a_while(projector, ended))
        try:
            for _ in range(2):
                append(connection, None, [SPADE])
                until(lambda: projector.leads and is_caught_up(conninfo))
                assert proxy.stall() > 0
            append(connection, None, [SPADE])
            until(lambda: is_caught_up(conninfo), "nobody followed")
        finally:
            ended.set()
        running.result()


def test_a_batch_that_takes_too_long_is_made_smaller(connection: psycopg.Connection) -> None:
    conninfo = connection.info.dsn
    for _ in range(20):
        append(connection, None, [SPADE])
    connection.execute(SLOW_BATCHES)

    async def catch_up_in_a_hurry() -> int:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as hurried:
            head = (await advance_mark(hurried)).position
            return await catch_up(hurried, "owners") - head

    assert asyncio.run(catch_up_in_a_hurry()) == 0


def test_a_read_model_that_nobody_has_any_more_does_not_keep_the_projector_busy(
    connection: psycopg.Connection,
) -> None:
    conninfo = connection.info.dsn
    connection.execute("insert into catalog.projections values ('gone', 1, '', true)")
    append(connection, None, [SPADE])
    asyncio.run(catch_up_all(conninfo))

    async def looks() -> bool:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
            return await Projector(conninfo, PROJECTIONS)._has_work(opened)

    assert not asyncio.run(looks())


def test_an_unknown_projection_cannot_be_caught_up_or_resumed(conninfo: str) -> None:
    async def try_both() -> None:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as opened:
            for attempt in (catch_up(opened, "nothing"), resume_projection(opened, "nothing")):
                with pytest.raises(NotFound, match="There is no projection nothing"):
                    await attempt

    asyncio.run(try_both())


def test_documents_of_no_known_shape_are_differences(connection: psycopg.Connection) -> None:
    """The cases are an event that Python cannot read, and documents that were changed by hand."""
    conninfo = connection.info.dsn
    streams = [append(connection, None, [SPADE])[0] for _ in range(4)]
    poison(connection)
    changed, broken, gone, _ = streams
    connection.execute('update catalog.items set document = document || \'{"name": "x"}\' where id = %s', (changed,))
    connection.execute("update catalog.items set document = '{\"surprise\": 1}' where id = %s", (broken,))
    connection.execute("delete from catalog.items where id = %s", (gone,))
    connection.execute(
        "insert into catalog.items select 2000000, version, valid_from, document from catalog.items limit 1"
    )
    found = {each.id: each for each in asyncio.run(verify(conninfo, Items)).differing}
    assert set(found) == {changed, broken, gone, streams[-1] + 1, 2_000_000}
    assert json.loads(bytes(found[broken].stored)) == {"surprise": 1}
    assert bytes(found[gone].stored) == b"null"
    assert bytes(found[2_000_000].folded) == b"null"
    assert "owner_id" in json.loads(bytes(found[streams[-1] + 1].folded))["unreadable"]
