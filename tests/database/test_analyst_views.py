"""Analysts in psql: the questions of docs/psql.md have the right answers, for each role and instant."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import httpx
import psycopg
import pytest
from msgspec import Struct
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from app.engine.background.rebuild import rebuild
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.projection.projection import Projection, ends, ignores, on, starts, the
from app.main import schema_sql
from app.schema import migrate, schema_of
from projections.items import Items
from projections.owners import Owners
from tests.support.appending import append
from tests.support.databases import database_like
from tests.support.doc_pages import page
from tests.support.sample_items import an_item, created, present, some_name
from tests.support.toy_aggregate import (
    Sightings,
    ToyBroken,
    ToyBuilt,
    ToyDated,
    ToyEvent,
    ToyFound,
    ToyMended,
    ToyPainted,
    ToyPlayed,
    ToyPrinted,
    ToyRepaired,
    Toys,
    ToySeen,
    ToyWoven,
)
from tests.support.workload import SPADE, SWAPPED, catch_up_all

Rows = list[tuple[Any, ...]]

NINE = timedelta(hours=9)


def at_nine(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) + NINE


def yesterday() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1) + NINE


def made(name: str, category: str, owner_id: str) -> dict[str, Any]:
    return {"type": "item_created", **an_item(name=name, category=category, owner_id=owner_id)}


def renamed(before: str, after: str) -> dict[str, Any]:
    return {"type": "item_updated", "changes": {"name": after}, "previous_values": {"name": before}}


SWAP = {"type": "item_status_changed", "old_status": "active", "new_status": "swapped", "reason": None}
DESCRIBED = {"type": "item_updated", "changes": {"description": "new"}, "previous_values": {"description": "old"}}

HISTORY: list[list[tuple[datetime, str, dict[str, Any]]]] = [
    [(at_nine("2025-11-01"), "alice", made("Spade", "tools", "alice")), (at_nine("2025-12-15"), "bob", SWAP)],
    [
        (at_nine("2025-12-28"), "alice", made("Rake", "tools", "alice")),
        (at_nine("2026-01-03"), "carol", renamed("Rake", "Garden rake")),
        (at_nine("2026-01-08"), "carol", renamed("Garden rake", "Big rake")),
    ],
    [(at_nine("2026-01-02"), "alice", made("Bicycle", "sports", "alice")), (at_nine("2026-01-09"), "bob", SWAP)],
    [
        (at_nine("2026-01-05"), "alice", made("Novel", "books", "alice")),
        (at_nine("2026-01-07"), "alice", renamed("Novel", "A novel")),
    ],
    [
        (at_nine("2025-12-30"), "bob", made("Atlas", "books", "bob")),
        (at_nine("2026-01-20"), "bob", {"type": "item_deleted", "reason": "worn"}),
    ],
    [(at_nine("2026-01-10"), "bob", made("Ball", "sports", "bob"))],
    [
        (at_nine("2025-12-20"), "erin", made("Lamp", "home", "erin")),
        (at_nine("2026-01-12"), "erin", DESCRIBED),
        (at_nine("2026-01-25"), "bob", SWAP),
    ],
    [(yesterday(), "dave", made("Kite", "toys", "dave"))],
]
"""The items 1 to 8: when, who and what."""


def write_history(connection: psycopg.Connection) -> None:
    """Into the log as if it had happened then, which append_to_stream never would."""
    for events in HISTORY:
        (stream_id,) = connection.execute(
            "insert into catalog.streams (version, recorded_at) values (%s, %s) returning stream_id",
            (len(events), events[-1][0]),
        ).fetchone() or (0,)
        for version, (instant, user_id, event) in enumerate(events, 1):
            data = {key: value for key, value in event.items() if key != "type"}
            connection.execute(
                "insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)"
                " values (catalog.uuid_v7(%s), %s, %s, %s, %s, %s, %s)",
                (instant, stream_id, version, event["type"], Jsonb(data), Jsonb({"user_id": user_id}), instant),
            )
        connection.execute("select catalog.refold_items(%s)", (stream_id,))
    asyncio.run(catch_up_all(connection.info.dsn))


@pytest.fixture(scope="module")
def known(server: EmbeddedPostgres, template: str) -> Iterator[psycopg.Connection]:
    """A session over the history above, in UTC, with the privileges of an analyst: to read what is in public."""
    with database_like(server, template) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        write_history(connection)
        connection.execute("set timezone to 'UTC'")
        connection.execute("create role analyst; grant select on all tables in schema public to analyst")
        connection.execute("set role analyst")
        yield connection
        connection.execute("reset role; drop owned by analyst; drop role analyst")


def questions() -> dict[str, list[str]]:
    """The questions of docs/psql.md, each with its statements."""
    (block,) = re.findall(r"^## Questions$.*?^```sql$(.*?)^```$", page("docs/psql.md").text, re.DOTALL | re.MULTILINE)
    found = {}
    for part in block.strip().split("\n\n"):
        question, _, text = part.removeprefix("-- ").partition("\n")
        found[question] = [statement.strip() for statement in text.split(";") if statement.strip()]
    return found


WEEKLY = [
    *((date(2026, 1, 5), category, 1) for category in ("books", "home", "sports", "tools")),
    *((date(2026, 1, day), category, n) for day in (12, 19) for category, n in (
        ("books", 2), ("home", 1), ("sports", 1), ("tools", 1),
    )),
    *((date(2026, 1, 26), category, 1) for category in ("books", "sports", "tools")),
]  # fmt: skip

ANSWERS: dict[str, Rows] = {
    "What did the tools look like at New Year?": [(1, "Spade", "swapped"), (2, "Rake", "active")],
    "How many items had each category on 15 January? (A whole session in the past.)": [
        ("books", 2),
        ("home", 1),
        ("sports", 2),
        ("tools", 2),
    ],
    "Which items were active for over a month before they were swapped?": [
        (1, "Spade", timedelta(days=44)),
        (7, "Lamp", timedelta(days=36)),
    ],
    "How did the number of active items per category change, week by week?": WEEKLY,
    "Who changed what yesterday?": [("dave", 8, "item_created", None, None)],
    "Which owners have items in three categories or more?": [("alice", 4)],
    "How long does it take until an item is swapped for the first time (median)?": [(timedelta(days=36),)],
    "Which items were renamed most?": [(2, 2), (4, 1)],
    "Which categories grew most in January?": [("sports", 2), ("books", 1), ("home", 0), ("tools", 0)],
    "What did item 7 look like before its last change?": [
        ("Lamp", "active", at_nine("2026-01-12"), at_nine("2026-01-25"))
    ],
    "What changed in the last days of January?": [
        (5, "deleted_at", None, "2026-01-20T09:00:00.000000Z"),
        (5, "status", "active", "archived"),
        (7, "status", "active", "swapped"),
    ],
}


def test_each_question_of_the_page_has_an_answer_here() -> None:
    assert list(questions()) == list(ANSWERS)
    assert len(ANSWERS) >= 10


@pytest.mark.parametrize("question", ANSWERS)
def test_the_answer_to_a_question_of_the_page_is_right(known: psycopg.Connection, question: str) -> None:
    """… for a role that may read nothing but the views."""
    rows: Rows = []
    for statement in questions()[question]:
        done = known.execute(statement)
        rows += done.fetchall() if done.description else []
    assert rows == ANSWERS[question]


def test_a_session_in_the_past_sees_only_what_had_been_recorded(known: psycopg.Connection) -> None:
    known.execute("set catalog.as_of = '2026-01-08'")
    try:
        assert known.execute("select max(recorded_at), count(*) from item_events").fetchone() == (
            at_nine("2026-01-07"),
            9,
        )
        assert known.execute("select count(*) from audit_trail").fetchone() == (9,)
        assert known.execute(
            "select name, valid_to from item_versions where id = 2 order by valid_from"
        ).fetchall() == [
            ("Rake", at_nine("2026-01-03")),
            ("Garden rake", None),
        ]
        later = known.execute("select name from item_at(2, '2026-02-01')").fetchall()
        assert later == [("Garden rake",)], "what was not known yet then"
        assert known.execute("select name from item_at(2, '2026-01-01')").fetchall() == [("Rake",)]
        assert known.execute("select by_category from owners where owner_id = 'alice'").fetchone() == (
            {"books": 1, "sports": 1, "tools": 2},
        )
    finally:
        known.execute("reset catalog.as_of")
    assert known.execute("select name from items where id = 2").fetchall() == [("Big rake",)]


def test_an_item_that_was_not_there_differs_in_all_its_fields(known: psycopg.Connection) -> None:
    rows = known.execute("select field, before, after from item_diff(6, '2026-01-01', '2026-02-01')").fetchall()
    assert {field for field, *_ in rows} == set(Items.document.__struct_fields__) - {"deleted_at"}, "null still is null"
    assert all(before is None for _, before, _ in rows)
    assert known.execute("select * from item_diff(6, '2026-02-01', '2026-03-01')").fetchall() == []


@pytest.mark.parametrize("value", ["tuesday", "01/02/2026", "2026-02-30"])
def test_what_is_no_instant_is_refused_in_a_sentence(known: psycopg.Connection, value: str) -> None:
    known.execute("select set_config('catalog.as_of', %s, false)", (value,))
    try:
        for view in ("items", "owners", "item_versions", "audit_trail"):
            with pytest.raises((errors.InvalidDatetimeFormat, errors.DatetimeFieldOverflow), match=value) as refused:
                known.execute(f"select * from {view}")
            assert "catalog.as_of" in str(refused.value)
    finally:
        known.execute("reset catalog.as_of")


def test_an_instant_to_come_is_refused_and_an_empty_one_is_the_present(known: psycopg.Connection) -> None:
    for view in ("items", "owners", "categories", "item_versions", "audit_trail"):
        query = f"select * from {view} order by 1, 2"
        present = known.execute(query).fetchall()
        known.execute("set catalog.as_of = '2999-01-01'")
        with pytest.raises(errors.InvalidDatetimeFormat, match="in the future"):
            known.execute(query)
        known.execute("set catalog.as_of = ''")
        assert known.execute(query).fetchall() == present
        known.execute("reset catalog.as_of")


def test_every_field_of_a_document_is_a_column_of_its_type(known: psycopg.Connection) -> None:
    row = known.cursor(row_factory=dict_row).execute("select * from items where id = 5").fetchone()
    assert row == an_item(name="Atlas", category="books", owner_id="bob", status="archived") | {
        "id": 5,
        "version": 2,
        "created_at": at_nine("2025-12-30"),
        "updated_at": at_nine("2026-01-20"),
        "deleted_at": at_nine("2026-01-20"),
    }


def test_the_service_is_told_which_documents_differ_between_two_instants(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        write_history(connection)
        rows = connection.execute(
            "select id, valid_from, before ->> 'status', after ->> 'status'"
            " from catalog.items_changed_between('2026-01-10 00:00Z', '2026-01-21 00:00Z') order by id"
        ).fetchall()
    assert rows == [
        (5, at_nine("2026-01-20"), "active", "archived"),
        (6, at_nine("2026-01-10"), None, "active"),
        (7, at_nine("2026-01-12"), "active", "active"),
    ]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a view as the API serves the document."""
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def test_a_session_in_the_past_and_http_agree(api: httpx.Client, service_conninfo: str) -> None:
    category, owner = some_name("category"), some_name("owner")
    instants = []
    for number in range(4):
        item = created(api, name=f"Thing {number}", category=category, owner_id=f"{owner}-{number % 2}")
        instants.append(item["updated_at"])
        changed = api.put(f"/items/{item['id']}", json={"name": f"Changed {number}", "location_lat": 0.1 + number})
        instants.append(changed.json()["updated_at"])
        if number % 2:
            assert api.patch(f"/items/{item['id']}/status", json={"new_status": "swapped"}).status_code == 200
            instants.append(present(api, item["id"])["updated_at"])
    with psycopg.connect(service_conninfo, autocommit=True, row_factory=dict_row) as connection:
        for instant in instants:
            connection.execute("select set_config('catalog.as_of', %s, false)", (instant,))
            asked = {"as_of": instant, "category": category, "status": "any"}
            listed = api.get("/items", params=asked).json()
            rows = connection.execute(
                "select * from items where category = %s order by created_at desc, id desc", (category,)
            ).fetchall()
            assert [plain(row) for row in rows] == listed
            for number in range(2):
                answer = api.get(f"/owners/{owner}-{number}", params={"as_of": instant})
                found = connection.execute(
                    "select * from owners where owner_id = %s", (f"{owner}-{number}",)
                ).fetchall()
                assert [plain(row) for row in found] == ([answer.json()] if answer.status_code == 200 else [])
            stats = api.get("/stats", params={"as_of": instant}).json()
            counted = connection.execute("select category, total_items from categories").fetchall()
            assert {row["category"]: row["total_items"] for row in counted} == stats["by_category"]


