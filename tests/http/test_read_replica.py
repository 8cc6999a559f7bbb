"""Reads go to a real streaming replica, which may lag, be killed, hang or fail at them: no answer is wrong for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.patience import until, until_equal
from tests.support.ready_made import NewFolder
from tests.support.replicated_service import PASSWORD, PATIENT_WITH_ITS_REPLICA, Reader, Served, serving
from tests.support.replication import kill_server, paused_server, primary_and_replica, query_value
from tests.support.response_shapes import assert_problem
from tests.support.sample_items import an_item, created
from tests.support.service_process import running_service

MAY_LAG_SECONDS = 3
SLOW_SEARCH = """
alter function catalog.candidate_query(text) rename to candidate_query_at_once;
create function catalog.candidate_query(search text) returns tsquery language plpgsql stable as $$
begin
    if pg_is_in_recovery() then
        perform pg_sleep(600);
    end if;
    return catalog.candidate_query_at_once(search);
end $$;
"""
"""On the replica a search takes for ever."""
FAST_SEARCH = """
drop function catalog.candidate_query(text);
alter function catalog.candidate_query_at_once(text) rename to candidate_query;
"""
SLEEPS = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
READ = """
select max(relation::regclass::text)
from pg_stat_activity
join pg_locks using (pid)
join pg_class on pg_class.oid = relation and relkind = 'r' and relnamespace = 'catalog'::regnamespace
where wait_event = 'PgSleep'
"""
"""A table that the search reads."""
CONFLICTS = "select sum(confl_lock) from pg_stat_database_conflicts"


@pytest.fixture(scope="module")
def served(new_server_folder: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("replicated")
    folder.chmod(0o755)
    with primary_and_replica(folder, new_server_folder, max_standby_streaming_delay="0") as pair:
        pair.until_replayed()
        with serving(pair, 60, PATIENT_WITH_ITS_REPLICA) as started:
            yield started


@pytest.fixture(autouse=True)
def is_well(served: Served) -> None:
    served.until_it_is("ok")
    served.pair.until_replayed()


def renamed(api: httpx.Client, item_id: int, name: str) -> str:
    """The position of the command."""
    return api.put(f"/items/{item_id}", json={"name": name}).raise_for_status().headers["X-Position"]


def got(api: httpx.Client, path: str, **further: Any) -> httpx.Response:
    return api.get(path, params={**httpx.URL(path).params, **further})


def names(response: httpx.Response) -> list[str]:
    return [item["name"] for item in response.raise_for_status().json()]


def test_reads_may_be_stale_and_show_ones_own_writes_where_asked_to(served: Served) -> None:
    api = served.api
    item = created(api, name="Spade", owner_id="stale", category="stale")
    mine, paths = f"/items/{item['id']}", ("/items?category=stale", "/items/owner/stale")
    settled(served, item)
    with served.pair.nothing_replayed():
        position = renamed(api, item["id"], "Border spade")
        assert api.get(mine).json() == item
        assert [names(api.get(path)) for path in paths] == [["Spade"], ["Spade"]]
        assert api.get(f"{mine}/history").json()["event_count"] == 1
        assert api.get(mine, params={"min_position": position}).json()["name"] == "Border spade"
        for path in paths:
            assert names(got(api, path, min_position=position)) == ["Border spade"]
    served.pair.until_replayed()
    assert api.get(mine).json()["name"] == "Border spade"


def settled(served: Served, item: dict[str, Any]) -> None:
    """Wait until the replica knows that the item's last event is settled."""
    query = f"select instant >= '{item['updated_at']}' from catalog.settled"
    until_equal(lambda: query_value(served.pair.replica, query), True, "the replica does not know it as settled")


def test_what_the_replica_does_not_have_yet_is_there(served: Served) -> None:
    """Not found is asked of the primary too, and so is a position that the replica has not come to."""
    api = served.api
    with served.pair.nothing_replayed():
        response = api.post("/items", json=an_item(owner_id="nobody yet")).raise_for_status()
        item, position = response.json(), response.headers["X-Position"]
        assert api.get(f"/items/{item['id']}").json() == item
        assert api.get(f"/items/{item['id']}/versions/1").json() == item
        mine = {"min_position": position}
        until_equal(
            lambda: api.get("/owners/nobody yet", params=mine).json().get("total_items"), 1, "it is not counted"
        )
        assert api.get("/events", params={"after": position}).json() == []
        assert_problem(api.get("/items/2147483647"), 404)


