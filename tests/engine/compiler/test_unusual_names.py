"""Names that are hard on SQL do no harm: the laws, for `tests.support.unusual_names`, in every compiled form."""

import asyncio
import random
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct, structs
from psycopg import sql

from app.engine.background.checkpoints import register
from app.engine.background.rebuild import rebuild
from app.engine.background.rebuild_status import RebuildProgress
from app.engine.background.verify import verify
from app.engine.compiler.views import field_columns_of_view
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.identifiers import KEYWORDS, quoted_identifier
from app.engine.projection.check_names import RESERVED_NAMES
from app.engine.projection.projection import AnyProjection
from app.engine.projection.rollup import AnyRollup
from app.engine.queries.candidate_queries import candidate_queries
from app.engine.queries.listing import Listing, Near, SortKey
from app.engine.queries.listing_query import listing_query
from app.schema import migrate, schema_of
from tests.support.appending import append, json_as_bytes
from tests.support.databases import database_like
from tests.support.erasure_checks import forget_stream, tables_with
from tests.support.fold_checks import assert_one_fold, assert_one_fold_at_every_instant, group_sizes
from tests.support.paths import SCHEMA_SQL
from tests.support.random_histories import PLACES, texts, whole_numbers
from tests.support.reference_model import documents_as_of, empty_catalog, matches, whole_log
from tests.support.unusual_names import (
    READ_MODELS,
    STATES,
    ByDocument,
    Order,
    OrderCancelled,
    OrderChanged,
    OrderCounted,
    OrderEvent,
    OrderPlaced,
    Orders,
    OrderTerms,
    OrderTold,
    Readings,
    Users,
)
from tests.support.workload import catch_up_all

SCHEMA = schema_of(READ_MODELS)

states = st.sampled_from(STATES)
degrees = st.floats(-90, 90)
placed = st.builds(
    OrderPlaced,
    **{name: texts for name in OrderPlaced.__struct_fields__ if name not in ("state", "is_new", "valid_to")},
    state=states,
    is_new=degrees,
    valid_to=degrees,
)
terms = st.builds(
    OrderTerms,
    **{name: texts | st.just(UNSET) for name in ("limit", "Name", "name", "größe", "document", "id")},
    select=st.none() | texts | st.just(UNSET),
    is_new=degrees | st.just(UNSET),
    valid_to=degrees | st.just(UNSET),
)
order_events: st.SearchStrategy[OrderEvent] = st.one_of(
    placed,
    st.builds(OrderChanged, terms=terms),
    st.builds(OrderChanged, terms=terms),
    st.builds(OrderCounted, Group=whole_numbers, user=texts, state=states),
    st.builds(OrderTold, order=texts, Order=texts, ωmega=texts),
    st.just(OrderCancelled()),
)
order_histories: st.SearchStrategy[list[OrderEvent]] = st.tuples(
    placed | order_events, st.lists(order_events, max_size=8)
).map(lambda parts: [parts[0], *parts[1]])


