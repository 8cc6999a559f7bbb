"""A rule set that cannot be right does not import: the sentence names what is wrong."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import pytest
from msgspec import UNSET, Struct, UnsetType

from app.events import Recorded
from app.projection import (
    RECORDED_AT,
    STREAM_ID,
    VERSION,
    Projection,
    RuleError,
    copies,
    ends,
    ignores,
    merges,
    on,
    starts,
    the,
)


class Traits(Struct, frozen=True):
    colour: str | UnsetType = UNSET


class Odd(Struct, frozen=True):
    colour: str = "grey"


class Unrelated(Struct, frozen=True):
    smell: str | UnsetType = UNSET


class Made(Struct, frozen=True, tag="made"):
    name: str
    weight: int
    height: float
    mood: Literal["good"]


class Painted(Struct, frozen=True, tag="painted"):
    traits: Traits
    odd: Odd
    unrelated: Unrelated
    colour: str


class Lost(Struct, frozen=True, tag="lost"):
    pass


class Foreign(Struct, frozen=True, tag="foreign"):
    name: str


Happening = Made | Painted | Lost


class Thing(Struct, frozen=True, kw_only=True):
    name: str
    colour: str = "white"
    weight: int = 0
    mood: Literal["good", "bad"] = "good"
    since: datetime | None = None


MADE = starts(Made, copies(Made.name))
REST = (ignores(Painted, Lost),)

WRONG: list[tuple[str, Callable[[], tuple[Any, ...]]]] = [
    ("Lost is neither used nor ignored", lambda: (MADE, ignores(Painted))),
    ("Foreign is not one of its events", lambda: (MADE, *REST, on(Foreign))),
    ("Made has two rules", lambda: (MADE, MADE, *REST)),
    ("Painted has two rules", lambda: (MADE, *REST, on(Painted))),
    ("Thing.name is required and Made does not start it", lambda: (starts(Made), *REST)),
    (
        "Painted.colour is not a field of the event Made",
        lambda: (starts(Made, copies(Made.name), the(Thing.colour).becomes(Painted.colour)), *REST),
    ),
    (
        "Made.height is not a field of the document Thing",
        lambda: (starts(Made, copies(Made.name, Made.height)), *REST),
    ),
    (
        "Foreign.name is not a field of the document Thing",
        lambda: (starts(Made, copies(Made.name), the(Foreign.name).becomes("x")), *REST),
    ),
    ("Made writes Thing.name twice", lambda: (starts(Made, copies(Made.name), the(Thing.name).becomes("x")), *REST)),
    ("Painted writes Thing.colour twice", lambda: (
        MADE, on(Painted, merges(Painted.traits), copies(Painted.colour)), ignores(Lost))),
    ("7 does not fit Thing.colour", lambda: (MADE, on(Lost, the(Thing.colour).becomes(7)), ignores(Painted))),  # type: ignore[arg-type]
    ("'sad' does not fit Thing.mood", lambda: (MADE, on(Lost, the(Thing.mood).becomes("sad")), ignores(Painted))),  # type: ignore[arg-type]
    ("Made.height does not fit Thing.weight", lambda: (
        starts(Made, copies(Made.name), the(Thing.weight).becomes(Made.height)), *REST)),  # type: ignore[arg-type]
    ("Made.name does not fit Thing.mood", lambda: (
        starts(Made, copies(Made.name), the(Thing.mood).becomes(Made.name)), *REST)),  # type: ignore[arg-type]
    ("RECORDED_AT does not fit Thing.weight", lambda: (
        MADE, on(Lost, the(Thing.weight).becomes(RECORDED_AT)), ignores(Painted))),  # type: ignore[arg-type]
    ("weight becomes VERSION here and STREAM_ID there", lambda: (
        MADE, on(Lost, the(Thing.weight).becomes(VERSION)), on(Painted, the(Thing.weight).becomes(STREAM_ID)))),
    ("Painted.colour cannot be merged, it is not a struct", lambda: (
        MADE, on(Painted, merges(Painted.colour)), ignores(Lost))),
    ("Odd.colour does not fit Thing.colour", lambda: (MADE, on(Painted, merges(Painted.odd)), ignores(Lost))),
    ("Thing has no field 'smell' to merge Unrelated into", lambda: (
        MADE, on(Painted, merges(Painted.unrelated)), ignores(Lost))),
    ("Thing.colour cannot grow, it is not an int", lambda: (
        MADE, on(Lost, the(Thing.colour).grows_by(1)), ignores(Painted))),
    ("weight both grows and is set by Painted", lambda: (
        MADE, on(Lost, the(Thing.weight).grows_by(1)), on(Painted, the(Thing.weight).becomes(1)))),
    ("weight grows, so it cannot start as VERSION", lambda: (
        starts(Made, copies(Made.name), the(Thing.weight).becomes(VERSION)),
        on(Lost, the(Thing.weight).grows_by(1)), ignores(Painted))),
    ("Made starts a document, so nothing is there yet that grows", lambda: (
        starts(Made, copies(Made.name), the(Thing.weight).grows_by(1)), *REST)),
    ("'name' is not a field of a document or an event", lambda: (starts(Made, copies("name")), *REST)),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "rules"), WRONG, ids=[sentence for sentence, _ in WRONG])
def test_a_rule_set_that_cannot_be_right_is_refused(sentence: str, rules: Callable[[], tuple[Any, ...]]) -> None:
    with pytest.raises(RuleError) as refusal:
        type("Things", (Projection,), {"rules": rules(), "__orig_bases__": (Projection[Thing, Happening],)})
    assert sentence in str(refusal.value)


def test_a_misspelt_field_does_not_import() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'naem'"):
        the(Thing.naem)  # type: ignore[attr-defined]


def test_a_projection_says_how_it_folds_once() -> None:
    def evolve(self: object, document: Thing | None, recorded: Recorded[Made]) -> Thing | None:
        return document

    bases = {"__orig_bases__": (Projection[Thing, Happening],)}
    for sentence, given in (
        ("has neither rules nor an evolve of its own", {}),
        ("has both rules and an evolve of its own", {"rules": (MADE, *REST), "evolve": evolve}),
        ('overrides evolve, which Postgres cannot run: give it lifecycle = "live"', {"evolve": evolve}),
    ):
        with pytest.raises(RuleError, match=sentence):
            type("Things", (Projection,), {**bases, **given})


def test_a_rule_set_that_can_be_right_imports() -> None:
    class Things(Projection[Thing, Happening]):
        rules = (
            starts(Made, copies(Made.name, Made.weight, Made.mood), the(Thing.since).becomes(RECORDED_AT)),
            on(Painted, merges(Painted.traits)),
            ends(Lost),
        )

    assert Things.name == "things"
    assert set(Things.by_event) == {Made, Painted, Lost}