def test_the_timegate_leads_to_the_last_version_whatever_the_replica_has(served: Served) -> None:
    item = created(served.api, name="Spade")
    settled(served, item)
    with served.pair.nothing_replayed():
        renamed(served.api, item["id"], "Border spade")
        gate = served.api.get(f"/items/{item['id']}/time-travel")
        assert (gate.status_code, gate.headers["Location"].rpartition("/")[2]) == (302, "2")


def test_a_position_that_was_never_handed_out_is_refused_as_ever(served: Served) -> None:
    """The replica's sequence is ahead of what was handed out, by as many as the primary writes down at once."""
    api = served.api
    newest = int(api.post("/items", json=an_item()).headers["X-Position"])
    served.pair.until_replayed()
    for path, name in (("/items", "min_position"), ("/events", "after")):
        assert api.get(path, params={name: newest}).status_code == 200
        assert_problem(api.get(path, params={name: newest + 1}), 409)


def test_as_of_any_instant_both_answer_alike(served: Served) -> None:
    """Also as of one that the replica has not come to: it does not leave out what it does not know."""
    api, instants = served.api, []
    item = created(api, name="v1", owner_id="then", category="then")
    for number in range(2, 5):
        renamed(api, item["id"], f"v{number}")
        instants.append(datetime.now(UTC).isoformat())
    settled(served, served.primary.get(f"/items/{item['id']}").json())
    with served.pair.nothing_replayed():
        for number in range(5, 7):
            renamed(api, item["id"], f"v{number}")
            instants.append(datetime.now(UTC).isoformat())
        for number, instant in enumerate(instants, 2):
            for path in (f"/items/{item['id']}", "/items?category=then", "/items/owner/then", "/stats", "/owners/then"):
                ours, theirs = (got(each, path, as_of=instant) for each in (api, served.primary))
                assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json())
                assert ours.headers["X-Settled"] == theirs.headers["X-Settled"] == "true"
            assert names(got(api, "/items?category=then", as_of=instant)) == [f"v{number}"]
            for path in (f"/items/{item['id']}/diff?from=1", "/changes?category=then&from=2020-01-01"):
                ours, theirs = (got(each, path, to=instant) for each in (api, served.primary))
                assert ours.json() == theirs.json()
                assert ours.headers.get("Cache-Control") == theirs.headers.get("Cache-Control")


def test_events_are_counted_on_the_replica_up_to_what_is_settled_there(served: Served) -> None:
    """And up to an instant that it has not come to, on the primary."""
    api, replica = served.api, served.pair.replica
    settled(served, created(api))
    with served.pair.nothing_replayed():
        known = query_value(replica, "select count(*) from catalog.events")
        created(api)
        density = api.get("/events/density").json()
        assert datetime.fromisoformat(density["to"]) == query_value(replica, "select instant from catalog.settled")
        assert density["total"] == known
        later = api.get("/events/density", params={"to": datetime.now(UTC).isoformat()}).json()
        assert later["total"] == density["total"] + 1


def test_pages_of_the_present_follow_each_other_as_of_what_the_replica_knew(served: Served) -> None:
    api, of_mine = served.api, "/items?category=paged&limit=2&sort=updated"
    items = [created(api, name=f"{number}", category="paged") for number in range(5)]
    settled(served, items[-1])
    with served.pair.nothing_replayed():
        position = renamed(api, items[0]["id"], "first")
        response, seen = api.get(of_mine), []
        while True:
            seen += names(response)
            if "next" not in response.links:
                break
            response = api.get(response.links["next"]["url"])
        assert seen == ["4", "3", "2", "1", "0"]
        assert names(got(api, of_mine, min_position=position)) == ["first", "4"]


@pytest.fixture(scope="module")
def strict(served: Served) -> Iterator[Served]:
    """A service that soon has enough of the same replica: as the product does, and when it is a little behind."""
    with serving(served.pair, MAY_LAG_SECONDS) as started:
        yield started


