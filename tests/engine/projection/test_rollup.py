"""Rollups that cannot be right are refused at import, with the reason; the others fold any documents."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Struct, UnsetType

from app.engine.events.event import Recorded
from app.engine.projection.projection import (
    RECORDED_AT,
    STREAM_ID,
    Projection,
    RuleError,
    copies,
    merges,
    on,
    starts,
    the,
)
from app.engine.projection.rollup import Rollup, counts, earliest, keyed, latest


class Grown(Struct, frozen=True, kw_only=True, tag="grown"):
    colour: str
    field: str
    height: int
    sown_at: datetime


class Traits(Struct, frozen=True, kw_only=True):
    seen_at: datetime | UnsetType = UNSET


class Noticed(Struct, frozen=True, kw_only=True, tag="noticed"):
    traits: Traits


Growth = Grown | Noticed


class Flower(Struct, frozen=True, kw_only=True):
    id: int
    colour: str
    field: str
    height: int
    grown_at: datetime
    sown_at: datetime
    seen_at: datetime


class Flowers(Projection[Flower, Growth]):
    rules = (
        starts(
            Grown,
            the(Flower.id).becomes(STREAM_ID),
            copies(Grown.colour, Grown.field, Grown.height, Grown.sown_at),
            the(Flower.grown_at).becomes(RECORDED_AT),
            the(Flower.seen_at).becomes(RECORDED_AT),
        ),
        on(Noticed, merges(Noticed.traits)),
    )


class LiveFlowers(Projection[Flower, Growth]):
    lifecycle = "live"

    def evolve(self, document: Flower | None, recorded: Recorded[Growth]) -> Flower | None:
        return document


class Weed(Struct, frozen=True, kw_only=True):
    field: str
    nested: int


class Meadow(Struct, frozen=True, kw_only=True):
    field: str
    flowers: int
    by_colour: dict[str, int]
    first_at: datetime
    last_at: datetime


DAY = datetime(2026, 1, 1, tzinfo=UTC)

FIELD = keyed(Meadow.field)
FLOWERS = counts(Meadow.flowers)
BY_COLOUR = counts(Meadow.by_colour, by=Flower.colour)
FIRST = earliest(Meadow.first_at, Flower.grown_at)
LAST = latest(Meadow.last_at, Flower.grown_at)
RIGHT = (FIELD, FLOWERS, BY_COLOUR, FIRST, LAST)

WRONG: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("LiveFlowers is not an inline projection of Flower made of rules", lambda: {"of": LiveFlowers}),
    ("Flowers is not an inline projection of Weed made of rules", lambda: {"source": Weed}),
    ("Meadow.last_at has 0 rules, not one", lambda: {"rules": RIGHT[:-1]}),
    ("Meadow.field has 2 rules, not one", lambda: {"rules": (FIELD, *RIGHT)}),
    ("Weed.field is not a field of Flower", lambda: {"by": Weed.field}),
    ("Meadow.first_at is not a field of Flower", lambda: {
        "rules": (FIELD, FLOWERS, BY_COLOUR, earliest(Meadow.first_at, Meadow.first_at), LAST)}),
    ("Weed.nested is not a field of Meadow", lambda: {"rules": (*RIGHT, counts(Weed.nested))}),
    ("Meadow.flowers is not of the type that keyed gives", lambda: {
        "rules": (keyed(Meadow.flowers), counts(Meadow.field), BY_COLOUR, FIRST, LAST)}),
    ("Meadow.field is not of the type that counts gives", lambda: {
        "rules": (counts(Meadow.field), FLOWERS, BY_COLOUR, FIRST, LAST)}),
    ("Meadow.by_colour is not of the type that counts gives", lambda: {
        "rules": (FIELD, FLOWERS, counts(Meadow.by_colour), FIRST, LAST)}),
    ("Meadow.flowers is not of the type that counts gives", lambda: {
        "rules": (FIELD, counts(Meadow.flowers, by=Flower.colour), BY_COLOUR, FIRST, LAST)}),
    ("Meadow.flowers is not of the type that earliest gives", lambda: {
        "rules": (FIELD, earliest(Meadow.flowers, Flower.grown_at), BY_COLOUR, FIRST, LAST)}),
    ("Flower.height has no latest, because it is not always RECORDED_AT", lambda: {
        "rules": (FIELD, latest(Meadow.flowers, Flower.height), BY_COLOUR, FIRST, LAST)}),
    ("Flower.sown_at has no earliest, because it is not always RECORDED_AT", lambda: {
        "rules": (FIELD, FLOWERS, BY_COLOUR, earliest(Meadow.first_at, Flower.sown_at), LAST)}),
    ("Flower.seen_at has no earliest, because it is not always RECORDED_AT", lambda: {
        "rules": (FIELD, FLOWERS, BY_COLOUR, earliest(Meadow.first_at, Flower.seen_at), LAST)}),
    ("Flower.height cannot be counted by, because it is not a str", lambda: {
        "rules": (FIELD, FLOWERS, counts(Meadow.by_colour, by=Flower.height), FIRST, LAST)}),
    ("Flower.height cannot be a key, because it is not a str", lambda: {"by": Flower.height}),
    ("'field' is not a field of a document or an event", lambda: {"rules": (keyed("field"), *RIGHT[1:])}),
]  # fmt: skip


def a_rollup(given: dict[str, Any]) -> Any:
    bases = (Rollup[Meadow, given.pop("source", Flower)],)  # type: ignore[misc]
    members = {"of": Flowers, "by": Flower.field, "rules": RIGHT, **given, "__orig_bases__": bases}
    return type("Meadows", (Rollup,), members)


def a_flower(**fields: Any) -> Flower:
    return Flower(**{"id": 1, "colour": "red", "field": "north", "height": 1, "sown_at": DAY, "seen_at": DAY, **fields})


@pytest.mark.parametrize(("sentence", "given"), WRONG, ids=[sentence for sentence, _ in WRONG])
def test_a_rollup_that_cannot_be_right_is_refused(sentence: str, given: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(RuleError) as refusal:
        a_rollup(given())
    assert sentence in str(refusal.value)


def test_a_rollup_adds_up_documents_by_their_key() -> None:
    seen = [("red", "north", 3), ("red", "north", 0), ("blue", "north", 9), ("red", "south", 1)]
    flowers = [a_flower(colour=c, field=f, grown_at=DAY + timedelta(days=day)) for c, f, day in seen]
    meadows = a_rollup({})()
    folded = meadows.fold(flowers)
    assert folded["north"] == Meadow(
        field="north",
        flowers=3,
        by_colour={"red": 2, "blue": 1},
        first_at=DAY,
        last_at=DAY + timedelta(days=9),
    )
    assert folded["south"].by_colour == {"red": 1}
    assert meadows.fold([]) == {}
    totals: dict[str, Any] = {}
    for flower in flowers:
        meadows.accumulate(totals, [flower])
    assert meadows.documents(totals) == folded


def test_a_document_has_one_canonical_form() -> None:
    meadows = a_rollup({})()
    (document,) = meadows.fold([a_flower(grown_at=DAY)]).values()
    stored = msgspec.json.format(msgspec.json.encode(document, order="deterministic"))
    assert meadows.canonical_json(stored) == meadows.canonical_json(document)


@pytest.mark.parametrize("name", ["settled", "My", "flowers_next", "flowers_live", "flowers_members", "a_history"])
def test_a_name_that_no_table_can_have_is_refused(name: str) -> None:
    """Such a name would collide with the tables of another read model."""
    given = {"name": name, "of": Flowers, "by": Flower.colour, "rules": (), "__orig_bases__": (Rollup[Flower, Flower],)}
    with pytest.raises(RuleError, match="cannot name a table"):
        type("Colours", (Rollup,), given)
