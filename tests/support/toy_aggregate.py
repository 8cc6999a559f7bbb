"""A second aggregate, so that the engine is seen to know no item: a toy uses every word of the rule language."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from app.engine.events.event import Recorded
from app.engine.events.personal_data import Personal
from app.engine.events.upcasting import default, dropped, renamed
from app.engine.projection.projection import (
    RECORDED_AT,
    STREAM_ID,
    VERSION,
    Index,
    Projection,
    TextSearch,
    always,
    copies,
    ends,
    ignores,
    merges,
    on,
    starts,
    the,
)


class ToyBuilt(Struct, frozen=True, kw_only=True, tag="toy_built"):
    name: Personal[str]
    weight: int
    box: Personal[str]


class ToyTraits(Struct, frozen=True, kw_only=True):
    name: Personal[str] | UnsetType = UNSET
    colour: str | UnsetType | None = UNSET


class ToyLook(Struct, frozen=True, kw_only=True):
    colour: Personal[str] | UnsetType | None = UNSET


class ToyFound(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="toy_found"):
    """Another way for a toy to begin. Its place came later: where it was stored without, it is the street."""

    name: Personal[str]
    place: Personal[str] = "50 % \\ 'street'"
    look: ToyLook


class ToyPainted(Struct, frozen=True, kw_only=True, tag="toy_painted"):
    traits: ToyTraits
    weight: int


class ToyPlayed(Struct, frozen=True, kw_only=True, tag="toy_played"):
    minutes: int


class ToyBroken(Struct, frozen=True, kw_only=True, tag="toy_broken"):
    pass


class ToySeen(Struct, frozen=True, kw_only=True, tag="toy_seen"):
    by: Personal[str]


class ToyRepaired(Struct, frozen=True, kw_only=True, tag="toy_repaired"):
    pass


class ToyDated(Struct, frozen=True, kw_only=True, tag="toy_dated"):
    """Somebody knows better when it was built."""

    built_at: datetime


class ToyWoven(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="toy_woven"):
    """A third way to begin, taken over whole except for a field it once had."""

    upcasts = (dropped("loom"),)

    name: Personal[str]
    weight: int


class ToyTrim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    upcasts = (renamed("color", to="colour"), renamed("hue", to="colour"), dropped("smell"))

    name: str | UnsetType = UNSET
    colour: Personal[str] | UnsetType | None = UNSET


class ToyMended(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="toy_mended"):
    """It was stored in many other shapes, also within its trim."""

    upcasts = (
        renamed("street", to="place"),
        renamed("50 % \\ 'road'", to="place"),
        renamed("look", to="trim"),
        default("place", "it's \\ 5 %"),
        default("minutes", 5),
        dropped("by"),
    )

    place: Personal[str]
    trim: ToyTrim
    minutes: int


class ToyLabel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    upcasts = (renamed("words", to="text"), default("size", 3))

    text: Personal[str]
    size: int


class ToyPrint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    upcasts = (renamed("tag", to="label"), default("ink", ("black",)))

    label: ToyLabel
    ink: Personal[tuple[str, ...]]


class ToyPrinted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="toy_printed"):
    """Older shapes two structs deep, which the document takes over whole."""

    print: ToyPrint


ToyEvent = (
    ToyBuilt
    | ToyFound
    | ToyPainted
    | ToyPlayed
    | ToyBroken
    | ToySeen
    | ToyRepaired
    | ToyDated
    | ToyWoven
    | ToyMended
    | ToyPrinted
)


class Toy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: int
    name: str
    weight: int = 100
    colour: str | None = None
    state: str = "it's new \\ 100%"
    place: str = "home"
    tags: tuple[str, ...] = ()
    minutes_played: int = 0
    times_played: int = 0
    print: ToyPrint | None = None
    built_at: datetime
    built_version: int
    repaired_at: datetime | None = None
    last_version: int


class Toys(Projection[Toy, ToyEvent]):
    rules = (
        starts(
            ToyBuilt,
            copies(ToyBuilt.name, ToyBuilt.weight),
            the(Toy.id).becomes(STREAM_ID),
            the(Toy.built_at).becomes(RECORDED_AT),
            the(Toy.built_version).becomes(VERSION),
        ),
        starts(
            ToyFound,
            copies(ToyFound.name, ToyFound.place),
            merges(ToyFound.look),
            the(Toy.id).becomes(STREAM_ID),
            the(Toy.state).becomes("found"),
            the(Toy.minutes_played).becomes(7),
            the(Toy.built_at).becomes(RECORDED_AT),
            the(Toy.built_version).becomes(VERSION),
        ),
        starts(
            ToyWoven,
            copies(ToyWoven.name, ToyWoven.weight),
            the(Toy.id).becomes(STREAM_ID),
            the(Toy.built_at).becomes(RECORDED_AT),
            the(Toy.built_version).becomes(VERSION),
        ),
        on(ToyPainted, merges(ToyPainted.traits), copies(ToyPainted.weight), the(Toy.tags).becomes(("painted",))),
        on(ToyPlayed, the(Toy.minutes_played).grows_by(ToyPlayed.minutes), the(Toy.times_played).grows_by(1)),
        on(ToyRepaired, the(Toy.repaired_at).becomes(RECORDED_AT), the(Toy.state).becomes("repaired")),
        on(
            ToyMended,
            copies(ToyMended.place),
            merges(ToyMended.trim),
            the(Toy.minutes_played).grows_by(ToyMended.minutes),
        ),
        on(ToyPrinted, the(Toy.print).becomes(ToyPrinted.print)),
        on(ToyDated, copies(ToyDated.built_at)),
        ends(ToyBroken),
        ignores(ToySeen),
        always(the(Toy.last_version).becomes(VERSION)),
    )
    temporal = True
    indexes = (
        Index((Toy.name,), serves="finding a toy by name"),
        TextSearch((Toy.name, Toy.place), serves="finding a toy by what is written on it"),
    )


class Sighting(Struct, frozen=True, kw_only=True):
    """Who saw the toy, each once, in alphabetical order: more than rules can say."""

    seen_by: tuple[str, ...]


class Sightings(Projection[Sighting, ToyEvent]):
    lifecycle = "live"

    def evolve(self, document: Sighting | None, recorded: Recorded[ToyEvent]) -> Sighting | None:
        match recorded.event:
            case ToySeen(by=by):
                before = document.seen_by if document else ()
                return Sighting(seen_by=tuple(sorted({*before, by})))
            case _:
                return document