def test_during_rebuilds_the_views_miss_and_double_nothing(conninfo: str, connection: psycopg.Connection) -> None:
    """… nor does a view of an analyst's own, read by a role with the privileges it was granted before."""
    streams = [append(connection, None, [SPADE])[0] for _ in range(40)]
    for stream_id in streams[::2]:
        append(connection, stream_id, [SWAPPED])
    asyncio.run(catch_up_all(conninfo))
    (then,) = connection.execute("select max(recorded_at) from catalog.events where version = 1").fetchone() or (None,)
    role = f"reader_of_{connection.info.dbname}"
    connection.execute("create view mine as select id, status from items")
    connection.execute(f"create role {role}; grant select on items, owners, item_versions, mine to {role}")
    start, done = Barrier(3), Event()

    def read(as_of: str, active: int) -> int:
        rounds = 0
        with psycopg.connect(conninfo, autocommit=True) as session:
            session.execute(f"set role {role}")
            session.execute("select set_config('catalog.as_of', %s, false)", (as_of,))
            start.wait()
            while not done.is_set():
                for view in ("items", "mine"):
                    seen = session.execute(
                        f"select count(*), count(distinct id), count(*) filter (where status = 'active') from {view}"
                    ).fetchone()
                    assert seen == (40, 40, active)
                assert session.execute("select total_items from owners").fetchall() == [(40,)]
                versions = session.execute("select count(*) from item_versions").fetchone()
                assert versions == ((40,) if as_of else (60,))
                rounds += 1
        return rounds

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read, "", 20), pool.submit(read, then.isoformat(), 40)]
        start.wait()
        try:
            for _ in range(4):
                asyncio.run(rebuild(conninfo, Items))
                asyncio.run(rebuild(conninfo, Owners))
        finally:
            done.set()
        assert all(reader.result() > 4 for reader in readers)
    connection.execute(f"drop owned by {role}; drop role {role}")


