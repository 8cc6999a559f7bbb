"""The command handler with an aggregate of its own, the toy: races, conditions, and a database that is busy or away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest

from app.engine.events.event import Metadata
from app.engine.postgres.embedded_server import EmbeddedPostgres
from app.engine.postgres.pool import Database
from app.engine.queries.documents import Documents
from app.engine.store.command_handler import CommandHandler, Decider, Expectation
from app.engine.store.live_fold import fold_stream
from app.errors import NotFound, PreconditionFailed, Unavailable, VersionConflict
from tests.support.databases import database_like
from tests.support.patience import patient_settings
from tests.support.toy_aggregate import (
    Sighting,
    Sightings,
    Toy,
    ToyBroken,
    ToyBuilt,
    ToyEvent,
    ToyPlayed,
    Toys,
    ToySeen,
)

pytestmark = pytest.mark.anyio

TESTER = Metadata(user_id="tester")


def decide(command: ToyEvent, toy: Toy | None) -> tuple[ToyEvent, ...]:
    """Accepts every command, except on a missing toy, and except playing for zero minutes."""
    if toy is None and not isinstance(command, ToyBuilt):
        raise NotFound("There is no such toy.")
    return () if command == ToyPlayed(minutes=0) else (command,)


Handler = CommandHandler[ToyEvent, Toy, ToyEvent]
DUCK = ToyBuilt(name="duck", weight=3, box="red")
PLAY = ToyPlayed(minutes=1)


@pytest.fixture
def toys_conninfo(server: EmbeddedPostgres, template_with_toys: str) -> Iterator[str]:
    with database_like(server, template_with_toys) as given:
        yield given


@asynccontextmanager
async def a_handler(conninfo: str, **settings: float) -> AsyncIterator[tuple[Handler, Database]]:
    async with Database(conninfo, patient_settings(**settings).pool) as database:
        yield CommandHandler(database, Decider(decide=decide, state=Toy, projection=Toys)), database


async def test_commands_in_a_row_see_each_other(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, _):
        built = await handler.handle(DUCK, TESTER)
        played = await handler.handle(PLAY, TESTER, built.stream_id)
        nothing = await handler.handle(ToyPlayed(minutes=0), TESTER, built.stream_id)
    assert (built.version, played.version, nothing.version) == (1, 2, 2)
    assert nothing.appended is None
    assert nothing.document == played.document
    assert msgspec.json.decode(played.document or b"", type=Toy).minutes_played == 1


async def test_a_command_on_what_is_not_there_is_refused_by_the_domain(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, _):
        for expectation in (None, Expectation(3)):
            with pytest.raises(NotFound, match="There is no such toy"):
                await handler.handle(PLAY, TESTER, 12345, expectation)


async def test_unconditional_commands_on_one_stream_are_all_carried_out(toys_conninfo: str) -> None:
    """Twenty commands run at once on sixteen connections; those that lose the race wait for their turn."""
    async with a_handler(toys_conninfo, pool_size=16) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        outcomes = await asyncio.gather(*(handler.handle(PLAY, TESTER, duck) for _ in range(20)))
    assert sorted(outcome.version for outcome in outcomes) == list(range(2, 22))
    newest = max(outcomes, key=lambda outcome: outcome.version)
    assert msgspec.json.decode(newest.document or b"", type=Toy).times_played == 20


@pytest.mark.parametrize("conflict", [VersionConflict, PreconditionFailed])
async def test_of_commands_that_expect_the_same_version_one_is_carried_out(
    toys_conninfo: str, conflict: type[VersionConflict]
) -> None:
    async with a_handler(toys_conninfo, pool_size=16) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        outcomes = await asyncio.gather(
            *(handler.handle(PLAY, TESTER, duck, Expectation(1, conflict)) for _ in range(20)), return_exceptions=True
        )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 19
    assert {type(each) for each in refused} == {conflict}
    assert all(each.facts == {"expected_version": 1, "current_version": 2} for each in refused)  # type: ignore[attr-defined]


async def test_a_stale_expectation_is_refused_even_if_nothing_would_happen(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        with pytest.raises(VersionConflict, match="Version 9 was expected, but the current version is 1"):
            await handler.handle(ToyPlayed(minutes=0), TESTER, duck, Expectation(9))


async def test_a_condition_holds_for_a_stream_whose_document_has_ended_too(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        ended = await handler.handle(ToyBroken(), TESTER, duck)
        assert (ended.version, ended.document) == (2, None)
        with pytest.raises(VersionConflict, match="Version 77 was expected, but the current version is 2"):
            await handler.handle(DUCK, TESTER, duck, Expectation(77))
        assert (await handler.handle(DUCK, TESTER, duck, Expectation(2))).version == 3


async def test_an_event_that_the_projection_ignores_moves_the_version_and_not_the_document(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, database):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        toys = Documents(database, Toys)
        before = await toys.get(duck)
        seen = await handler.handle(ToySeen(by="al"), TESTER, duck, Expectation(1))
        after = await toys.get(duck)
        assert before is not None
        assert after is not None
        assert (after.version, after.json, after.valid_from) == (2, before.json, before.valid_from)
        assert (seen.version, seen.document) == (2, before.json)
        assert (await handler.handle(PLAY, TESTER, duck, Expectation(after.version))).version == 3


async def test_a_stream_that_is_locked_for_too_long_is_unavailable_and_nothing_is_stored(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo, lock_timeout_seconds=0.1) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        with psycopg.connect(toys_conninfo) as blocker:
            blocker.execute("select from catalog.streams where stream_id = %s for update", (duck,))
            with pytest.raises(Unavailable, match="Another command on the same stream takes too long"):
                await handler.handle(PLAY, TESTER, duck)
        assert (await handler.handle(PLAY, TESTER, duck)).version == 2


async def test_a_pool_that_stays_exhausted_is_unavailable(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo, pool_size=1, pool_timeout_seconds=1) as (handler, database):
        async with database.connection():
            with pytest.raises(Unavailable, match="The database is away, or too many requests wait for it"):
                await handler.handle(DUCK, TESTER)
        assert (await handler.handle(DUCK, TESTER)).version == 1


async def test_connections_that_died_while_idle_are_noticed_before_they_are_used(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, _):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        with psycopg.connect(toys_conninfo, autocommit=True) as killer:
            killer.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        assert (await handler.handle(PLAY, TESTER, duck)).version == 2


async def test_a_projection_that_overrides_evolve_is_folded_in_python_as_of_any_version(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (handler, database):
        duck = (await handler.handle(DUCK, TESTER)).stream_id
        for who in ("cy", "al", "cy", "bo"):
            await handler.handle(ToySeen(by=who), TESTER, duck)
        async with database.connection() as connection:
            now = await fold_stream(connection, Sightings, duck)
            then = await fold_stream(connection, Sightings, duck, version=4)
            before = await fold_stream(connection, Sightings, duck, version=1)
    assert now is not None
    assert then is not None
    assert before is None
    assert msgspec.json.decode(now.json, type=Sighting).seen_by == ("al", "bo", "cy")
    assert (then.version, msgspec.json.decode(then.json, type=Sighting).seen_by) == (4, ("al", "cy"))


async def test_only_inline_projections_keep_documents(toys_conninfo: str) -> None:
    async with a_handler(toys_conninfo) as (_, database):
        with pytest.raises(AssertionError, match="Sightings keeps no documents"):
            Documents(database, Sightings)
