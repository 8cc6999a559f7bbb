"""The third migration renames: whatever an older database has by an old name is found, and no table is written."""

import re

import psycopg
import pytest

from app.engine.compiler.rebuild_steps import fingerprint
from app.engine.postgres.migrations import known_migrations
from app.main import PROJECTIONS, install
from app.schema import MIGRATIONS
from tests.support.schema_dumps import KEPT_ROUTINES, dumped_schema, without_kept_routines

MIGRATION = known_migrations(MIGRATIONS)[2].sql
PAIRS = re.findall(r"\('(\w+)', '(\w+)'\)", MIGRATION)
PREFIXES = [(before, after) for before, after in PAIRS if before.endswith("_")]
DROPPED = {"store_idempotent_outcome": "keep_answer", "append_idempotent": "append_once"}
"""Functions whose parameters have other names as well: today's and the one that the migration drops."""
FUNCTIONS = {after: before for before, after in PAIRS if not before.endswith("_")} | DROPPED
RELATIONS = {
    after: (kind, before)
    for kind, before, after in re.findall(r"alter (sequence|index) if exists catalog\.(\w+) rename to (\w+)", MIGRATION)
}
FINGERPRINTS = re.findall(r"\('(\w+)',\s+'([0-9a-f]{64})',\s+'([0-9a-f]{64})'\)", MIGRATION)

ROUTINES = "select oid::regprocedure::text, proname from pg_proc where pronamespace = 'catalog'::regnamespace"
FILES = """
select relname, pg_relation_filenode(oid)
from pg_class
where relnamespace = 'catalog'::regnamespace and relkind in ('r', 'i', 'm', 'S')
order by relname
"""
READ_MODELS = "select name, fingerprint, state, position from catalog.projections order by name"


def old_name(routine: str) -> str | None:
    """What a routine was called before the migration; None for one that kept its name, or is newer."""
    compiled = {after + name: before + name for before, after in PREFIXES for name, *_ in FINGERPRINTS}
    return (FUNCTIONS | compiled).get(routine)


def rename_back(connection: psycopg.Connection) -> int:
    """Make the database one that has not seen the migration; how many routines have had another name."""
    connection.execute("delete from catalog.migrations where number >= 3")
    connection.execute("update catalog.installed set checksum = 'of an older release'")
    renamed = 0
    for signature, name in connection.execute(ROUTINES).fetchall():
        if before := old_name(name):
            connection.execute(f"alter routine {signature} rename to {before}".encode())
            renamed += 1
    for after, (kind, before) in RELATIONS.items():
        connection.execute(f"alter {kind} catalog.{after} rename to {before}".encode())
    connection.execute("alter trigger log_is_append_only on catalog.log rename to events_are_for_ever")
    for name, before, _ in FINGERPRINTS:
        connection.execute("update catalog.projections set fingerprint = %s where name = %s", (before, name))
    return renamed


def test_everything_by_an_old_name_is_found_and_nothing_is_written(conninfo: str) -> None:
    new = dumped_schema(conninfo)
    with psycopg.connect(conninfo) as connection:
        read_models = connection.execute(READ_MODELS).fetchall()
        files = connection.execute(FILES).fetchall()
        assert rename_back(connection) == len(FUNCTIONS) + 4 + 2  # items have four, a rollup has one
    old = dumped_schema(conninfo)
    assert "CREATE FUNCTION catalog.findable" in "".join(old)
    assert install(conninfo)
    assert without_kept_routines(dumped_schema(conninfo)) == new
    with psycopg.connect(conninfo) as connection:
        assert [each for each in connection.execute(FILES).fetchall() if each[0] not in KEPT_ROUTINES] == files
        assert connection.execute(READ_MODELS).fetchall() == read_models
        assert {(name, after) for name, _, after in FINGERPRINTS} <= {(name, now) for name, now, *_ in read_models}


def test_the_fingerprints_that_the_migration_writes_are_those_of_the_rules() -> None:
    current = {(each.name, fingerprint(each)) for each in PROJECTIONS}
    assert {(name, after) for name, _, after in FINGERPRINTS} <= current


def test_no_old_name_is_left(of_0_1_0: str) -> None:
    with psycopg.connect(of_0_1_0) as connection:
        before = {name for _, name in connection.execute(ROUTINES).fetchall()}
        assert {"findable", "note_mark", "step_items", "write_new_items", "step_owners"} <= before
    install(of_0_1_0)
    with psycopg.connect(of_0_1_0) as connection:
        after = {name for _, name in connection.execute(ROUTINES).fetchall()}
        assert {old_name(name) for name in after} & after == set(KEPT_ROUTINES) & after
        assert before - after == (before & {old_name(name) for name in after}) - set(KEPT_ROUTINES)
        named = connection.execute("select relname from pg_class where relname like 'events%'").fetchall()
        named += connection.execute("select conname from pg_constraint where conname like 'events%'").fetchall()
        assert {name for (name,) in named} == {"events"} | {name for name in KEPT_ROUTINES if name.startswith("events")}


def test_the_migration_does_nothing_the_second_time(conninfo: str) -> None:
    before = dumped_schema(conninfo)
    with psycopg.connect(conninfo) as connection:
        connection.execute(MIGRATION.encode())
    assert without_kept_routines(dumped_schema(conninfo)) == before


def test_what_was_compiled_for_a_read_model_of_an_older_release_is_renamed_too(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "insert into catalog.projections (name, version, fingerprint, background) values ('wishes', 1, '', false)"
        )
        connection.execute(
            "create aggregate catalog.folding_wishes(jsonb) (sfunc = jsonb_concat, stype = jsonb);"
            "create function catalog.write_new_wishes() returns integer language sql return 1"
        )
        connection.execute(MIGRATION.encode())
        names = {name for _, name in connection.execute(ROUTINES).fetchall() if name.endswith("_wishes")}
    assert names == {"aggregate_wishes", "project_new_wishes"}


CALLS = [
    "select position, instant from catalog.note_mark()",
    "select catalog.sweep_answers(10000)",
    "select catalog.note_progress('items', null), catalog.end_rebuild('items', 'killed')",
    """select catalog.keep_answer('{"user_id": "u", "key": "1", "request": ""}', '{}')""",
    """select stream_id, version, position, recorded_at, documents
    from catalog.append_once('{"user_id": "u", "key": "2", "request": ""}', 1, null::integer,
        '[{"type": "item_deleted", "reason": "lost"}]', '{}')""",
    """select count(*) from catalog.items_words
    where found @@ (catalog.words_matching('spade') || plainto_tsquery('english', catalog.plain_words('spade')))
        and found @@ catalog.words_ending('de')""",
    "select catalog.text_matches('a spade', 'spade'), catalog.words_in('a spade')",
    "select catalog.count_each(array_agg(status)), catalog.merged(document) from catalog.items",
    "select is_called and last_value > 0 from catalog.events_position_seq",
]
"""As processes of release 0.1.0 say it."""


@pytest.mark.parametrize("call", CALLS)
def test_processes_of_the_last_release_go_on(of_0_1_0: str, call: str) -> None:
    install(of_0_1_0)
    with psycopg.connect(of_0_1_0) as connection:
        connection.execute("set role catalog_service")
        assert connection.execute(call.encode()).fetchone() is not None


def test_every_kept_name_is_called_here() -> None:
    assert {name for name in KEPT_ROUTINES if f"catalog.{name}" in " ".join(CALLS)} == set(KEPT_ROUTINES)
    assert len(KEPT_ROUTINES) == 14
