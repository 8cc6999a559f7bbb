"""Rules that cannot be right are refused at import, in a sentence that names what is wrong."""

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType, field

from app.engine.events.event import EventRegistry, Recorded
from app.engine.projection.projection import (
    RECORDED_AT,
    STREAM_ID,
    VERSION,
    Index,
    Projection,
    RuleError,
    TextSearch,
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


class Weighed(Struct, frozen=True):
    weight: int | UnsetType = UNSET


class Named(Struct, frozen=True):
    name: str | UnsetType = UNSET


class Made(Struct, frozen=True, tag="made"):
    name: str
    weight: int
    whole: int
    height: float
    mood: Literal["good"]


class Painted(Struct, frozen=True, tag="painted"):
    traits: Traits
    odd: Odd
    unrelated: Unrelated
    weighed: Weighed
    named: Named
    colour: str
    maybe: str | UnsetType = UNSET
    coated: Traits = Traits()


class Lost(Struct, frozen=True, tag="lost"):
    pass


class Foreign(Struct, frozen=True, tag="foreign"):
    name: str


Happening = Made | Painted | Lost


class Thing(Struct, frozen=True, kw_only=True):
    name: str
    colour: str = "white"
    weight: int = 0
    share: float = 1.0
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
    ("Made starts a document, so no field can grow yet", lambda: (
        starts(Made, copies(Made.name), the(Thing.weight).grows_by(1)), *REST)),
    ("no event starts a document", lambda: (ignores(Made, Painted, Lost),)),
    ("weight grows, so Painted cannot merge it", lambda: (
        MADE, on(Painted, merges(Painted.weighed)), on(Lost, the(Thing.weight).grows_by(1)))),
    ("Painted.coated is merged, so it cannot have a default", lambda: (
        MADE, on(Painted, merges(Painted.coated)), ignores(Lost))),
    ("Thing.name is required and Painted does not start it", lambda: (
        starts(Painted, merges(Painted.named)), ignores(Made, Lost))),
    ("Made.whole does not fit Thing.share", lambda: (
        starts(Made, copies(Made.name), the(Thing.share).becomes(Made.whole)), *REST)),
    ("1 does not fit Thing.share", lambda: (MADE, on(Lost, the(Thing.share).becomes(1)), ignores(Painted))),
    ("nan does not fit Thing.share", lambda: (MADE, on(Lost, the(Thing.share).becomes(math.nan)), ignores(Painted))),
    ("does not fit Thing.colour", lambda: (MADE, on(Lost, the(Thing.colour).becomes("a\0b")), ignores(Painted))),
    ("does not fit Thing.colour", lambda: (MADE, on(Lost, the(Thing.colour).becomes("$fold$")), ignores(Painted))),
    ("Painted.maybe does not fit Thing.colour", lambda: (
        MADE, on(Painted, the(Thing.colour).becomes(Painted.maybe)), ignores(Lost))),  # type: ignore[arg-type]
    ("'name' is not a field of a document or an event", lambda: (starts(Made, copies("name")), *REST)),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "rules"), WRONG, ids=[sentence for sentence, _ in WRONG])
def test_a_rule_set_that_cannot_be_right_is_refused(sentence: str, rules: Callable[[], tuple[Any, ...]]) -> None:
    with pytest.raises(RuleError) as refusal:
        type("Things", (Projection,), {"rules": rules(), "__orig_bases__": (Projection[Thing, Happening],)})
    assert sentence in str(refusal.value)


class Renamed(Struct, frozen=True, rename="upper"):
    name: str


class Listed(Struct, frozen=True, array_like=True):
    name: str


class Tagged(Struct, frozen=True, tag="x"):
    name: str


class Doubled(Struct, frozen=True):
    na__me: str


class Bounded(Struct, frozen=True):
    name: Annotated[str, Meta(max_length=3)]


class Unset(Struct, frozen=True, kw_only=True):
    name: str
    other: str | UnsetType = UNSET


class Random(Struct, frozen=True, kw_only=True):
    name: str
    key: UUID = field(default_factory=uuid4)


class Halved(Struct, frozen=True, kw_only=True):
    name: str
    share: float = 1


class Empty(Struct, frozen=True):
    pass


DOCUMENTS = [
    (Renamed, "Renamed.name is stored under another name"),
    (Listed, "Listed is not stored as an object of its fields"),
    (Tagged, "Tagged is not stored as an object of its fields"),
    (Doubled, "Doubled.na__me cannot name a column"),
    (Bounded, "Bounded.name cannot have limits: put them on the command"),
    (Unset, "Unset.other cannot be UNSET"),
    (Random, "Random.key has a default that may differ from call to call"),
    (Halved, "1 does not fit Halved.share"),
    (Empty, "Empty has no fields"),
]


@pytest.mark.parametrize(("document", "sentence"), DOCUMENTS, ids=[sentence for _, sentence in DOCUMENTS])
def test_a_document_that_folds_could_not_agree_on_is_refused(document: type[Struct], sentence: str) -> None:
    rules = (starts(Made), *REST)
    with pytest.raises(RuleError, match=re.escape(sentence)):
        type("Things", (Projection,), {"rules": rules, "__orig_bases__": (Projection[document, Happening],)})  # type: ignore[valid-type]


NO_NAMES = ["streams", "my-things", "MyThings", "", "t" * 41, "1st", "things_next", "things_members", "old_words"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_no_table_can_have_is_refused(name: str) -> None:
    given = {"name": name, "rules": (MADE, *REST), "__orig_bases__": (Projection[Thing, Happening],)}
    with pytest.raises(RuleError, match="cannot name a table"):
        type("Things", (Projection,), given)


def test_a_projection_does_not_derive_from_another() -> None:
    class Things(Projection[Thing, Happening]):
        rules = (MADE, *REST)

    with pytest.raises(RuleError, match="Others derives from another projection"):
        type("Others", (Things,), {})


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (Index((Made.name,)), "cannot be indexed, it is not a field of Thing"),
        (Index(("name",)), "cannot be indexed, it is not a field of Thing"),
        (Index((Thing.name,), newest_first=Made.name), "cannot be indexed, it is not a field of Thing"),
        (TextSearch((Thing.since,)), "Thing.since has no words, because it is not a str"),
    ],
)
def test_an_index_is_over_fields_of_the_document(index: Index | TextSearch, sentence: str) -> None:
    given = {"indexes": (index,), "rules": (MADE, *REST), "__orig_bases__": (Projection[Thing, Happening],)}
    with pytest.raises(RuleError, match=re.escape(sentence)):
        type("Things", (Projection,), given)


def test_two_events_of_one_tag_are_refused() -> None:
    class MadeAgain(Struct, frozen=True, tag="made"):
        name: str

    with pytest.raises(AssertionError, match="two event types have one tag"):
        EventRegistry(Made | MadeAgain)


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