def test_a_release_that_changes_a_documents_columns_replaces_its_view(
    conninfo: str, connection: psycopg.Connection
) -> None:
    """As long as the columns stay, so do its privileges; otherwise a view of somebody's own over it is in the way."""
    connection.execute("grant select on items to public")
    assert migrate(conninfo, schema_sql() + "\n-- nothing new")
    privileges = "select relacl is not null from pg_class where oid = 'items'::regclass"
    assert connection.execute(privileges).fetchone() == (True,)
    connection.execute("drop view items; create view items as select 1 as id, 2 as other")
    assert migrate(conninfo, schema_sql() + "\n-- columns that were other ones")
    assert connection.execute("select count(*) from items where name = 'nothing'").fetchone() == (0,)
    connection.execute("drop function items_as_of; drop view items")
    connection.execute("create view items as select 1 as id, 2 as other; create view mine as select * from items")
    with pytest.raises(Exception, match=r"cannot drop view public\.items because other objects depend on it"):
        migrate(conninfo, schema_sql())


class Play(Struct, frozen=True, kw_only=True):
    """How a toy is played with: a projection that keeps no past, and whose documents do not say of which stream."""

    minutes: int
    by_whom: dict[str, int] | None = None


class Plays(Projection[Play, ToyEvent]):
    rules = (
        starts(ToyBuilt, the(Play.minutes).becomes(0)),
        on(ToyPlayed, the(Play.minutes).grows_by(ToyPlayed.minutes)),
        ends(ToyBroken),
        ignores(ToyFound, ToyPainted, ToySeen, ToyRepaired, ToyDated, ToyWoven, ToyMended, ToyPrinted),
    )