def test_a_replica_too_far_behind_is_not_read_from_until_it_has_caught_up(strict: Served) -> None:
    strict.until_it_is("ok")
    api, item = strict.api, created(strict.api, name="Spade")
    strict.pair.until_replayed()
    with strict.pair.nothing_replayed():
        renamed(api, item["id"], "Border spade")
        strict.until_it_is("behind")
        assert api.get(f"/items/{item['id']}").json()["name"] == "Border spade"
        assert strict.counted("replica_lag_seconds") > MAY_LAG_SECONDS
        assert strict.counted("replica_serves") == 0
    strict.until_it_is("ok")
    until(lambda: strict.counted("replica_lag_seconds") < MAY_LAG_SECONDS, "its lag stays")
    assert strict.counted("replica_serves") == 1


def test_an_idle_primary_leaves_no_replica_behind(strict: Served) -> None:
    """Nothing is written for longer than the replica may be behind."""
    strict.until_it_is("ok")
    states, unchanged_since = set[str](), dict[object, float]()
    before = strict.counted('database_reads_total{server="replica"}')

    def is_idle_for_long() -> bool:
        states.add(strict.state)
        strict.api.get("/stats").raise_for_status()
        written = query_value(strict.pair.primary, "select pg_current_wal_lsn()::text")
        now = float(str(query_value(strict.pair.primary, "select extract(epoch from clock_timestamp())")))
        return now - unchanged_since.setdefault(written, now) > MAY_LAG_SECONDS + 1

    until(is_idle_for_long, "the primary is never idle")
    assert states == {"ok"}
    assert strict.counted('database_reads_total{server="replica"}') > before


def test_a_replica_that_dies_or_hangs_costs_no_request_and_is_read_from_again(strict: Served) -> None:
    strict.until_it_is("ok")
    with Reader(strict, created(strict.api)["id"]) as reader:
        with paused_server(strict.pair.replica):
            reader.is_answered()
            strict.until_it_is("away")
            reader.is_answered()
        strict.until_it_is("ok")
        kill_server(strict.pair.replica.data_dir)
        strict.until_it_is("away")
        reader.is_answered()
        strict.pair.replica.stop()
        strict.pair.replica.start()
        strict.until_it_is("ok")
        before = strict.counted('database_reads_total{server="replica"}')
        until(lambda: strict.counted('database_reads_total{server="replica"}') > before, "it is not read from again")
    assert set(reader.statuses) == {200}


def test_a_read_in_the_way_of_what_is_to_be_replayed_is_answered_by_the_primary(served: Served) -> None:
    pair = served.pair
    created(served.api, name="A trowel", category="conflict")
    with (
        psycopg.connect(pair.primary.conninfo, autocommit=True) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        connection.execute(SLOW_SEARCH)
        try:
            pair.until_replayed()
            before = query_value(pair.replica, CONFLICTS)
            search = pool.submit(served.api.get, "/items?category=conflict&search=trowel")
            until_equal(lambda: query_value(pair.replica, SLEEPS), 1, "the replica does not search")
            connection.execute(f"begin; lock table {query_value(pair.replica, READ)}; commit".encode())
            assert names(search.result()) == ["A trowel"]
        finally:
            connection.execute(FAST_SEARCH)
        until(lambda: query_value(pair.replica, CONFLICTS) != before, "nothing was in the way")
        assert served.state == "ok"


def test_a_replica_is_not_needed_to_start_and_its_password_is_not_told(
    served: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "DATABASE_URL": served.pair.primary.conninfo,
        "DATABASE_REPLICA_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:9/catalog",
    }
    with running_service(environment) as (url, _):
        assert httpx.get(f"{url}/health/ready").json()["replica"] == "away"
        httpx.get(f"{url}/api/v2/items").raise_for_status()
        told = ""

        def is_said() -> bool:
            nonlocal told
            told += "".join(capfd.readouterr())
            return "the replica is away" in told

        until(is_said, "that the replica is away was not logged")
    assert PASSWORD not in told + "".join(capfd.readouterr())
