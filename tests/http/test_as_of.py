"""`as_of` and `min_position` over HTTP: what was answered then is answered now, and says whether it stays so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from msgspec import Struct

from tests.support.appending import append
from tests.support.patience import until
from tests.support.response_shapes import assert_fields_refused, assert_problem
from tests.support.sample_items import an_item, created, some_name
from tests.support.service_process import running_service
from tests.support.workload import SPADE

FOR_EVER = "public, max-age=31536000, immutable"
LARGEST_ID = 2**31 - 1


class Then(Struct, frozen=True):
    """An instant, and what was answered then: status and JSON by path."""

    instant: str
    answers: dict[str, tuple[int, Any]]


def now() -> str:
    """The clock of this machine, which is the database's."""
    return datetime.now(UTC).isoformat()


def paths(owner: str, item_id: int) -> list[str]:
    mine, around = f"/items?owner_id={owner}", "near=48.85,2.35"
    return [
        f"/items/{item_id}",
        mine,
        f"{mine}&status=any",
        f"{mine}&status=any&search=spades",
        f"{mine}&status=any&sort=updated&{around}&within_km=50",
        f"{mine}&status=any&{around}&sort=nearest",
        f"{mine}&status=swapped&{around}",
        f"/items?category={owner}&status=any&sort=name&offset=1",
        f"/items/owner/{owner}",
        f"/items/owner/{owner}?status=active",
        f"/owners/{owner}",
        "/stats",
    ]


def answer(api: httpx.Client, path: str, **parameters: Any) -> tuple[int, Any]:
    """Whoever asks for a position asks again while it has not been reached (503)."""

    def asked() -> httpx.Response | None:
        given = api.get(path, params={**httpx.URL(path).params, **parameters})
        return given if given.status_code != 503 else None

    response = until(asked, f"{path} is not answered") if "min_position" in parameters else asked()
    assert response is not None
    return response.status_code, response.json() if response.status_code == 200 else None


@pytest.fixture(scope="module")
def story(api: httpx.Client) -> list[Then]:
    """Two items of an owner through some changes, everything looked at before and after each."""
    owner = some_name("past")
    other = created(api, owner_id=some_name("before"))["id"] + 2
    item_id = other - 1
    changes: list[Callable[[], httpx.Response]] = [
        lambda: api.patch(f"/items/{item_id - 1}/status?new_status=archived"),
        lambda: _creation(api, owner_id=owner, category=owner, name="Spade"),
        lambda: _creation(api, owner_id=owner, category=owner, name="Rake", location_lat=48.8, location_lon=2.3),
        lambda: api.put(f"/items/{item_id}", json={"name": "Border spade", "location_lat": 48.9, "location_lon": 2.4}),
        lambda: api.patch(f"/items/{other}/status?new_status=swapped"),
        lambda: api.put(f"/items/{other}", json={"category": f"other {owner}", "description": "Not a spade."}),
        lambda: api.delete(f"/items/{item_id}"),
    ]
    moments = []
    for change in changes:
        position = change().headers["X-Position"]
        instant = now()
        moments.append(
            Then(instant, {path: answer(api, path, min_position=position) for path in paths(owner, item_id)})
        )
    return moments


def _creation(api: httpx.Client, **fields: Any) -> httpx.Response:
    return api.post("/items", json=an_item(**fields))


def test_what_was_answered_then_is_answered_as_of_then(api: httpx.Client, story: list[Then]) -> None:
    assert [then.answers[path][0] for then in story[:2] for path in [next(iter(then.answers))]] == [404, 200]
    for then in story:
        for path, answered in then.answers.items():
            assert answer(api, path, as_of=then.instant) == answered, (then.instant, path)
    assert len({repr(list(then.answers.values())) for then in story}) == len(story), "each change was to be seen"


def test_an_answer_as_of_a_settled_instant_is_for_ever_and_one_of_the_present_is_not(
    api: httpx.Client, story: list[Then]
) -> None:
    for path in story[3].answers:
        parameters = dict(httpx.URL(path).params)
        present = api.get(path, params=parameters)
        assert (present.headers["Cache-Control"], "X-Settled" in present.headers) == ("no-cache", False)
        past = api.get(path, params={**parameters, "as_of": story[3].instant})
        assert (past.headers["Cache-Control"], past.headers["X-Settled"]) == (FOR_EVER, "true")
    missing = api.get("/items/1", params={"as_of": "2020-01-01"})
    assert assert_problem(missing, 404)["title"] == "There is no such item"
    assert missing.headers["Cache-Control"] == "no-store"


ASKED = ("/items/1", "/items", "/items/owner/ann", "/owners/ann", "/stats")


@pytest.mark.parametrize("path", ASKED)
def test_the_future_and_what_is_no_instant_are_refused(api: httpx.Client, path: str) -> None:
    in_a_minute = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    for given in (in_a_minute, "9999-12-31", "yesterday", "", "2026-13-01", "1", "infinity", "-infinity", "now"):
        problem = assert_problem(api.get(path, params={"as_of": given}), 400)
        assert problem["title"] == "The request cannot be read"