@pytest.fixture
def toys(server: EmbeddedPostgres, template_with_toys: str) -> Iterator[psycopg.Connection]:
    with database_like(server, template_with_toys) as conninfo:
        migrate(conninfo, schema_of([Items, Toys, Sightings, Plays]))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield connection


def test_the_views_of_another_aggregate_bear_its_name(toys: psycopg.Connection) -> None:
    """… and hold its events only; a toy that broke is not there any more."""
    append(toys, None, [SPADE])
    toy, _, _, built, _ = append(toys, None, [ToyBuilt(name="Top", weight=2**40, box="red")])
    _, _, _, played, _ = append(toys, toy, [ToyPlayed(minutes=5)])
    row = toys.execute("select id, name, weight, colour, tags, minutes_played, built_at from toys").fetchone()
    assert row == (toy, "Top", 2**40, None, [], 5, built)
    _, _, _, broken, _ = append(toys, toy, [ToyBroken()])
    assert toys.execute("select count(*) from toys").fetchone() == (0,)
    assert toys.execute("select toy_id, version, minutes from toy_audit_trail order by position").fetchall() == [
        (toy, 1, None),
        (toy, 2, 5),
        (toy, 3, None),
    ]
    assert toys.execute("select valid_from, valid_to from toy_versions order by 1").fetchall() == [
        (built, played),
        (played, broken),
    ]
    differing = "select count(*), count(before), count(after) from toy_changes_between(%s, %s)"
    fields = len({*Toys.document.__struct_fields__} - {"colour", "print", "repaired_at"})
    assert toys.execute(differing, (played, broken)).fetchone() == (fields, fields, 0), "those that were null still are"
    ended = "select id, valid_from, after from catalog.toys_changed_between(%s, %s)"
    assert toys.execute(ended, (played, broken)).fetchall() == [(toy, None, None)]
    assert toys.execute("select item_id from audit_trail").fetchall() == [(toy - 1,)]


def test_a_read_model_without_a_past_says_so(toys: psycopg.Connection) -> None:
    toy, *_ = append(toys, None, [ToyBuilt(name="Top", weight=1, box="red"), ToyPlayed(minutes=5)])
    assert toys.execute("select play_id, minutes from plays").fetchall() == [(toy, 5)]
    toys.execute("set catalog.as_of = '2026-01-15'")
    with pytest.raises(errors.FeatureNotSupported, match="plays keeps no past"):
        toys.execute("select * from plays")
