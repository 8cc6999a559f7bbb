"""The fold in Python: what each word of the rule language does to a document, event by event."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import Struct, structs

from app.engine.events.event import Metadata, Recorded
from app.engine.projection.projection import Projection
from app.engine.projection.rollup import Aggregate
from app.engine.projection.rules import (
    Becomes,
    DocumentField,
    Envelope,
    GeoSearch,
    GrowsBy,
    Index,
    Merges,
    Rule,
    TextSearch,
)
from tests.support.toy_aggregate import (
    Sightings,
    Toy,
    ToyBroken,
    ToyBuilt,
    ToyDated,
    ToyFound,
    ToyLook,
    ToyPainted,
    ToyPlayed,
    ToyRepaired,
    Toys,
    ToySeen,
    ToyTraits,
)

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
DUCK = ToyBuilt(name="duck", weight=3, box="red")
STREAM = 17


def at(version: int) -> datetime:
    return NOON + timedelta(hours=version)


def recorded(*events: Struct) -> list[Recorded[Struct]]:
    return [
        Recorded(
            position=100 + version,
            event_id=UUID(int=version),
            stream_id=STREAM,
            version=version,
            recorded_at=at(version),
            metadata=Metadata(user_id="tester"),
            event=event,
        )
        for version, event in enumerate(events, 1)
    ]


def folded(*events: Struct) -> Toy | None:
    return Toys().fold(recorded(*events))  # type: ignore[arg-type]


def duck(**changed: object) -> Toy:
    """The document of DUCK alone, with these fields changed."""
    built = Toy(id=STREAM, name="duck", weight=3, built_at=at(1), built_version=1, last_version=1)
    return structs.replace(built, **changed)


def test_a_start_copies_fields_takes_the_envelope_and_leaves_the_others_at_their_defaults() -> None:
    assert folded(DUCK) == duck()


def test_a_start_sets_constants_and_merges_what_is_set() -> None:
    found = folded(ToyFound(name="duck", place="pond", look=ToyLook(colour="yellow")))
    assert found == duck(weight=100, place="pond", state="found", minutes_played=7, colour="yellow")
    on_the_street = duck(weight=100, place="50 % \\ 'street'", state="found", minutes_played=7)
    assert folded(ToyFound(name="duck", look=ToyLook())) == on_the_street


def test_merging_leaves_what_is_unset_and_takes_null() -> None:
    yellow = ToyPainted(traits=ToyTraits(colour="yellow"), weight=4)
    painted = duck(weight=4, colour="yellow", tags=("painted",), last_version=2)
    assert folded(DUCK, yellow) == painted
    plain = ToyPainted(traits=ToyTraits(name="drake", colour=None), weight=5)
    assert folded(DUCK, yellow, plain) == structs.replace(painted, name="drake", colour=None, weight=5, last_version=3)


def test_counters_grow_by_a_field_and_by_a_constant() -> None:
    played = folded(DUCK, ToyPlayed(minutes=5), ToyPlayed(minutes=7))
    assert played == duck(minutes_played=12, times_played=2, last_version=3)


def test_an_instant_is_the_events_own() -> None:
    assert folded(DUCK, ToyRepaired()) == duck(repaired_at=at(2), state="repaired", last_version=2)
    assert folded(DUCK, ToyDated(built_at=NOON)) == duck(built_at=NOON, last_version=2)


def test_an_end_removes_the_document_and_a_start_begins_without_what_was() -> None:
    assert folded(DUCK, ToyPlayed(minutes=5), ToyBroken()) is None
    assert folded(DUCK, ToyPlayed(minutes=5), ToyBroken(), ToyPlayed(minutes=1)) is None
    again = duck(built_at=at(3), built_version=3, last_version=3)
    assert folded(DUCK, ToyBroken(), DUCK) == again
    assert folded(DUCK, ToyPlayed(minutes=5), DUCK) == again


def test_an_ignored_event_changes_nothing_at_all() -> None:
    assert folded(DUCK, ToySeen(by="alice")) == duck()
    assert folded(ToySeen(by="alice")) is None


def test_a_document_does_not_begin_with_an_event_that_changes_one() -> None:
    assert folded(ToyPlayed(minutes=5)) is None
    assert folded(ToyPlayed(minutes=5), DUCK) == duck(built_at=at(2), built_version=2, last_version=2)


def test_a_fold_continues_from_a_document_and_leaves_it_unchanged() -> None:
    history = recorded(DUCK, ToyPlayed(minutes=5), ToyPlayed(minutes=7))
    toys = Toys()
    before = toys.fold(history[:2])  # type: ignore[arg-type]
    assert toys.fold(history[2:], before) == toys.fold(history)  # type: ignore[arg-type]
    assert before == duck(minutes_played=5, times_played=1, last_version=2)


@pytest.mark.parametrize(
    "struct", [Envelope, Becomes, GrowsBy, Merges, DocumentField, Rule, Index, TextSearch, GeoSearch, Aggregate]
)
def test_a_rule_never_changes(struct: type[Struct]) -> None:
    assert struct.__struct_config__.frozen


@pytest.mark.parametrize(
    ("projection", "compiles", "shown"),
    [(Toys, True, "<Toys inline, 10 events used>"), (Sightings, False, "<Sightings live, 0 events used>")],
)
def test_a_projection_of_rules_compiles_and_says_what_it_is(
    projection: type[Projection[Toy, ToyBuilt]], compiles: bool, shown: str
) -> None:
    assert projection.compiles() is compiles
    assert repr(projection()) == shown