@pytest.fixture(scope="module")
def orders(server: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A connection to a database of nothing but odd names."""
    with database_like(server, "template0") as conninfo:
        migrate(conninfo, SCHEMA, lambda connection: register(connection, READ_MODELS))
        with psycopg.connect(conninfo, autocommit=True) as opened:
            json_as_bytes(opened)
            yield opened


@settings(max_examples=150)
@given(events=order_histories, together=group_sizes)
def test_it_folds_to_the_same_document_everywhere(
    orders: psycopg.Connection, events: list[Struct], together: list[int]
) -> None:
    stream = assert_one_fold(orders, Orders(), events, list(together))
    assert_one_fold_at_every_instant(orders, Orders, stream)
    assert_one_fold(orders, Readings(), events, list(together))


NAMES = ("Ann", "ann", "zoë")


def a_history(chance: random.Random) -> list[OrderEvent]:
    def some(*among: str) -> str:
        return chance.choice(among)

    def place() -> dict[str, Any]:
        north, east = chance.choice(PLACES)
        return {"valid_to": north, "is_new": east}

    def words() -> str:
        return " ".join(chance.sample(("spade", "rakes", "runs", "50%", "Ω"), 2))

    first = OrderPlaced(
        user=some(*NAMES),
        limit=some("1", "2"),
        Name=some(*NAMES),
        name=some(*NAMES),
        größe=some("groß", "klein"),
        document=words(),
        id=some("x-1", "x-2"),
        key=some("a", "b"),
        state=chance.choice(STATES),
        what_was_promised_to_whoever_came_first="all",
        what_was_promised_to_whoever_came_second="nothing",
        **place(),
    )
    events: list[OrderEvent] = [first]
    for _ in range(chance.randrange(5)):
        events.append(
            chance.choice(
                (
                    OrderChanged(terms=OrderTerms(document=words(), Name=some(*NAMES), name=some(*NAMES), **place())),
                    OrderChanged(terms=OrderTerms(größe="mittel", select="all", limit=some("1", "3"))),
                    OrderCounted(Group=3, user=some(*NAMES), state=chance.choice(STATES)),
                    OrderTold(order="one", Order="two", ωmega="three"),
                )
            )
        )
    return [*events, *([OrderCancelled()] if chance.random() < 0.2 else [])]


@pytest.fixture
def some(orders: psycopg.Connection) -> list[int]:
    """Forty streams of a log that is otherwise empty."""
    empty_catalog(orders)
    orders.execute("update catalog.settled set noted_instant = '-infinity'")
    orders.execute("update catalog.projections set position = 0")
    chance = random.Random(7)
    streams = [append(orders, None, a_history(chance))[0] for _ in range(20)]
    for _ in range(20):  # and some in an import, each with its first event
        streams.append(imported(orders, a_history(chance)))
    asyncio.run(catch_up_all(orders.info.dsn, read_models=READ_MODELS))
    return streams


def imported(connection: psycopg.Connection, events: Sequence[Struct]) -> int:
    """A stream whose first event came in an import, the others after it."""
    with connection.transaction():
        connection.execute("select catalog.begin_import()")
        line = msgspec.json.encode(events[0]).replace(b"\\", b"\\\\") + b"\n"
        with connection.cursor().copy("copy arriving from stdin") as copy:
            copy.write(line)
        connection.execute("select catalog.append_new_streams('{}')")
    (stream,) = connection.execute("select max(stream_id) from catalog.streams").fetchone() or (0,)
    if events[1:]:
        append(connection, stream, events[1:])
    return int(stream)


def differences(connection: psycopg.Connection) -> list[Any]:
    return [
        difference
        for read_model in READ_MODELS
        for difference in asyncio.run(verify(connection.info.dsn, read_model)).differing
    ]


def test_what_appends_imports_and_the_background_write_is_what_a_rebuild_writes(
    orders: psycopg.Connection, some: list[int]
) -> None:
    assert differences(orders) == []
    tables = [row for (row,) in orders.execute(TABLES).fetchall()]
    before = contents(orders, tables)
    assert all(before[table] for table in tables), "every table has rows"
    for read_model in (*READ_MODELS, *READ_MODELS):
        asyncio.run(rebuild(orders.info.dsn, read_model))
    assert contents(orders, tables) == before
    assert differences(orders) == []


def test_what_changes_during_a_rebuild_is_in_it(orders: psycopg.Connection, some: list[int]) -> None:
    chance = random.Random(3)

    def tell(progress: RebuildProgress) -> None:
        if progress.phase == "indexing":
            for stream in some[::4]:
                append(orders, stream, a_history(chance)[:3])

    for read_model in READ_MODELS:
        asyncio.run(rebuild(orders.info.dsn, read_model, tell))
    asyncio.run(catch_up_all(orders.info.dsn, read_models=READ_MODELS))
    assert differences(orders) == []


TABLES = """
select relname::text
from pg_class
where relnamespace = 'catalog'::regnamespace
    and relkind = 'p'
order by 1
"""


def contents(connection: psycopg.Connection, tables: list[str]) -> dict[str, list[Any]]:
    return {
        table: connection.execute(
            sql.SQL("select t::text from {} as t order by 1").format(sql.Identifier("catalog", table))
        ).fetchall()
        for table in tables
    }


def test_what_is_corrupt_is_named_and_healed(orders: psycopg.Connection, some: list[int]) -> None:
    orders.execute("""update catalog.order set document = document || '{"größe": "?", "user": "?"}' where id % 2 = 0""")
    orders.execute("update catalog.order_words set words = '{x}'; delete from catalog.order_places")
    orders.execute("""update catalog.user set document = document || '{"Total": 77}'""")
    found = {difference.of for difference in differences(orders)}
    assert found == {"document", "search"}
    for stream in some:
        orders.execute("select catalog.refold_stream(%s)", (stream,))
    asyncio.run(rebuild(orders.info.dsn, Users))
    assert differences(orders) == []


@pytest.mark.parametrize("rollup", [Users, ByDocument])
def test_a_rollup_is_what_python_adds_up_now_and_as_of_any_instant(
    orders: psycopg.Connection, some: list[int], rollup: AnyRollup
) -> None:
    events = whole_log(orders, Orders.registry)
    instants = [None, *(event.recorded_at for event in events[::9])] if rollup.of.temporal else [None]
    for instant in instants:
        folded: dict[str, Any] = {**rollup().fold(documents_as_of(rollup.of, events, instant).values())}
        table = f"catalog.{rollup.name}" if instant is None else f"catalog.{rollup.name}_as_of('{instant}')"
        stored = orders.execute(f"select key, document from {table}".encode()).fetchall()
        in_sql = {key: rollup().canonical_json(bytes(document)) for key, document in stored}
        assert in_sql == {key: rollup().canonical_json(document) for key, document in folded.items()}
    assert len(folded) > 1


def listed(connection: psycopg.Connection, projection: AnyProjection, asked: Listing, among: bool) -> list[int]:
    """The ids of all pages."""
    found: list[int] = []
    while True:
        candidates = None
        for query, given_ in candidate_queries(projection, asked) if among else ():
            candidates = [id for (id,) in connection.execute(query, given_).fetchall()]
        rows = connection.execute(*listing_query(projection, asked, candidates)).fetchall()
        found += [id for _, id, _ in rows]
        if len(rows) < asked.limit:
            return found
        asked = structs.replace(asked, after=SortKey(*rows[-1][:2]))


NEWEST_FIRST = ("since", "Since", "place", "lowered")
ORDERS = (*NEWEST_FIRST, "Name", "limit")
FILTERS: list[dict[str, str]] = [
    {},
    {"user": "Ann"},
    {"user": "ann", "state": STATES[0]},
    {"state": STATES[1]},
    {"limit": "1", "key": "a", "name": "zoë"},
    {"größe": "mittel", "select": "all", "found": "100 % $$"},
    {"what_was_promised_to_whoever_came_first": "all", "Name": "Ann"},
]
BERLIN = Near(latitude=52.52, longitude=13.405, within_km=30.0)


def test_a_listing_with_each_filter_and_order_is_what_python_finds_now_and_as_of_any_instant(
    orders: psycopg.Connection, some: list[int]
) -> None:
    events = whole_log(orders, Orders.registry)
    instants = [None, *(event.recorded_at for event in events[::40])]
    hits = 0
    asked_for = [*product(instants, ORDERS, FILTERS, ("", "spade", "50% x-1", "mittel"), (None, BERLIN))]
    for instant, order, equal, search, near in random.Random(11).sample(asked_for, 400):
        asked = Listing(order=order, equal=equal, search=search, near=near, as_of=instant, limit=7)
        documents = documents_as_of(Orders, events, instant)
        expected = [id for id, found in documents.items() if _is_asked_for(found, asked)]
        expected.sort(reverse=order in NEWEST_FIRST)
        expected.sort(key=lambda id: _ascii_lower(getattr(documents[id], order)), reverse=order in NEWEST_FIRST)
        for among in (False, True) if search or near else (False,):
            assert listed(orders, Orders, asked, among) == expected, asked
        hits += bool(expected)
    assert hits > 80


def _ascii_lower(value: Any) -> Any:
    """As orders by texts compare."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in value) if isinstance(value, str) else value


def _is_asked_for(order: Order, asked: Listing) -> bool:
    if any(getattr(order, field) != value for field, value in asked.equal.items()):
        return False
    if not matches(f"{order.document} {order.id} {order.größe}", asked.search):
        return False
    return asked.near is None or (order.valid_to, order.is_new) in PLACES[:2]


def test_a_text_called_document_is_searched(orders: psycopg.Connection) -> None:
    """… also by what it said before, and of a read model that has no other field and no past."""
    empty_catalog(orders)
    chance = random.Random(1)
    stream = imported(orders, [structs.replace(a_history(chance)[0], document="wheelbarrow")])
    other, *_ = append(orders, None, [structs.replace(a_history(chance)[0], document="hammer")])
    for projection, order in ((Orders, "since"), (Readings, None)):
        for search, found in (("wheelbarrow", stream), ("hammer", other)):
            rows = orders.execute(
                sql.SQL("select id from {} where found @@ catalog.candidate_query(%s)").format(
                    sql.Identifier("catalog", f"{projection.name}_words")
                ),
                (search,),
            ).fetchall()
            assert rows == [(found,)]
            if order:
                asked = Listing(order=order, search=search, limit=9)
                assert listed(orders, projection, asked, False) == listed(orders, projection, asked, True) == [found]


def test_what_is_personal_of_it_is_forgotten(orders: psycopg.Connection, some: list[int]) -> None:
    stream = append(orders, None, [structs.replace(a_history(random.Random(2))[0], größe="secretsize")])[0]
    append(orders, stream, [OrderChanged(terms=OrderTerms(größe="secretsize again", valid_to=12.345))])
    append(orders, stream, [OrderCounted(Group=1, user="Ann", state=STATES[0])])
    told = {f"{table}{partition}" for table in ("order", "order_history", "order_words") for partition in ("", "_live")}
    assert tables_with(orders, "secretsize") == {"personal", *told}
    assert forget_stream(orders, stream) == 2
    assert tables_with(orders, "secretsize") == set()
    assert_one_fold_at_every_instant(orders, Orders, stream)
    asyncio.run(catch_up_all(orders.info.dsn, read_models=READ_MODELS))
    assert differences(orders) == []
    (document,) = orders.execute("select document from catalog.order where id = %s", (stream,)).fetchone() or (b"",)
    assert msgspec.json.decode(bytes(document), type=Order).größe == "(forgotten)"


def test_analysts_find_every_field_by_its_name_now_and_at_any_instant(
    orders: psycopg.Connection, some: list[int]
) -> None:
    events = whole_log(orders, Orders.registry)
    instant = events[len(events) // 2].recorded_at
    columns = [field.quoted for field in field_columns_of_view(Orders)]
    for source, until in (
        ("public.order", None),
        (f"public.order_as_of('{instant}')", instant),
        (f"public.order_at({some[3]}, '{instant}')", instant),
    ):
        documents = documents_as_of(Orders, events, until)
        rows = orders.execute(f"select stored_order_id, to_jsonb(shown) from {source} as shown".encode()).fetchall()
        expected = {some[3]: documents[some[3]]} if "_at(" in source else documents
        assert {stream for stream, _ in rows} == expected.keys()
        for stream, shown in rows:
            found = msgspec.json.decode(bytes(shown))
            assert sorted(map(quoted_identifier, found)) == sorted(columns)
            for name in ("user", "Name", "name", "größe", "document", "id", "order_id", "select", "Group", "group"):
                assert found[name] == getattr(expected[stream], name)
    changed = orders.execute("select id, field, after from changes_between('-infinity', 'infinity')").fetchall()
    assert {field for _, field, _ in changed} >= {"user", "Name", "name", "größe", "document", "valid_from"}
    assert orders.execute(f"select count(*) from order_diff({some[0]}, '-infinity', 'infinity')").fetchone() != (0,)
    rows = orders.execute('select "order", "Order", "ωmega" from audit_trail where "Order" is not null').fetchall()
    assert set(rows) == {("one", "two", "three")}
    assert orders.execute('select sum("Total") from public.user').fetchone() == (len(documents_as_of(Orders, events)),)
    assert orders.execute("select stored_document from order_versions limit 1").fetchone() is not None


def test_to_migrate_again_replaces_nothing_that_is_there(orders: psycopg.Connection) -> None:
    """A view or a function that is thought to be another one is dropped, with whatever was granted on it."""
    query = """
        select relname::text, oid from pg_class where relnamespace in ('catalog'::regnamespace, 'public'::regnamespace)
        union all
        select proname::text, oid from pg_proc where pronamespace in ('catalog'::regnamespace, 'public'::regnamespace)
        order by 1, 2
    """
    before = orders.execute(query).fetchall()
    orders.execute(SCHEMA.encode())
    assert orders.execute(query).fetchall() == before
    names = [name for (name,) in orders.execute("select relname from pg_class where relname like 'order%'").fetchall()]
    assert len([name for name in names if name.startswith("order_by_")]) == 9, "no index took the place of another"


def test_identifiers_are_quoted_as_postgres_does_it(orders: psycopg.Connection) -> None:
    words = [word for (word,) in orders.execute("select word::text from pg_get_keywords()").fetchall()]
    for name in (*words, "Name", "größe", 'a"b', "50%", "1st", "_x", "a b", "", "name"):
        (said,) = orders.execute("select quote_ident(%s)", (name,)).fetchone() or ("",)
        assert said == quoted_identifier(name) or name in KEYWORDS, (
            "what an older server takes as it is may be in quotes too"
        )
        assert orders.execute(f"select 1 as {quoted_identifier(name or 'x')}".encode()).description is not None


def test_the_tables_of_the_store_are_no_names_for_read_models() -> None:
    text = SCHEMA_SQL.read_text()
    created = set(re.findall(r"^create (?:table if not exists|or replace view) catalog\.(\w+)", text, re.MULTILINE))
    assert created == RESERVED_NAMES