@pytest.mark.parametrize(
    "given", ["0001-01-01", "0001-01-01T00:00:00Z", "1969-07-20 20:17:40", "2020-01-01T00:00:00+05:45"]
)
def test_before_everything_there_was_nothing(api: httpx.Client, given: str) -> None:
    found = [api.get(path, params={"as_of": given}) for path in ASKED]
    assert [response.status_code for response in found] == [404, 200, 200, 404, 200]
    assert [found[1].json(), found[2].json(), found[4].json()["total_items"]] == [[], [], 0]


def test_while_an_append_is_under_way_an_answer_as_of_now_may_change_and_says_so(
    api: httpx.Client, service_conninfo: str
) -> None:
    """What is settled already stays so meanwhile; the append, once committed, is in the answer as of then."""
    owner = some_name("late")
    created(api, owner_id=owner)
    before = now()
    assert api.get("/stats", params={"as_of": before}).headers["X-Settled"] == "true"
    with psycopg.connect(service_conninfo) as appending:
        append(appending, None, [SPADE])
        instant = now()
        for path in (f"/items?owner_id={owner}", "/stats"):
            response = api.get(path, params={**httpx.URL(path).params, "as_of": instant})
            assert (response.headers["X-Settled"], response.headers["Cache-Control"]) == ("false", "no-store")
            settled = api.get(path, params={**httpx.URL(path).params, "as_of": before})
            assert (settled.headers["X-Settled"], settled.headers["Cache-Control"]) == ("true", FOR_EVER)
        total = api.get("/stats", params={"as_of": instant}).json()["total_items"]
        appending.commit()
    after = api.get("/stats", params={"as_of": instant})
    assert (after.headers["X-Settled"], after.json()["total_items"]) == ("true", total + 1)


def test_who_waits_for_the_position_of_a_command_reads_what_it_wrote(api: httpx.Client) -> None:
    """The owner's numbers are kept up in the background: without waiting they would be behind, now and then."""
    owner = some_name("own writes")
    item_id = created(api, owner_id=owner)["id"]
    for number in range(20):
        changed = api.put(f"/items/{item_id}", json={"name": f"Spade {number}"})
        position = changed.headers["X-Position"]
        assert answer(api, f"/items/{item_id}", min_position=position) == (200, changed.json())
        for path in (f"/items?owner_id={owner}", f"/items/owner/{owner}"):
            assert answer(api, path, min_position=position) == (200, [changed.json()])
        _, numbers = answer(api, f"/owners/{owner}", min_position=position)
        assert numbers["latest_activity_at"] == changed.json()["updated_at"]
        assert answer(api, "/stats", min_position=position)[0] == 200


def test_a_position_that_was_never_handed_out_is_not_waited_for(api: httpx.Client) -> None:
    problem = assert_problem(api.get("/items/1", params={"min_position": 2**63 - 1}), 409)
    assert problem["type"] == "urn:swappo:catalog:ahead-of-log"
    for given in ("0", "-1", str(2**63), "x", "1.5"):
        assert_fields_refused(api.get("/stats", params={"min_position": given}), "/min_position")


def test_who_waits_for_a_position_that_takes_long_is_told_after_a_while(
    api: httpx.Client, service_conninfo: str
) -> None:
    with psycopg.connect(service_conninfo) as appending:
        position = append(appending, None, [SPADE])[2]
        response = api.get("/items/1", params={"min_position": position})
        assert_problem(response, 503)
        assert response.headers["Retry-After"]


def test_a_position_that_comes_in_time_is_waited_for(conninfo: str, connection: psycopg.Connection) -> None:
    patient = "import app.engine.queries.read_your_writes as r; r.POSITION_WAIT_SECONDS = 60.0; "
    patient += "from app.cli.catalog import main; main()"
    with (
        running_service({"DATABASE_URL": conninfo}, patient) as (url, _),
        psycopg.connect(conninfo) as appending,
        ThreadPoolExecutor(1) as pool,
    ):
        stream, _, position, _, _ = append(appending, None, [SPADE])
        asked = pool.submit(httpx.get, f"{url}/api/v2/items/{stream}", params={"min_position": position})
        for _ in range(2):
            (now,) = connection.execute("select clock_timestamp()").fetchone() or (None,)
            until(lambda since=now: connection.execute(ASKS_FOR_POSITION, (since,)).fetchone() == (True,))  # type: ignore[misc]
        assert not asked.done()
        appending.commit()
        assert asked.result().json()["id"] == stream


ASKS_FOR_POSITION = """
select exists (
    select from pg_stat_activity
    where datname = current_database()
        and pid <> pg_backend_pid()
        and query_start > %s
        and query like '%%catalog.events where position = %%')
"""


def test_a_position_that_was_rolled_back_is_reached_once_it_is_settled(
    api: httpx.Client, service_conninfo: str
) -> None:
    with psycopg.connect(service_conninfo) as rolling_back:
        position = append(rolling_back, None, [SPADE])[2]
        rolling_back.rollback()
    created(api)
    assert answer(api, "/stats", min_position=position)[0] == 200
